"""The command line: ``regsearch serve``, ``search``, ``backfill`` and all other commands.

Here are the commands and their options. The code of a command is imported when it runs, because
the help, the version and the completion of a shell must not wait for it.
"""

import sys
from collections.abc import Iterator, Sequence

import click
from click.shell_completion import get_completion_class

from indexer.errors import QueryError, RegsearchError, SettingsError, UnusableFileError
from indexer.model import ASKED_FOR, LIMIT_MAX, DocumentType, Sort

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SUPERVISED = click.option("--supervised", type=int, metavar="PID", hidden=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="regsearch")
def commands() -> None:
    """Search in container registries."""


@commands.command()
def serve() -> None:
    """Run the whole service: web and indexer, watched and restarted."""
    from search_api.cli import service

    service.serve()


@commands.command()
@_SUPERVISED
def web(*, supervised: int | None) -> None:
    """Run only the web process: receive notifications and answer searches."""
    from search_api.cli import service

    service.run_web(supervised)


@commands.command()
@_SUPERVISED
def indexer(*, supervised: int | None) -> None:
    """Run only the indexer: read registries and keep the search index."""
    from search_api.cli import service

    service.run_indexer(supervised)


@commands.command()
@_JSON
def status(*, as_json: bool) -> None:
    """Show how fresh and complete everything is."""
    from search_api.cli import operation

    operation.show_status(as_json=as_json)


@commands.command()
@click.argument("registry", nargs=-1)
def notifications(registry: tuple[str, ...]) -> None:
    """Print what to put into the configuration of REGISTRY, or of all, with the secret."""
    from search_api.cli import operation

    operation.show_notifications(registry)


@commands.command()
@click.argument("registry", nargs=-1)
def backfill(registry: tuple[str, ...]) -> None:
    """Crawl REGISTRY, or all registries; return when everything is searchable.

    After an interruption the next backfill or indexer continues.
    """
    from search_api.cli import operation

    operation.backfill(registry)


@commands.command()
@click.argument("registry", nargs=-1)
@click.option("--accept", is_flag=True, help="Hide everything that is held back.")
@_JSON
def reconcile(registry: tuple[str, ...], *, accept: bool, as_json: bool) -> None:
    """List what is held back of REGISTRY, or of all: suspiciously much disappeared at once."""
    if accept and as_json:
        raise click.UsageError("--json is for the list, without --accept")
    from search_api.cli import operation

    if accept:
        operation.accept(registry)
    else:
        operation.show_quarantined(registry, as_json=as_json)


@commands.command()
@click.option(
    "--extract", is_flag=True, help="First analyse all stored content again; no registry is read."
)
def rebuild(*, extract: bool) -> None:
    """Build the search index again from the store; searches go on meanwhile."""
    from search_api.cli import operation

    operation.rebuild(extract=extract)


@commands.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def backup(file: str) -> None:
    """Write store, journal and webhook secret to FILE (-: standard output), while all runs."""
    from search_api.cli import backup as backups

    backups.back_up(file)


@commands.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def restore(file: str) -> None:
    """Put the backup in FILE (-: standard input) into an empty data directory."""
    from search_api.cli import backup as backups

    backups.restore(file)


