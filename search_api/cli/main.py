"""The command line: ``regsearch serve``, ``search``, ``backfill`` and all other commands.

Here are the commands and their options. The code of a command is imported when it runs, because
the help, the version and the completion of a shell must not wait for it.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from indexer.errors import QueryError, RegsearchError, SettingsError, UnusableFileError
from indexer.model import ASKED_FOR, LIMIT_MAX, DocumentType, Sort

SECTIONS = {
    "Ask a service": ("search", "show", "changes", "status"),
    "Run it": ("serve", "notifications", "web", "indexer"),
    "Look after it": (
        "check",
        "backfill",
        "rebuild",
        "reconcile",
        "backup",
        "restore",
        "token",
        "node",
    ),
    "Other": ("login", "logout", "conformance", "completion"),
}
"""The commands as the help lists them; those that are not named here are the last."""
_EXAMPLES = """\b
Examples:
  regsearch serve --registry http://localhost:5000
  regsearch search --url https://search.example.org nginx
  regsearch show team/web:1.4
"""


class _Commands(click.Group):
    """The commands, in groups."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group with what its commands do."""
        named = {name for names in SECTIONS.values() for name in names}
        others = tuple(name for name in self.commands if name not in named)
        for title, names in {**SECTIONS, "More": others}.items():
            found = [name for name in names if name in self.commands]
            width = formatter.width - 6 - max(map(len, self.commands))
            rows = [(name, self.commands[name].get_short_help_str(width)) for name in found]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=max(map(len, self.commands)) + 2)


