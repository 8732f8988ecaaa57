"""The command line: ``regsearch serve``, ``search``, ``backfill`` and what else is needed."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

import click
import structlog

from indexer.errors import QueryError, RegsearchError, SettingsError, UnusableFileError
from indexer.settings import Settings
from search_api.cli import jobs, tables
from search_api.cli.common import JSON, end, print_json, searched, settings_of
from search_api.cli.notification_block import notification_block
from search_api.cli.search import completion, conformance, search, show
from search_api.processes import USAGE_ERROR, end_with_parent, own_command, supervise
from search_api.search import Searcher, quarantined_json, status_json
from webhooks.auth import webhook_secrets

log = structlog.get_logger()

_SUPERVISED = click.option("--supervised", type=int, metavar="PID", hidden=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="regsearch")
def commands() -> None:
    """Search what container registries hold."""


@commands.command()
def serve() -> None:
    """Run the whole service: web and indexer, watched and restarted."""
    settings = settings_of(process="serve")
    for registry, secret in webhook_secrets(settings).items():
        click.echo(f"# For the configuration of registry {registry}, so that it notifies us:")
        click.echo(notification_block(settings, registry, secret=secret))
    sys.stdout.flush()
    processes = {
        name: own_command(name, f"--supervised={os.getpid()}") for name in ("web", "indexer")
    }
    sys.exit(asyncio.run(supervise(processes)))


@commands.command()
@_SUPERVISED
def web(*, supervised: int | None) -> None:
    """Run only the web process: receive notifications and answer searches."""
    settings = settings_of(process="web")
    if supervised is not None:
        end_with_parent(supervised)
    # Here, as importing FastAPI takes long, and all other commands do without.
    from search_api.web import serve_web  # noqa: PLC0415

    serve_web(settings)


@commands.command()
@_SUPERVISED
def indexer(*, supervised: int | None) -> None:
    """Run only the indexer: read registries and keep the search index."""
    settings = settings_of(process="indexer")
    if supervised is not None:
        end_with_parent(supervised)
    from search_api.processes import serve_indexer  # noqa: PLC0415 - as above

    _run_until_stopped(serve_indexer(settings))


@commands.command()
@JSON
def status(*, as_json: bool) -> None:
    """Show how fresh and complete everything is."""
    settings = settings_of(process="status", quiet=True)

    body = searched(settings, lambda searcher: status_json(searcher.status()))
    if as_json:
        print_json(body)
    else:
        tables.print_status(body)


@commands.command()
@click.argument("registry", nargs=-1)
def backfill(registry: tuple[str, ...]) -> None:
    """Read every repository of REGISTRY, or of all; returns when all of it is searchable.

    Interrupted, it goes on where it was with the next backfill or indexer.
    """
    settings = settings_of(process="backfill", quiet=True)
    names = _named(settings, registry)
    with tables.progress("backfill") as report:
        problems = asyncio.run(jobs.backfill(settings, names, report=report))
    end(problems)


@commands.command()
@click.argument("registry", nargs=-1)
@click.option("--accept", is_flag=True, help="Hide what is held back.")
@JSON
def reconcile(registry: tuple[str, ...], *, accept: bool, as_json: bool) -> None:
    """List what is held back of REGISTRY, or of all: gone from it, but too much to be hidden."""
    if accept and as_json:
        raise click.UsageError("--json is for the list, without --accept")
    settings = settings_of(process="reconcile", quiet=True)
    names = _named(settings, registry)
    if accept:
        with tables.progress("reconcile") as report:
            problems = asyncio.run(jobs.accept(settings, names, report=report))
        end(problems)

    def ask(searcher: Searcher) -> dict[str, Any]:
        quarantined = searcher.quarantined()
        return quarantined_json({name: quarantined[name] for name in names if name in quarantined})

    body = searched(settings, ask)
    if as_json:
        print_json(body)
    else:
        tables.print_quarantined(body)


@commands.command()
@click.option(
    "--extract", is_flag=True, help="First read all stored content again; no registry is asked."
)
def rebuild(*, extract: bool) -> None:
    """Make the search index again from the store; searches go on meanwhile."""
    settings = settings_of(process="rebuild", quiet=True)
    with tables.progress("rebuild") as report:
        problems = asyncio.run(jobs.rebuild(settings, extract=extract, report=report))
    end(problems)


for command in (search, show, conformance, completion):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors are one line each.

    The status is 2 where the settings or a file are of no use and trying again would not help.
    """
    try:
        commands.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except RegsearchError as error:
        sys.exit(_report(error))
    except ExceptionGroup as group:
        # The indexer runs its parts side by side; the one that failed ended the others.
        known, others = group.split(RegsearchError)
        if known is None or others is not None:
            raise
        sys.exit(max(_report(error) for error in _leaves(known)))


def _report(error: BaseException) -> int:
    """Print an error as one line and return the exit status that goes with it."""
    place = f"query, column {error.column}: " if isinstance(error, QueryError) else ""
    tables.print_error(f"regsearch: {place}{error}")
    return USAGE_ERROR if isinstance(error, SettingsError | UnusableFileError) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _named(settings: Settings, registries: Sequence[str]) -> list[str]:
    """Return these registries, or all where none is named; unknown: :class:`SettingsError`."""
    known = [each.name for each in settings.registry]
    for name in registries:
        if name not in known:
            raise SettingsError(f"no registry is named {name!r}; known are {', '.join(known)}")
    return list(registries) or known


def _run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` until it ends or SIGTERM or SIGINT cancels it."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await task

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        log.info("stopped")


if __name__ == "__main__":
    main()
