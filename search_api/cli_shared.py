"""What all commands of the command line share: settings, a way to search, and how they end."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click

from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api import printing
from search_api.logs import configure_logging
from search_api.searching import Searching
from search_api.wiring import make_searching, prepare

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(body: dict[str, Any]) -> None:
    """Print an object."""
    # ASCII alone: texts from images may hold what terminals take for commands.
    click.echo(json.dumps(body, indent=2))


def settings_of(*, process: str, quiet: bool = False) -> Settings:
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


def searched(
    settings: Settings, look: Callable[[Searching], Coroutine[Any, Any, dict[str, Any]]]
) -> dict[str, Any]:
    """Return what ``look`` makes of the data directory of the settings."""

    async def run() -> dict[str, Any]:
        searching = make_searching(settings)
        try:
            return await look(searching)
        finally:
            await searching.close()

    return asyncio.run(run())


def end(problems: list[str]) -> None:
    """Print what went wrong and exit: 1 where something did, else 0."""
    for problem in problems:
        printing.print_error(f"regsearch: {problem}")
    sys.exit(1 if problems else 0)
