"""The first page: the box, what is here, and what came last."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from indexer.model import DocumentType, Sort
from search_api.pages.crawls import first_readings
from search_api.pages.search import result_view
from search_api.pages.site import PageView, Site, wants_html
from search_api.search import Order, Searcher, SearchRequest, search_page
from search_api.server import client_of

NEWEST_SHOWN = 10
EXAMPLES_MAX = 4
_PLAIN = re.compile(r"[\w./-]+( [\w./-]+){0,3}")
"""Values of a few words, without signs that a query would take for its own."""
_FACETS = ("kind", "platform", "namespace", "vendor", "license", "has")


def newest_and_counts(searcher: Searcher) -> dict[str, Any]:
    """Return the newest repositories, the facets of all, and the number of images."""
    order = Order(DocumentType.REPOSITORY, Sort.PUSHED)
    newest = SearchRequest(order=order, limit=NEWEST_SHOWN, facets=_FACETS, with_texts=True)
    found = search_page(searcher, newest)
    images = searcher.search(SearchRequest(order=Order(DocumentType.IMAGE), limit=1))
    return found | {"other_total": images.page.total}


async def answer(site: Site, request: Request) -> Response:
    """Return the first page; a query in the address leads to its results.

    Programs get a few words about the service.
    """
    if not wants_html(request.headers):
        return JSONResponse(
            {
                "service": "regsearch",
                "version": site.version,
                "search": site.to.api("search"),
                "documentation": site.to.api("docs"),
            }
        )
    if q := request.query_params.get("q", ""):
        return RedirectResponse(site.to.search(q), status_code=303)
    found = await site.service.call_for(client_of(request), newest_and_counts)
    registries = found["freshness"]["registries"]
    page = PageView(
        "start.html",
        title="Search container registries",
        values={
            "found": found,
            "results": [result_view(one, site.to) for one in found["results"]],
            "examples": list(examples(found["facets"]))[:EXAMPLES_MAX],
            "registries": registries,
            "readings": await first_readings(site.service, found["freshness"]),
            "silent": silent_registries(registries),
            "several": len(registries) > 1,
        },
        twin=site.to.api("registries"),
        canonical=site.to.start(),
    )
    return await site.respond(request, page, freshness=found["freshness"])


def silent_registries(registries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the registries that should send notifications, and never did."""
    return [
        name
        for name, state in registries.items()
        if state["notifications"]["expected"] and state["notifications"]["received_at"] is None
    ]


def examples(facets: Mapping[str, Any]) -> Iterator[str]:
    """Yield queries that find something here: a value of each facet that can be read at once."""
    for name in _FACETS:
        values = [one["value"] for one in facets.get(name, {"values": []})["values"]]
        plain = [one for one in values if _PLAIN.fullmatch(one)]
        if plain:
            # Most things are images, so another kind tells more.
            value = plain[1] if len(plain) > 1 and name == "kind" else plain[0]
            yield f'{name}:"{value}"' if " " in value else f"{name}:{value}"
