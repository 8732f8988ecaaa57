"""The commands ``search``, ``show``, ``conformance`` and ``completion``."""

import json
from dataclasses import asdict, replace
from typing import Any

import click
from click.shell_completion import get_completion_class

from indexer.clock import SystemClock
from indexer.model import ASKED_FOR, DocumentType, Sort, one_line
from search_api.cli import details, tables
from search_api.cli.common import JSON, end, print_json, searched, set_up
from search_api.conformance import State, run_checks
from search_api.resources import look_up
from search_api.search import (
    LIMIT_MAX,
    Asked,
    Order,
    Searcher,
    ask,
    parse_facets,
    parse_order,
    search_json,
)

NAME_MAX = 1_000
"""The most characters of a reference on a line."""


@click.command()
@click.argument("query", nargs=-1)
@click.option(
    "--type",
    "kind",
    type=click.Choice([kind.value for kind in ASKED_FOR]),
    default=DocumentType.REPOSITORY.value,
    help="What to list.",
)
@click.option("--registry", default="", help="Search only this registry: its name or host.")
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
    help="Count values of all results: kind,platform,license,vendor,label:KEY…",
)
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=25, help="How many to list.")
@click.option("--all", "everything", is_flag=True, help="List all, page after page.")
@click.option("--json", "output", flag_value="json", help="Print the answer as JSON.")
@click.option("--jsonl", "output", flag_value="jsonl", help="Print each result as a line of JSON.")
@click.option("--names", "output", flag_value="names", help="Print just the references.")
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
) -> None:
    """List the results of QUERY, the best first; without QUERY, everything.

    Put -- before a QUERY that begins with a minus sign.
    """
    settings = set_up(process="search", quiet=True)
    # An argument may contain bytes that are no text in this locale. A ``?`` in their place would
    # be a wildcard.
    text = " ".join(query).encode(errors="surrogatepass").decode(errors="replace")
    asked = Asked(
        text=text,
        order=Order(DocumentType(kind), *parse_order(sort)),
        limit=LIMIT_MAX if everything else limit,
        registry=registry,
        facets=parse_facets(facets),
        # Only these show which texts match.
        with_texts=output in {"json", "jsonl"},
    )
    find = _all_pages if everything else _one_page
    body = searched(settings, find, asked)
    if output == "json":
        print_json(body)
    elif output == "jsonl":
        for result in body["results"]:
            click.echo(json.dumps(result))
    elif output == "names":
        for result in body["results"]:
            click.echo(one_line(result["reference"], limit=NAME_MAX))
    else:
        tables.print_results(body)


def _one_page(searcher: Searcher, asked: Asked) -> dict[str, Any]:
    return search_json(ask(searcher, asked, now=SystemClock().now()))


def _all_pages(searcher: Searcher, asked: Asked) -> dict[str, Any]:
    now = SystemClock().now()
    found = ask(searcher, asked, now=now)
    body = search_json(found)
    while found.next is not None:
        found = ask(searcher, replace(asked, cursor=found.next), now=now)
        body["results"] += search_json(found)["results"]
    return {**body, "next": None}


@click.command()
@click.argument("reference")
@JSON
def show(reference: str, *, as_json: bool) -> None:
    """Show all details of REFERENCE: an image, a repository, or a digest of an image or layer."""
    settings = set_up(process="show", quiet=True)

    def find(searcher: Searcher) -> dict[str, Any]:
        return searcher.read(lambda resources: look_up(resources, reference))

    body = searched(settings, find)
    if as_json:
        print_json(body)
    else:
        details.print_shown(body)


@click.command()
@click.argument("url")
@JSON
def conformance(url: str, *, as_json: bool) -> None:
    """Check the server at URL against the specification of the search API.

    Ends with 1 if a check fails. A check without suitable content on the server is skipped.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} is no http:// or https:// address")
    outcomes = []
    for outcome in run_checks(url):
        outcomes.append(outcome)
        if not as_json:
            details.print_outcome(outcome)
    if as_json:
        print_json({"checks": [asdict(outcome) for outcome in outcomes]})
    failed = sum(outcome.state is State.FAILED for outcome in outcomes)
    end([f"{failed} of {len(outcomes)} checks failed"] if failed else [])


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL. Use it as: eval "$(regsearch completion bash)"."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - one of the choices
    click.echo(made(click.Group(), {}, "regsearch", "_REGSEARCH_COMPLETE").source())