def _environment(name: str) -> Callable[..., None]:
    """Return what sets a variable to the value of an option, for this process and its children."""

    def keep(_: click.Context, __: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[name] = value

    return keep


def _setting(option: str, variable: str, help_text: str, **more: Any) -> Callable[..., Any]:
    """Return an option that is a setting, in the place of a variable."""
    return click.option(
        option,
        expose_value=False,
        callback=_environment(variable),
        help=f"{help_text} ({variable}).",
        **more,
    )


_CONFIG = _setting(
    "--config",
    "REGSEARCH_CONFIG",
    "The settings file",
    type=click.Path(exists=True, dir_okay=False),
)
_DATA_DIR = _setting(
    "--data-dir", "REGSEARCH_DATA_DIR", "The data directory", type=click.Path(file_okay=False)
)
_LISTEN = _setting("--listen", "REGSEARCH_LISTEN", "The address to listen at", metavar="HOST:PORT")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SUPERVISED = click.option("--supervised", type=int, metavar="PID", hidden=True)
_URL = click.option(
    "--url",
    envvar="REGSEARCH_URL",
    default="",
    metavar="URL",
    help="Ask the service at this address (REGSEARCH_URL), with the credentials that `docker login`"
    " or `regsearch login` keep for it. Without it, the one that runs on the data directory.",
)
_WEB = click.option("--web", is_flag=True, help="Print and open the address of the web page.")
_FORMAT = click.option(
    "--format",
    "template",
    default="",
    metavar="TEMPLATE",
    help="Print each as a template, such as '{{.Reference}}', '{{json .}}' or"
    " 'table {{.Reference}}\\t{{.Size}}'.",
)
_WATCH = click.option("--watch", is_flag=True, help="Go on with what changes, until Ctrl-C.")


def _forms(*names: str) -> Callable[[Any], Any]:
    """Return options for the form of the output; one of them at most may be given."""
    helps = {
        "json": "Print the answer as JSON.",
        "jsonl": "Print each as a line of JSON.",
        "names": "Print just the references.",
        "csv": "Print a table as CSV, with sizes in bytes.",
    }

    def decorate(function: Any) -> Any:
        for name in reversed(names):
            option = click.option(f"--{name}", "output", flag_value=name, help=helps[name])
            function = option(function)
        return function

    return decorate


def _columns(fields: str, example: str) -> Callable[[Any], Any]:
    """Return the option of a table; ``fields`` says what completes it."""
    return click.option(
        "--columns",
        default="",
        metavar="NAMES",
        shell_complete=_completing(f"{fields} columns"),
        help=f"Print a table of these fields, such as {example}.",
    )


def _completing(what: str) -> Callable[..., list[CompletionItem]]:
    """Return what completes an argument by asking the service."""

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from search_api.cli import completion as completions

        return completions.complete(what, context, incomplete)

    return complete


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.version_option(package_name="regsearch")
def commands() -> None:
    """Search in container registries."""


@commands.command(
    short_help="Run the whole service.",
    epilog="""\b
Examples:
  regsearch serve --registry http://localhost:5000
  regsearch serve --config /etc/regsearch.toml --listen 0.0.0.0:8080
""",
)
@_setting(
    "--registry",
    "REGSEARCH_REGISTRY",
    "The address of a single registry; a settings file names several",
    metavar="URL",
)
@_LISTEN
@_DATA_DIR
@_CONFIG
def serve() -> None:
    """Run the whole service: web and indexer, watched and restarted."""
    from search_api.cli import service

    service.serve()


@commands.command(short_help="Run only the web process.")
@_SUPERVISED
@_LISTEN
@click.option(
    "--search-only",
    is_flag=True,
    help="Be a search node: answer searches of what all [[node]] have, and receive nothing.",
)
@_DATA_DIR
@_CONFIG
def web(*, supervised: int | None, search_only: bool) -> None:
    """Run only the web process: receive notifications and answer searches."""
    from search_api.cli import service

    service.run_web(supervised, search_only=search_only)


@commands.command(short_help="Run only the indexer.")
@_SUPERVISED
@_DATA_DIR
@_CONFIG
def indexer(*, supervised: int | None) -> None:
    """Run only the indexer: read registries and keep the search index."""
    from search_api.cli import service

    service.run_indexer(supervised)


@commands.command()
@_URL
@_JSON
@_WEB
@_DATA_DIR
@_CONFIG
def status(*, url: str, as_json: bool, web: bool) -> None:
    """Show how fresh and complete everything is."""
    from search_api.cli import search as searches

    if web:
        searches.open_page(url, "status")
    else:
        searches.status(url, as_json=as_json)


@commands.command(short_help="Say what is wrong with a set-up, and what to change.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A host that users type in docker search HOST/TERM; public_url is tried anyway.",
)
@_JSON
@_DATA_DIR
@_CONFIG
def check(hosts: tuple[str, ...], *, as_json: bool) -> None:
    """Try settings, disk, registries, notifications and the public host; say what to change.

    Nothing is changed. Ends with 1 if anything is wrong, and with 2 for unusable settings.
    """
    from search_api.cli import check as checks

    checks.check(hosts, as_json=as_json)


@commands.command(short_help="Print what makes a registry notify this service.")
@click.argument("registry", nargs=-1)
@_DATA_DIR
@_CONFIG
def notifications(registry: tuple[str, ...]) -> None:
    """Print what to put into the configuration of REGISTRY, or of all, with the secret."""
    from search_api.cli import operation

    operation.show_notifications(registry)


@commands.command(short_help="Crawl registries; end when all is searchable.")
@click.argument("registry", nargs=-1)
@_DATA_DIR
@_CONFIG
def backfill(registry: tuple[str, ...]) -> None:
    """Crawl REGISTRY, or all registries; return when everything is searchable.

    After an interruption the next backfill or indexer continues.
    """
    from search_api.cli import operation

    operation.backfill(registry)


@commands.command(short_help="List or hide what disappeared all at once.")
@click.argument("registry", nargs=-1)
@click.option("--accept", is_flag=True, help="Hide everything that is held back.")
@_JSON
@_DATA_DIR
@_CONFIG
def reconcile(registry: tuple[str, ...], *, accept: bool, as_json: bool) -> None:
    """List what is held back of REGISTRY, or of all: suspiciously much disappeared at once."""
    if accept and as_json:
        raise click.UsageError("--json is for the list, without --accept")
    from search_api.cli import operation

    if accept:
        operation.accept(registry)
    else:
        operation.show_quarantined(registry, as_json=as_json)


@commands.command(short_help="Build the search index again.")
@click.option(
    "--extract", is_flag=True, help="First analyse all stored content again; no registry is read."
)
@_DATA_DIR
@_CONFIG
def rebuild(*, extract: bool) -> None:
    """Build the search index again from the store; searches go on meanwhile."""
    from search_api.cli import operation

    operation.rebuild(extract=extract)


@commands.command(short_help="Write store, journal and secret to a file.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@_DATA_DIR
@_CONFIG
def backup(file: str) -> None:
    """Write store, journal and webhook secret to FILE (-: standard output), while all runs."""
    from search_api.cli import backup as backups

    backups.back_up(file)


@commands.command(short_help="Put a backup into an empty data directory.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@_DATA_DIR
@_CONFIG
def restore(file: str) -> None:
    """Put the backup in FILE (-: standard input) into an empty data directory."""
    from search_api.cli import backup as backups

    backups.restore(file)


@commands.command(
    short_help="List what matches a query, best first.",
    epilog="""\b
Examples:
  regsearch search nginx
  regsearch search --type image arch:arm64 label:team=payments
  regsearch search --names 'repo:team/*' | xargs -n 1 docker pull
  regsearch search --csv --columns reference,size,pushed
  regsearch search --watch team/web
""",
)
@click.argument("query", nargs=-1, shell_complete=_completing("query"))
@click.option(
    "--type",
    "kind",
    type=click.Choice([kind.value for kind in ASKED_FOR]),
    default=DocumentType.REPOSITORY.value,
    help="What to list.",
)
@click.option(
    "--registry",
    default="",
    shell_complete=_completing("registry"),
    help="The name or host of a registry to stay within.",
)
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
@_forms("json", "jsonl", "names", "csv")
@_FORMAT
@_columns("result", "reference,size,pushed")
@click.option("--exit-status", is_flag=True, help="End with 1 if nothing is found.")
@_WATCH
@_WEB
@_URL
@_DATA_DIR
@_CONFIG
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
    template: str,
    columns: str,
    exit_status: bool,
    watch: bool,
    web: bool,
    url: str,
) -> None:
    """List what matches QUERY, best first; without one, everything.

    Put -- before a QUERY that begins with a minus sign.
    """
    from search_api.cli import search as searches

    parameters = {
        "q": searches.query_text(query),
        "type": kind,
        "registry": registry,
        "sort": sort,
        "facets": facets,
        "limit": str(LIMIT_MAX if everything else limit),
    }
    if web:
        usual = {DocumentType.REPOSITORY.value, Sort.RELEVANCE.value}
        names = ("q", "type", "registry", "sort")
        shown = {name: parameters[name] for name in names if parameters[name] not in usual}
        searches.open_page(url, "search", **shown)
        return
    form = searches.Form(output, template, columns)
    asked = searches.AskedSearch(
        parameters, form, everything=everything, watch=watch, exit_status=exit_status
    )
    searches.search(url, asked)


@commands.command(
    short_help="Show an image, a chart, a repository or a layer.",
    epilog="""\b
Examples:
  regsearch show team/web                          a repository with its tags
  regsearch show registry.example.org/team/web:1.4
  regsearch show --format '{{.Digest}}' team/web:1.4
""",
)
@click.argument("reference", shell_complete=_completing("reference"))
@click.option("--all", "everything", is_flag=True, help="Show all tags of a repository.")
@_forms("json")
@_FORMAT
@_WEB
@_URL
@_DATA_DIR
@_CONFIG
def show(
    reference: str, *, everything: bool, output: str | None, template: str, web: bool, url: str
) -> None:
    """Show what is known of REFERENCE: an image, a repository, or an image or layer by digest."""
    from search_api.cli import search as searches

    if web:
        searches.open_page(url, "go", ref=reference)
    else:
        form = searches.Form(output, template)
        searches.show(url, reference, form=form, everything=everything)


@commands.command(
    short_help="List pushes and removals; follow them.",
    epilog="""\b
Examples:
  regsearch changes --limit 10
  regsearch changes --watch --registry main --jsonl
""",
)
@click.option(
    "--registry",
    default="",
    shell_complete=_completing("registry"),
    help="The name of the only registry.",
)
@click.option(
    "--repository",
    default="",
    shell_complete=_completing("repository"),
    help="The name of the only repository.",
)
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=25, help="How many to list.")
@_forms("json", "jsonl", "csv")
@_FORMAT
@_columns("change", "at,reference,actor")
@_WATCH
@_WEB
@_URL
@_DATA_DIR
@_CONFIG
def changes(
    *,
    registry: str,
    repository: str,
    limit: int,
    output: str | None,
    template: str,
    columns: str,
    watch: bool,
    web: bool,
    url: str,
) -> None:
    """List the newest pushes and removals, the last at the end; --watch goes on with them."""
    from search_api.cli import search as searches

    within = {"registry": registry, "repository": repository}
    if web:
        searches.open_page(url, "changes", **within)
        return
    form = searches.Form(output, template, columns)
    searches.changes(url, within, limit=limit, form=form, watch=watch)


@commands.command(short_help="Sign in at a service.")
@click.argument("url")
@click.option("--username", "-u", default="", help="The user name; a token needs none.")
@click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read password or token from stdin."
)
def login(url: str, *, username: str, from_stdin: bool) -> None:
    """Sign in at the service at URL, for the commands that ask it.

    Password or token are kept where docker keeps its own; docker search uses them too.
    """
    from search_api.cli import login as logins

    logins.log_in(url, username=username, from_stdin=from_stdin)


