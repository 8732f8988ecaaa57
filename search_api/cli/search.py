"""The commands that ask: ``search`` and ``show``."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from indexer.model import DocumentType, one_line
from search_api.cli import details, tables
from search_api.cli.common import ask_service, print_json
from search_api.processes import prepare_settings
from search_api.resources import look_up
from search_api.search import (
    Order,
    SearchRequest,
    SearchService,
    parse_facets,
    parse_order,
    search_json,
)

NAME_MAX = 1_000
"""The most characters of a reference on a line."""


def parse_request(
    query: Sequence[str],
    *,
    kind: str,
    registry: str,
    sort: str,
    facets: str,
    limit: int,
    with_texts: bool,
) -> SearchRequest:
    """Return what arguments ask for; :class:`InvalidValueError` for a facet that is none."""
    # Arguments that are not text in this locale hold what no index could be asked for. Replacing
    # it by ``?`` would make it a wildcard.
    text = " ".join(query).encode(errors="surrogatepass").decode(errors="replace")
    return SearchRequest(
        order=Order(DocumentType(kind), *parse_order(sort)),
        limit=limit,
        text=text,
        registry=registry,
        facets=parse_facets(facets),
        with_texts=with_texts,
    )


def search(request: SearchRequest, *, everything: bool, output: str | None) -> None:
    """Search here, and print what is found."""
    settings = prepare_settings(process="search", quiet=True)
    find = find_all if everything else _find_page
    print_found(ask_service(settings, lambda service: find(service, request)), output=output)


def print_found(body: dict[str, Any], *, output: str | None) -> None:
    """Print the JSON of a search as ``json``, ``jsonl``, ``names`` or, without it, as a table."""
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


async def _find_page(service: SearchService, request: SearchRequest) -> dict[str, Any]:
    return search_json(await service.search(request))


async def find_all(service: SearchService, request: SearchRequest) -> dict[str, Any]:
    """Return the JSON of all results, asked for page after page."""
    found = await service.search(request)
    body = search_json(found)
    while found.next is not None:
        found = await service.search(replace(request, cursor=found.next))
        body["results"] += search_json(found)["results"]
    return {**body, "next": None}


def show(reference: str, *, as_json: bool) -> None:
    """Print what is known of what a reference names."""
    settings = prepare_settings(process="show", quiet=True)
    body = ask_service(
        settings,
        lambda service: service.read(lambda resources: look_up(resources, reference)),
    )
    if as_json:
        print_json(body)
    else:
        details.print_shown(body)
