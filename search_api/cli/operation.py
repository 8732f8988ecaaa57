"""The commands of an operator: ``backfill``, ``reconcile``, ``rebuild``, checks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.cli import jobs, tables
from search_api.cli.common import end, print_json
from search_api.cli.notification_block import notification_block
from search_api.cli.progress import progress
from search_api.conformance import State, run_checks
from search_api.processes import prepare_settings
from search_api.search import make_service, quarantined_json
from webhooks.auth import webhook_secrets


def show_notifications(registries: Sequence[str]) -> None:
    """Print what goes into the configuration of registries so that they notify this service."""
    settings = prepare_settings(process="notifications", quiet=True)
    secrets = webhook_secrets(settings)
    silent = {registry.name for registry in settings.registry if not registry.notifications}
    for name in registries or (name for name in secrets if name not in silent):
        (known,) = _named(settings, [name])
        click.echo(f"# For the configuration of registry {known}, so that it notifies us:")
        click.echo(notification_block(settings, known, secret=secrets[known][0]))


def backfill(registries: Sequence[str]) -> None:
    """Have registries read whole, and end when everything is searchable."""
    settings = prepare_settings(process="backfill", quiet=True)
    names = _named(settings, registries)
    with progress("backfill") as report:
        problems = asyncio.run(jobs.backfill(settings, names, report=report))
    end(problems)


def accept(registries: Sequence[str]) -> None:
    """Have hidden what is held back of registries."""
    settings = prepare_settings(process="reconcile", quiet=True)
    names = _named(settings, registries)
    with progress("reconcile") as report:
        problems = asyncio.run(jobs.accept(settings, names, report=report))
    end(problems)


def show_quarantined(registries: Sequence[str], *, as_json: bool) -> None:
    """Print what is held back of registries."""
    settings = prepare_settings(process="reconcile", quiet=True)
    names = _named(settings, registries)
    quarantined = asyncio.run(_quarantined(settings))
    body = quarantined_json({name: quarantined[name] for name in names if name in quarantined})
    if as_json:
        print_json(body)
    else:
        tables.print_quarantined(body)


async def _quarantined(settings: Settings) -> Mapping[str, Sequence[Any]]:
    service = make_service(settings)
    try:
        return await service.quarantined()
    finally:
        await service.close()


def rebuild(*, extract: bool) -> None:
    """Have the search index made again, and end when that is done."""
    settings = prepare_settings(process="rebuild", quiet=True)
    with progress("rebuild") as report:
        problems = asyncio.run(jobs.rebuild(settings, extract=extract, report=report))
    end(problems)


def check_conformance(url: str, *, as_json: bool) -> None:
    """Print how each check of a server ends, and end with 1 if any failed."""
    outcomes = []
    for outcome in run_checks(url):
        outcomes.append(outcome)
        if not as_json:
            tables.print_outcome(outcome)
    if as_json:
        print_json({"checks": [asdict(outcome) for outcome in outcomes]})
    failed = sum(outcome.state is State.FAILED for outcome in outcomes)
    end([f"{failed} of {len(outcomes)} checks failed"] if failed else [])


def _named(settings: Settings, registries: Sequence[str]) -> list[str]:
    """Return these registries, or all where none is named; unknown: :class:`SettingsError`."""
    known = [each.name for each in settings.registry]
    for name in registries:
        if name not in known:
            raise SettingsError(f"no registry is named {name!r}; known are {', '.join(known)}")
    return list(registries) or known
