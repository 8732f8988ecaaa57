"""``docker search`` and ``podman search``: a thin adapter over our own search.

The clients define the protocol: the answer is always exactly 200 with integers and booleans of the
right type, nothing redirects, and a query with a mistake is read as plain words. Podman asks
``/v2/`` first and, for an empty term, ``/v2/_catalog``.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.clock import Clock
from indexer.errors import QueryError
from indexer.model import (
    And,
    Condition,
    DocumentType,
    Everything,
    Position,
    Query,
    SearchPage,
    Sort,
    fold,
    one_line,
)
from search_api.http_errors import error_answer
from search_api.query import parse_query, plain_query
from search_api.search import Answer, Searcher, Searching, corrected

LIMIT_DEFAULT = 25
LIMIT_MAX = 1_000
PAGE_MAX = 1_000_000
DESCRIPTION_MAX = 250
_API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
_INCOMPLETE = '299 - "not everything has been read and indexed yet; results are incomplete"'
_PRIVATE = {
    "Cache-Control": "no-store",
    "Vary": "Authorization, Docker-Distribution-API-Version",
}


class DockerSearch:
    """The endpoints that docker, podman, nerdctl and their kin ask."""

    def __init__(
        self, searching: Searching, *, registry_hosts: frozenset[str], clock: Clock
    ) -> None:
        """Take the hosts of the registries; a search at one of them stays within it."""
        self._searching = searching
        self._clock = clock
        self._registry_hosts = frozenset(fold(host) for host in registry_hosts)

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/_ping", self.ping),
            Route("/v1/_ping/", self.ping),
            Route("/v1/search", self.search),
            Route("/v1/search/", self.search),
            Route("/v1/{path:path}", self.unknown, methods=_ALL_METHODS),
            Route("/v2/", self.support),
            Route("/v2", self.support),
            Route("/v2/_catalog", self.catalog),
            Route("/v2/_catalog/", self.catalog),
            Route("/v2/{path:path}", self.unknown, methods=_ALL_METHODS),
        ]

    async def ping(self, _: Request) -> Response:
        """Say that this is no standalone registry, so that docker sends no empty credentials."""
        return JSONResponse({}, headers={"X-Docker-Registry-Standalone": "false"})

    async def support(self, _: Request) -> Response:
        """Say that the registry protocol is spoken; podman refuses to search otherwise."""
        return JSONResponse({}, headers=_API_VERSION)

    async def unknown(self, request: Request) -> Response:
        """Answer everything else of the registry's protocol: this is not a registry."""
        if request.url.path.removesuffix("/") in _PATHS:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        message = f"{request.url.path[:200]}: this is a search service, not a registry"
        return error_answer(404, "UNSUPPORTED", message)

    async def search(self, request: Request) -> Response:
        """Answer ``docker search``."""
        term = " ".join(request.query_params.getlist("q")).strip()
        limit = _number(request.query_params.get("n"), default=LIMIT_DEFAULT, maximum=LIMIT_MAX)
        number = _number(request.query_params.get("page"), default=1, maximum=PAGE_MAX)
        host = asked_host(request, self._registry_hosts)
        asked = _Asked(term, host, limit=limit, number=number)
        rows, total, is_complete = await self._searching.call(_rows, asked, now=self._clock.now())
        body = {
            "query": term,
            "num_results": total,
            "num_pages": -(-total // limit),
            "page": number,
            "page_size": limit,
            "results": rows,
        }
        headers = dict(_PRIVATE)
        if not is_complete:
            headers["Warning"] = _INCOMPLETE
        return JSONResponse(body, headers=headers)

    async def catalog(self, request: Request) -> Response:
        """Answer the names of all repositories, by name, page by page."""
        limit = _number(request.query_params.get("n"), default=LIMIT_MAX, maximum=LIMIT_MAX)
        last = request.query_params.get("last", "")
        answer = await self._searching.search(
            within_host(Everything(), asked_host(request, self._registry_hosts)),
            document_type=DocumentType.REPOSITORY,
            limit=limit,
            sort=Sort.NAME,
            # Behind every document of that name, whatever its registry.
            after=Position(fold(last), "\U0010ffff") if last else None,
        )
        names = [hit.result["repository"] for hit in answer.page.hits]
        headers = dict(_API_VERSION)
        if answer.page.has_more:
            following = urlencode({"n": limit, "last": names[-1]})
            headers["Link"] = f'</v2/_catalog?{following}>; rel="next"'
        return JSONResponse({"repositories": list(dict.fromkeys(names))}, headers=headers)


def asked_host(request: Request, hosts: frozenset[str]) -> str:
    """Return the host of ``hosts`` that a request was sent to; "" for any other."""
    host = fold(request.headers.get("host", ""))
    return host if host in hosts else ""


def within_host(query: Query, host: str) -> Query:
    """Return a query that stays within the registry of a host; "" is that of none."""
    return And((query, Condition("host", host))) if host else query


@dataclass(frozen=True, slots=True)
class _Asked:
    term: str
    host: str
    limit: int
    number: int
    """Of the page, from 1."""


def _rows(
    searcher: Searcher, asked: _Asked, *, now: datetime
) -> tuple[list[dict[str, Any]], int, bool]:
    """Return the rows of a page, how many there are on all, and whether that is all there is.

    The term is read in the query language, else for its words.
    """
    text = unicodedata.normalize("NFC", asked.term)
    try:
        # The engine may refuse a query too: one whose prefix stands for too much.
        answer = _spelled(searcher, parse_query(text, now=now), asked)
    except QueryError:
        answer = _spelled(searcher, plain_query(text), asked)
    rows = [_row(hit.result) for hit in answer.page.hits]
    return rows, answer.page.total, answer.freshness.complete


def _spelled(searcher: Searcher, query: Query, asked: _Asked) -> Answer:
    """Return a page of a query, or of its other spelling when it matches nothing."""
    query = within_host(query, asked.host)
    answer = _page(searcher, query, asked)
    if answer.page.total:
        return answer
    other = corrected(searcher, query, document_type=DocumentType.REPOSITORY, total=0)
    return _page(searcher, other.query, asked) if other else answer


def _page(searcher: Searcher, query: Query, asked: _Asked) -> Answer:
    """Return a page by its number; the hits before it are walked over."""
    to_skip = (asked.number - 1) * asked.limit
    after: Position | None = None
    while to_skip:
        answer = _hits(searcher, query, limit=min(to_skip, LIMIT_MAX), after=after)
        page = answer.page
        if to_skip >= page.total or not page.has_more:
            return Answer(SearchPage((), page.total, has_more=False), answer.freshness)
        after = page.hits[-1].position
        to_skip -= len(page.hits)
    return _hits(searcher, query, limit=asked.limit, after=after)


def _hits(searcher: Searcher, query: Query, *, limit: int, after: Position | None) -> Answer:
    return searcher.search(query, document_type=DocumentType.REPOSITORY, limit=limit, after=after)


_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PATHS = {"/v1/_ping", "/v1/search", "/v2", "/v2/_catalog"}


def _number(text: str | None, *, default: int, maximum: int) -> int:
    """Return a number from 1 to ``maximum``; whatever is wrong with it is never an error."""
    try:
        return min(maximum, max(1, int((text or "")[:20])))
    except ValueError:
        return default


def _row(result: Any) -> dict[str, Any]:
    return {
        "name": result["repository"],
        "description": one_line(result["description"], limit=DESCRIPTION_MAX),
        "star_count": 0,
        "is_official": False,
        "is_automated": False,
        "is_trusted": False,
    }
