"""Tokens of our own: made on the command line, sent as ``Authorization: Bearer``.

The file holds a hash of each. A token has 256 random bits, so that nobody can try them out, and the
hash need not be slow.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from indexer.clock import parse_rfc3339, rfc3339
from indexer.errors import NotFoundError, SettingsError
from indexer.settings import Settings
from search_api.access.watched_file import WatchedFile

TOKENS_FILE = "tokens.json"
USES_FILE = "token-uses.json"
PREFIX = "regsearch_"
"""What every token begins with, so that it is known when it lies where it should not."""
_ID_BYTES = 4
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token; nobody can tell the token from it."""

    id: str
    hash: str
    """SHA-256 of the whole token."""
    user: str
    groups: tuple[str, ...]
    metrics: bool
    """Whether it is for the metrics and the status alone; it then stands for no user."""
    created_at: str
    expires_at: str | None

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and parse_rfc3339(self.expires_at) <= now


def tokens_path(settings: Settings) -> Path:
    """Return where the tokens are."""
    return settings.access.tokens_file or settings.data_dir / TOKENS_FILE


class Tokens:
    """Knows the tokens of a file, also those that are made or revoked meanwhile."""

    def __init__(self, path: Path) -> None:
        """Read the file; :class:`SettingsError` if it cannot be used. It may be missing."""
        self._file = WatchedFile(
            path, parse_tokens, setting="access.tokens_file", may_be_missing=True
        )

    def find(self, text: str, now: datetime) -> ApiToken | None:
        """Return what is known of a token; None if it is unknown, revoked or expired."""
        token = self._file.read().get(_id_of(text))
        expected = token.hash if token else ""
        if not hmac.compare_digest(_hash(text), expected) or token is None:
            return None
        return None if token.is_expired(now) else token


def make_token(
    user: str, groups: tuple[str, ...], *, metrics: bool, now: datetime, expires_at: datetime | None
) -> tuple[str, ApiToken]:
    """Return a new token, and what is kept of it."""
    number = secrets.token_hex(_ID_BYTES)
    text = f"{PREFIX}{number}_{secrets.token_hex(_SECRET_BYTES)}"
    token = ApiToken(
        id=number,
        hash=_hash(text),
        user=user,
        groups=groups,
        metrics=metrics,
        created_at=rfc3339(now),
        expires_at=rfc3339(expires_at) if expires_at else None,
    )
    return text, token


def make_owner_token() -> str:
    """Return a token for the account of the service, until this process ends."""
    return f"{PREFIX}owner_{secrets.token_hex(_SECRET_BYTES)}"


def parse_tokens(text: str) -> Mapping[str, ApiToken]:
    """Return the tokens of a file, by their id; :class:`SettingsError` if it is none."""
    try:
        listed = json.loads(text)["tokens"] if text.strip() else []
        found = [ApiToken(**{**one, "groups": tuple(one["groups"])}) for one in listed]
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError("no file of `regsearch token create`") from error
    return {token.id: token for token in found}


def add_token(path: Path, token: ApiToken) -> None:
    """Write a token into the file, which is made if it is missing."""
    _change(path, lambda tokens: {**tokens, token.id: token})


def revoke_token(path: Path, number: str) -> ApiToken:
    """Remove a token from the file; :class:`NotFoundError` if it has none with this id."""
    removed: list[ApiToken] = []

    def without(tokens: Mapping[str, ApiToken]) -> Mapping[str, ApiToken]:
        if number not in tokens:
            raise NotFoundError(f"no token has the id {number[:100]!r}: see `regsearch token list`")
        removed.append(tokens[number])
        return {key: token for key, token in tokens.items() if key != number}

    _change(path, without)
    return removed[0]


def list_tokens(path: Path) -> list[ApiToken]:
    """Return the tokens of a file, the oldest first."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        tokens = parse_tokens(text)
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise SettingsError(f"access.tokens_file {str(path)!r}: {error}") from error
    return sorted(tokens.values(), key=lambda token: token.created_at)


def _change(path: Path, change: Callable[[Mapping[str, ApiToken]], Mapping[str, ApiToken]]) -> None:
    """Write a file anew with the tokens that ``change`` makes of those in it."""
    try:
        with _locked(path):
            tokens = change({token.id: token for token in list_tokens(path)})
            body = {"tokens": [asdict(token) for token in tokens.values()]}
            replace_file(path, json.dumps(body, indent=1) + "\n")
    except OSError as error:
        raise SettingsError(f"access.tokens_file {str(path)!r}: {error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other commands from changing a file within."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_file(path: Path, text: str) -> None:
    """Write a file that only this account can read; others see it whole or as before."""
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def _id_of(text: str) -> str:
    return text.removeprefix(PREFIX).partition("_")[0]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
