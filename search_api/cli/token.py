"""The commands ``token create``, ``token list`` and ``token revoke``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from indexer.clock import SystemClock
from indexer.settings import Settings, parse_duration
from search_api.access import (
    ApiToken,
    add_token,
    list_tokens,
    make_token,
    read_uses,
    revoke_token,
    tokens_path,
)
from search_api.cli import tables
from search_api.cli.common import print_error, print_json
from search_api.processes import prepare_settings

NAME_MAX = 300


def create(user: str, groups: Sequence[str], *, expires: str, metrics: bool) -> None:
    """Write a new token, and print it."""
    if metrics and groups:
        raise click.UsageError("--metrics is for no group: such a token finds nothing")
    if not user and not metrics:
        raise click.UsageError("--user is missing: for whom does the token stand?")
    for name in (user or "metrics", *groups):
        if not name or len(name) > NAME_MAX or not name.isprintable():
            raise click.UsageError(f"{name[:NAME_MAX]!r} is no name of a user or a group")
    now = SystemClock().now()
    settings = prepare_settings(process="token", quiet=True)
    text, token = make_token(
        user or "metrics",
        tuple(groups),
        metrics=metrics,
        now=now,
        expires_at=_expiry(expires, now),
    )
    add_token(tokens_path(settings), token)
    click.echo(text)
    until = f"valid until {token.expires_at}" if token.expires_at else "valid for ever"
    print_error(f"token {token.id}, {until}; it is not shown again")


def show_all(*, as_json: bool) -> None:
    """Print what is known of the tokens."""
    settings = prepare_settings(process="token", quiet=True)
    body = {"tokens": [_json(token, settings) for token in list_tokens(tokens_path(settings))]}
    if as_json:
        print_json(body)
    else:
        tables.print_tokens(body)


def revoke(ids: Sequence[str]) -> None:
    """Remove tokens."""
    path = tokens_path(prepare_settings(process="token", quiet=True))
    for number in ids:
        token = revoke_token(path, number)
        click.echo(f"revoked: token {token.id} of {token.user}")


def _expiry(text: str, now: datetime) -> datetime | None:
    try:
        duration = parse_duration(text)
        return now + duration if duration > timedelta() else None
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"--expires {text[:50]!r}: {error}") from error


def _json(token: ApiToken, settings: Settings) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user,
        "groups": list(token.groups),
        "metrics": token.metrics,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "expired": token.is_expired(SystemClock().now()),
        "last_used_at": read_uses(settings.data_dir).get(token.id),
    }