@commands.command(short_help="Forget what `regsearch login` keeps.")
@click.argument("url")
def logout(url: str) -> None:
    """Forget what `regsearch login` keeps for the service at URL."""
    from search_api.cli import login as logins

    logins.log_out(url)


@commands.group(short_help="Make, list and revoke tokens of programs.")
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
@_DATA_DIR
@_CONFIG
def create_token(*, user: str, groups: tuple[str, ...], expires: str, metrics: bool) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from search_api.cli import token as tokens

    tokens.create(user, groups, expires=expires, metrics=metrics)


@token.command("list")
@_JSON
@_DATA_DIR
@_CONFIG
def list_tokens(*, as_json: bool) -> None:
    """List the tokens: whose they are, until when, and when they were used last."""
    from search_api.cli import token as tokens

    tokens.show_all(as_json=as_json)


@token.command("revoke")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@_DATA_DIR
@_CONFIG
def revoke_token(ids: tuple[str, ...]) -> None:
    """Revoke tokens by the ID that the list shows; a running service refuses them at once."""
    from search_api.cli import token as tokens

    tokens.revoke(ids)


@commands.group(short_help="List and remove the nodes of an installation.")
def node() -> None:
    """List and remove the indexer nodes that share a search index in a cluster."""


@node.command("list")
@_JSON
@_DATA_DIR
@_CONFIG
def list_nodes(*, as_json: bool) -> None:
    """List the nodes: their registries, their version, and when they were alive last."""
    from search_api.cli import node as nodes

    nodes.show_all(as_json=as_json)


