"""Code that all commands share: set-up, searching, and ending with a status."""

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
    # Only ASCII: texts from images may contain control sequences of terminals.
    click.echo(json.dumps(body, indent=2))


def set_up(*, process: str, quiet: bool = False) -> Settings:
    """Load the settings, configure logging and prepare the data directory."""
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
    """Call ``look`` with a searcher of the data directory; return its result."""
    with closing(make_searcher(settings)) as searcher:
        return searcher.run(look, *arguments, **named)


def end(problems: list[str]) -> None:
    """Print the problems and exit: with 1 if there are any, else with 0."""
    for problem in problems:
        tables.print_error(f"regsearch: {problem}")
    sys.exit(1 if problems else 0)
