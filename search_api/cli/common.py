"""Code that commands share: printing, searching, and ending with a status."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from indexer.settings import Settings
from search_api.cli import tables
from search_api.search import SearchService, make_service

Result = TypeVar("Result")


def print_json(body: dict[str, Any]) -> None:
    """Print an object."""
    # Only ASCII: texts from images may contain control sequences of terminals.
    click.echo(json.dumps(body, indent=2))


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