@node.command("remove")
@click.argument("name")
@_DATA_DIR
@_CONFIG
def remove_node(name: str) -> None:
    """Take the node NAME out that is gone for good, with its part of the search index.

    Before, stop it, and give its registries to another node in the settings.
    """
    from search_api.cli import node as nodes

    nodes.remove(name)


@commands.command(short_help="Check a server against the search API.")
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


@commands.command(short_help="Print what makes a shell complete commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands and options: eval "$(regsearch completion bash)"."""
    _register_completions()
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - one of the choices
    click.echo(made(click.Group(), {}, "regsearch", _COMPLETING).source())


_USAGE_ERROR = 2
_COMPLETING = "_REGSEARCH_COMPLETE"
"""The variable by which a shell asks for completions."""


def _register_completions() -> None:
    import search_api.cli.bash  # noqa: F401 - that is enough


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; each error is one line.

    Status 2 means: do not retry, but fix the settings, the command or the damaged file first.
    """
    if _COMPLETING in os.environ:
        _register_completions()
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
    """Print an error, one problem a line, and return the exit status that goes with it."""
    from search_api.cli.common import print_error

    place = f"query, column {error.column}: " if isinstance(error, QueryError) else ""
    for line in str(error).splitlines() or [""]:
        print_error(f"regsearch: {place}{line}")
    return _USAGE_ERROR if isinstance(error, SettingsError | UnusableFileError) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


if __name__ == "__main__":
    main()
