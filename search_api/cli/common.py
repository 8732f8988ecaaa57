"""Code that all commands share: set-up, searching, and ending with a status."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api.cli import tables
from search_api.processes import configure_logging, prepare
from search_api.search import SearchService, make_service

Result = TypeVar("Result")


def print_json(body: dict[str, Any]) -> None:
    """Print an object."""
    # Only ASCII: texts from images may contain control sequences of terminals.
    click.echo(json.dumps(body, indent=2))


def prepare_settings(*, process: str, quiet: bool = False) -> Settings:
    """Return the settings, with logging and the data directory ready."""
    settings = load_settings()
    configure_logging("error" if quiet else settings.log_level, process=process)
    if not settings.registry:
        raise SettingsError(
            "no registry is set: REGSEARCH_REGISTRY=http://localhost:5000 names one,"
            " [[registry]] tables in regsearch.toml name several"
        )
    prepare(settings)
    return settings


def ask_service(settings: Settings, ask: Callable[[SearchService], Awaitable[Result]]) -> Result:
    """Return what a service over the data directory of the settings answers."""

    async def run() -> Result:
        service = make_service(settings)
        try:
            return await ask(service)
        finally:
            await service.close()

    return asyncio.run(run())


def end(problems: list[str]) -> None:
    """Print the problems and exit: with 1 if there are any, else with 0."""
    for problem in problems:
        tables.print_error(f"regsearch: {problem}")
    sys.exit(1 if problems else 0)
