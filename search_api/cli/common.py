"""What all commands of the command line share: settings, a way to search, and how they end."""

import json
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any, Concatenate, ParamSpec

import click

from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api.cli import tables
from search_api.processes import configure_logging, prepare
from search_api.search import Searcher, make_searcher

Parameters = ParamSpec("Parameters")

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(body: dict[str, Any]) -> None:
    """Print an object."""
    # ASCII alone: texts from images may hold what terminals take for commands.
    click.echo(json.dumps(body, indent=2))


def set_up(*, process: str, quiet: bool = False) -> Settings:
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
    settings: Settings,
    look: Callable[Concatenate[Searcher, Parameters], dict[str, Any]],
    *arguments: Parameters.args,
    **named: Parameters.kwargs,
) -> dict[str, Any]:
    """Return what ``look`` makes of the data directory of the settings."""
    with closing(make_searcher(settings)) as searcher:
        return searcher.run(look, *arguments, **named)


def end(problems: list[str]) -> None:
    """Print what went wrong and exit: 1 where something did, else 0."""
    for problem in problems:
        tables.print_error(f"regsearch: {problem}")
    sys.exit(1 if problems else 0)
