"""The page of search results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.errors import InvalidValueError, QueryError
from indexer.model import DocumentType, Sort
from search_api.access import note_search
from search_api.pages.addresses import Addresses
from search_api.pages.crawls import first_readings
from search_api.pages.pull import pull_commands
from search_api.pages.site import PageView, Site
from search_api.query import split_terms
from search_api.search import (
    Order,
    Searcher,
    SearchRequest,
    decode_cursor,
    parse_count,
    search_page,
)
from search_api.server import client_of

LIMIT_DEFAULT = 25
LIMITS = (25, 100)
FACETS = ("kind", "has", "platform", "namespace", "license", "vendor", "registry")
FACET_VALUES_OPEN = 6
"""Values of a facet that are shown at once; the others are behind "more"."""
SORTS = {
    "relevance": "Best match",
    "name": "Name",
    "pushed": "Newest push",
    "created": "Newest build",
    "size": "Largest",
    "pulls": "Most pulled",
}
_TITLES = {
    "kind": "Kind",
    "has": "Has",
    "platform": "Platform",
    "namespace": "Namespace",
    "license": "Licence",
    "vendor": "Vendor",
    "registry": "Registry",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a search says."""

    q: str
    type: str
    registry: str
    sort: str
    limit: int
    cursor: str

    def address(self, to: Addresses, **changed: str | int | None) -> str:
        """Return the address of this search with something else; its first page."""
        return to.page("search", **{**self.parameters(), **changed})

    def parameters(self) -> dict[str, str | int | None]:
        """Return the parameters of the first page, without those that mean nothing."""
        return {
            "q": self.q,
            "type": self.type if self.type != "repository" else None,
            "registry": self.registry,
            "sort": self.sort if self.sort != _usual_sort(self.q) else None,
            "limit": self.limit if self.limit != LIMIT_DEFAULT else None,
        }


def read_address(request: Request) -> Asked:
    """Return what was asked; :class:`InvalidValueError` names a wrong parameter."""
    given = request.query_params
    q, sort = given.get("q", ""), given.get("sort", "")
    asked = Asked(
        q=q,
        type=given.get("type") or "repository",
        registry=given.get("registry", ""),
        sort=sort or _usual_sort(q),
        limit=_limit(given.get("limit", "")),
        cursor=given.get("cursor", ""),
    )
    if asked.type not in {"repository", "image"}:
        raise InvalidValueError(f"type: {asked.type[:100]!r} is not repository or image")
    if asked.sort.removeprefix("-") not in SORTS:
        raise InvalidValueError(f"sort: {sort[:100]!r} is not one of {', '.join(SORTS)}")
    return asked


def _usual_sort(q: str) -> str:
    return "relevance" if q.strip() else "pushed"


def _limit(text: str) -> int:
    try:
        return parse_count(text, maximum=max(LIMITS)) if text else LIMIT_DEFAULT
    except ValueError as error:
        raise InvalidValueError(f"limit: {text[:100]!r} {error}") from error


def search_both(searcher: Searcher, request: SearchRequest) -> dict[str, Any]:
    """Search; return the JSON of the page, with the total of the other type of document."""
    body = search_page(searcher, request)
    is_image = request.order.document_type is DocumentType.IMAGE
    other = DocumentType.REPOSITORY if is_image else DocumentType.IMAGE
    counting = replace(
        request, order=Order(other), limit=1, facets=(), cursor=None, with_texts=False
    )
    try:
        other_total = searcher.search(counting).page.total
    except QueryError:
        # Some conditions are of images only.
        other_total = None
    return body | {"other_total": other_total}


