"""The command line: ``regsearch serve``, ``search``, ``backfill`` and all other commands."""

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
from search_api.cli.common import JSON, end, print_json, searched, set_up
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
    """Search in container registries."""


@commands.command()
def serve() -> None:
    """Run the whole service: web and indexer, watched and restarted."""
    settings = set_up(process="serve")
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
    settings = set_up(process="web")
    if supervised is not None:
        end_with_parent(supervised)
    # Imported here, because FastAPI takes long and no other command needs it.
    from search_api.web import serve_web  # noqa: PLC0415

    serve_web(settings)


@commands.command()
@_SUPERVISED
def indexer(*, supervised: int | None) -> None:
    """Run only the indexer: read registries and keep the search index."""
    settings = set_up(process="indexer")
    if supervised is not None:
        end_with_parent(supervised)
    from search_api.processes import serve_indexer  # noqa: PLC0415 - as above

    _run_until_stopped(serve_indexer(settings))


@commands.command()
@JSON
def status(*, as_json: bool) -> None:
    """Show how fresh and complete everything is."""
    settings = set_up(process="status", quiet=True)

    body = searched(settings, lambda searcher: status_json(searcher.status()))
    if as_json:
        print_json(body)
    else:
        tables.print_status(body)


@commands.command()
@click.argument("registry", nargs=-1)
def backfill(registry: tuple[str, ...]) -> None:
    """Crawl REGISTRY, or all registries; return when everything is searchable.

    After an interruption the next backfill or indexer continues.
    """
    settings = set_up(process="backfill", quiet=True)
    names = _named(settings, registry)
    with tables.progress("backfill") as report:
        problems = asyncio.run(jobs.backfill(settings, names, report=report))
    end(problems)


@commands.command()
@click.argument("registry", nargs=-1)
@click.option("--accept", is_flag=True, help="Hide everything that is held back.")
@JSON
def reconcile(registry: tuple[str, ...], *, accept: bool, as_json: bool) -> None:
    """List what is held back of REGISTRY, or of all: suspiciously much disappeared at once."""
    if accept and as_json:
        raise click.UsageError("--json is for the list, without --accept")
    settings = set_up(process="reconcile", quiet=True)
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
    "--extract", is_flag=True, help="First analyse all stored content again; no registry is read."
)
def rebuild(*, extract: bool) -> None:
    """Build the search index again from the store; searches go on meanwhile."""
    settings = set_up(process="rebuild", quiet=True)
    with tables.progress("rebuild") as report:
        problems = asyncio.run(jobs.rebuild(settings, extract=extract, report=report))
    end(problems)


for command in (search, show, conformance, completion):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; each error is one line.

    Status 2 means: do not retry, but fix the settings, the command or the damaged file first.
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
        # The indexer runs its parts side by side; one that fails ends the others.
        known, others = group.split(RegsearchError)
        if known is None or others is not None:
            raise
        sys.exit(max(_report(error) for error in _leaves(known)))


def _report(error: BaseException) -> int:
    """Print an error as one line and return its exit status."""
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
    """Return these registries, or all if none is named; :class:`SettingsError` if unknown."""
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