@commands.command()
@click.argument("query", nargs=-1)
@click.option(
    "--type",
    "kind",
    type=click.Choice([kind.value for kind in ASKED_FOR]),
    default=DocumentType.REPOSITORY.value,
    help="What to list.",
)
@click.option("--registry", default="", help="The name or host of a registry to stay within.")
@click.option(
    "--sort",
    type=click.Choice([f"{sign}{sort.value}" for sort in Sort for sign in ("", "-")]),
    default=Sort.RELEVANCE.value,
    metavar="ORDER",
    help=f"{', '.join(sort.value for sort in Sort)}; a minus before it reverses.",
)
@click.option(
    "--facets",
    default="",
    metavar="NAMES",
    help="What to count among all that match: kind,platform,license,vendor,label:KEY…",
)
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=25, help="How many to list.")
@click.option("--all", "everything", is_flag=True, help="List all, page after page.")
@click.option("--json", "output", flag_value="json", help="Print the answer as JSON.")
@click.option("--jsonl", "output", flag_value="jsonl", help="Print each result as a line of JSON.")
@click.option("--names", "output", flag_value="names", help="Print just the references.")
@click.option(
    "--url",
    envvar="REGSEARCH_URL",
    default="",
    help="Ask the service at this address (REGSEARCH_URL), with what `regsearch login` keeps.",
)
def search(
    query: tuple[str, ...],
    *,
    kind: str,
    registry: str,
    sort: str,
    facets: str,
    limit: int,
    everything: bool,
    output: str | None,
    url: str,
) -> None:
    """List what matches QUERY, best first; without one, everything.

    Put -- before a QUERY that begins with a minus sign.
    """
    from search_api.cli import search as searches

    request = searches.parse_request(
        query,
        kind=kind,
        registry=registry,
        sort=sort,
        facets=facets,
        limit=LIMIT_MAX if everything else limit,
        # Only these show which texts match.
        with_texts=output in {"json", "jsonl"},
    )
    if url:
        from search_api.cli import remote

        remote.search(url, request, everything=everything, output=output)
    else:
        searches.search(request, everything=everything, output=output)


@commands.command()
@click.argument("url")
@click.option("--username", "-u", default="", help="The user name; a token needs none.")
@click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read password or token from stdin."
)
def login(url: str, *, username: str, from_stdin: bool) -> None:
    """Sign in at the service at URL, for `regsearch search --url`.

    Password or token are kept where docker keeps its own; docker search uses them too.
    """
    from search_api.cli import login as logins

    logins.log_in(url, username=username, from_stdin=from_stdin)


@commands.command()
@click.argument("url")
def logout(url: str) -> None:
    """Forget what `regsearch login` keeps for the service at URL."""
    from search_api.cli import login as logins

    logins.log_out(url)


@commands.command()
@click.argument("reference")
@_JSON
def show(reference: str, *, as_json: bool) -> None:
    """Show what is known of REFERENCE: an image, a repository, or an image or layer by digest."""
    from search_api.cli import search as searches

    searches.show(reference, as_json=as_json)


@commands.group()
def token() -> None:
    """Make, list and revoke tokens, with which programs say who they are."""


@token.command("create")
@click.option("--user", default="", metavar="NAME", help="For whom it stands, and who owns it.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="A group of the user.")
@click.option(
    "--expires", default="90d", metavar="DURATION", help="How long it is valid; 0s: for ever."
)
@click.option(
    "--metrics", is_flag=True, help="For the metrics and the status alone; it finds nothing else."
)
def create_token(*, user: str, groups: tuple[str, ...], expires: str, metrics: bool) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from search_api.cli import token as tokens

    tokens.create(user, groups, expires=expires, metrics=metrics)


@token.command("list")
@_JSON
def list_tokens(*, as_json: bool) -> None:
    """List the tokens: whose they are, until when, and when they were used last."""
    from search_api.cli import token as tokens

    tokens.show_all(as_json=as_json)


@token.command("revoke")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
def revoke_token(ids: tuple[str, ...]) -> None:
    """Revoke tokens by the ID that the list shows; a running service refuses them at once."""
    from search_api.cli import token as tokens

    tokens.revoke(ids)


@commands.command()
@click.argument("url")
@_JSON
def conformance(url: str, *, as_json: bool) -> None:
    """Check the server at URL against the specification of the search API.

    Ends with 1 where a check fails; what the server holds nothing for is not checked.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} is no http:// or https:// address")
    from search_api.cli import operation

    operation.check_conformance(url, as_json=as_json)


@commands.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands and options: eval "$(regsearch completion bash)"."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - one of the choices
    click.echo(made(click.Group(), {}, "regsearch", "_REGSEARCH_COMPLETE").source())


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
    """Print an error as one line and return the exit status that goes with it."""
    from search_api.cli.tables import print_error
    from search_api.processes import USAGE_ERROR

    place = f"query, column {error.column}: " if isinstance(error, QueryError) else ""
    print_error(f"regsearch: {place}{error}")
    return USAGE_ERROR if isinstance(error, SettingsError | UnusableFileError) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


if __name__ == "__main__":
    main()