async def answer(site: Site, request: Request) -> Response:
    """Return the page of results."""
    asked = read_address(request)
    order = Order(
        DocumentType(asked.type), Sort(asked.sort.removeprefix("-")), asked.sort.startswith("-")
    )
    try:
        cursor = decode_cursor(asked.cursor, order) if asked.cursor else None
    except InvalidValueError:
        # Of another version, or of a search that was changed since: its beginning is of more use.
        return RedirectResponse(asked.address(site.to, changed="1"), status_code=303)
    found = await site.service.call_for(
        client_of(request),
        search_both,
        SearchRequest(
            text=asked.q,
            order=order,
            limit=asked.limit,
            registry=asked.registry,
            facets=FACETS,
            cursor=cursor,
            with_texts=True,
        ),
    )
    note_search(asked.q, found["total"])
    readings = [] if found["results"] else await first_readings(site.service, found["freshness"])
    page = PageView(
        "search.html",
        title=asked.q or ("All images" if asked.type == "image" else "All repositories"),
        values={
            "query": asked.q,
            "asked": asked,
            "found": found,
            "results": [result_view(one, site.to) for one in found["results"]],
            "facets": facets_view(asked, found, site.to),
            "terms": terms_view(asked, site.to),
            "places": places_view(asked, site.to),
            "readings": readings,
            "sorts": SORTS,
            "limits": LIMITS,
            "has_changed": "changed" in request.query_params,
            "several": len(found["freshness"]["registries"]) > 1,
        },
        twin=site.to.api("search", **{**asked.parameters(), "sort": asked.sort}),
        canonical=asked.address(site.to),
        fragment="results",
    )
    return await site.respond(request, page, freshness=found["freshness"])


def result_view(result: Mapping[str, Any], to: Addresses) -> dict[str, Any]:
    """Return what a result shows beside what the API says of it."""
    registry, repository = result["registry"], result["repository"]
    digest = result.get("digest")
    highlights = result["match"]["highlights"]
    by_field = {one["field"]: one for one in reversed(highlights)}
    tags = result.get("tags") or result.get("newest_tags") or []
    if digest and tags:
        address = to.tag(registry, repository, tags[0])
    elif digest:
        address = to.image(digest, registry, repository)
    else:
        address = to.repository(registry, repository)
    others = [one for one in highlights if one["field"] not in {"name", "title", "description"}]
    is_seen = any(field in by_field for field in ("name", "title", "description"))
    return {
        **result,
        "address": address,
        "digest": digest,
        "tag_count": result.get("tag_count", len(tags)),
        "name": repository,
        "shown_tags": tags,
        "by_field": by_field,
        "found_in": None if is_seen or not others else others[0],
        "tag_addresses": [(tag, to.tag(registry, repository, tag)) for tag in tags[:10]],
        "command": pull_commands(result["reference"], result["kind"])[0],
    }


def terms_view(asked: Asked, to: Addresses) -> list[dict[str, str]]:
    """Return the terms of the query, each with the address of the search without it."""
    terms = split_terms(asked.q)
    return [
        {
            "text": term,
            "address": asked.address(to, q=_joined(terms[:number] + terms[number + 1 :])),
        }
        for number, term in enumerate(terms)
    ]


def places_view(asked: Asked, to: Addresses) -> list[dict[str, str]]:
    """Return the registry that is searched, if only one is, with the search of all."""
    if not asked.registry:
        return []
    return [{"text": f"registry {asked.registry}", "address": asked.address(to, registry="")}]


def facets_view(asked: Asked, found: Mapping[str, Any], to: Addresses) -> list[dict[str, Any]]:
    """Return the facets: each value with the address of the search that has it too, or not.

    Where words were spelt in another way, they stay so, because that is what was counted.
    """
    suggestion = found["suggestion"]
    q = suggestion["query"] if suggestion and suggestion["is_used"] else asked.q
    terms = split_terms(q)
    shown = []
    for name in FACETS:
        counts = found["facets"].get(name, {"values": [], "others": 0})
        values = [
            _value_view(name, one, replace(asked, q=q), terms, to) for one in counts["values"]
        ]
        if values and not (name == "registry" and len(found["freshness"]["registries"]) < 2):
            shown.append(
                {
                    "name": name,
                    "title": _TITLES[name],
                    "values": values[:FACET_VALUES_OPEN],
                    "more": values[FACET_VALUES_OPEN:],
                    "others": counts["others"],
                }
            )
    return shown


def _value_view(
    facet: str, value: Mapping[str, Any], asked: Asked, terms: Sequence[str], to: Addresses
) -> dict[str, Any]:
    if facet == "registry":
        is_chosen = asked.registry == value["value"]
        address = asked.address(to, registry="" if is_chosen else value["value"])
    else:
        term = value["query"]
        is_chosen = term in terms
        kept = [one for one in terms if one != term] if is_chosen else [*terms, term]
        address = asked.address(to, q=_joined(kept))
    return {
        "id": f"{facet}-{quote(value['value'], safe='')}",
        "text": value["value"],
        "count": value["count"],
        "address": address,
        "is_chosen": is_chosen,
    }


def _joined(terms: Sequence[str]) -> str:
    return " ".join(terms)
