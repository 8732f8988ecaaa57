"""``docker search`` and ``podman search``: a thin adapter over our own search.

The clients define the protocol. The status is always 200, integers and booleans have the right
type, and nothing redirects. A query with a mistake is read as plain words. Podman asks ``/v2/``
first, and for an empty term ``/v2/_catalog``. It never sends credentials to ``/v1/search``; it
sends them to ``/v2/_catalog`` if ``/v2/`` asked for them and ``/v1/search`` is not found.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.clock import Clock, SystemClock
from indexer.errors import EngineError, SignInError, StoreError
from indexer.model import (
    LIMIT_MAX,
    Condition,
    DocumentType,
    Or,
    Position,
    Sort,
    fold,
    one_line,
)
from search_api.access import CALLER, Caller, note_search
from search_api.endpoints.proof import PROOF_HEADER, CheckProof, arrival_json
from search_api.http_errors import error_answer
from search_api.search import Client, Cursor, Order, Searcher, SearchRequest, SearchService
from search_api.server import client_of

LIMIT_DEFAULT = 25
PAGE_MAX = 1_000_000
DESCRIPTION_MAX = 250
_NOTE_MAX = 300
_PLACES_MAX = 3
_PULLED = re.compile(r"/v2/(.{1,255})/(?:manifests|blobs|tags)/.*")
"""What a client asks for that takes this service for the registry."""
_API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
_INCOMPLETE = "not everything has been read and indexed yet; results are incomplete"
_PRIVATE = {
    "Cache-Control": "no-store",
    "Vary": "Authorization, Docker-Distribution-API-Version",
}


class DockerSearch:
    """The endpoints for docker, podman, nerdctl and similar clients."""

    def __init__(
        self,
        service: SearchService,
        *,
        registry_hosts: frozenset[str],
        challenges: bool = False,
        proof: CheckProof | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take the hosts of the registries; a search at one of them stays within it.

        ``challenges``: clients without credentials are asked for them, where they would not send
        them unasked. Who has ``proof`` is told as what a search arrived.
        """
        self._proof = proof or CheckProof(())
        self._clock = clock or SystemClock()
        self._challenges = challenges
        self._service = service
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
        """Deny being a standalone registry, so that docker sends no empty credentials."""
        return JSONResponse({}, headers={"X-Docker-Registry-Standalone": "false"})

    async def support(self, request: Request) -> Response:
        """Claim support of the registry protocol; otherwise podman refuses to search.

        Programs that log in look here whether a password is right.
        """
        if self._challenges:
            if _is_anonymous(request):
                message = "log in to see what you may pull"
                headers = {"WWW-Authenticate": SignInError.challenge, **_API_VERSION}
                return error_answer(401, "UNAUTHORIZED", message, headers=headers)
            # It raises where the password is wrong.
            await self._service.sight()
        return JSONResponse({}, headers=_API_VERSION)

    async def unknown(self, request: Request) -> Response:
        """Answer all other requests of the registry protocol: this is not a registry."""
        if request.url.path.removesuffix("/") in _PATHS:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        message = f"{request.url.path[:200]}: this is a search service, not a registry"
        if pulled := _PULLED.fullmatch(request.url.path):
            # Where nothing can be searched now, it is no registry either.
            with suppress(EngineError, StoreError):
                places = await self._find_places(pulled[1], client=client_of(request))
                message += "".join(f"; pull from {place}" for place in places)
        return error_answer(404, "UNSUPPORTED", message)

    async def _find_places(self, name: str, *, client: Client) -> list[str]:
        """Return where a repository can be pulled: hosts and names, as clients type them."""
        # Docker writes a name that it was given behind the host that it asks.
        first, _, rest = name.partition("/")
        names = [name, rest] if rest and fold(first) in self._registry_hosts else [name]
        asked = SearchRequest(
            order=Order(DocumentType.REPOSITORY, Sort.NAME),
            limit=_PLACES_MAX,
            conditions=(Or(tuple(Condition("repo", fold(one)) for one in names)),),
        )
        found = await self._service.search(asked, client=client)
        return [_pulled_name(hit.result) for hit in found.page.hits]

    async def search(self, request: Request) -> Response:
        """Answer ``docker search``."""
        is_podman = "Docker-Distribution-API-Version" in request.headers
        if self._challenges and is_podman and _is_anonymous(request):
            message = "podman gets what its user may see from /v2/_catalog"
            return error_answer(404, "UNSUPPORTED", message)
        term = " ".join(request.query_params.getlist("q")).strip()
        limit = _number(request.query_params.get("n"), default=LIMIT_DEFAULT, maximum=LIMIT_MAX)
        number = _number(request.query_params.get("page"), default=1, maximum=PAGE_MAX)
        asked = SearchRequest(
            order=Order(DocumentType.REPOSITORY),
            limit=limit,
            text=unicodedata.normalize("NFC", term),
            host=asked_host(request, self._registry_hosts),
            skip=(number - 1) * limit,
            results_only=True,
        )
        # What a registry has, clients pull from its host; mostly that is where they searched.
        is_foreign = not asked.host
        rows, total, notes = await self._service.call_for(
            client_of(request), _rows, asked, is_foreign=is_foreign, is_podman=is_podman
        )
        note_search(term, total)
        body = {
            "query": term,
            "num_results": total,
            "num_pages": -(-total // limit),
            "page": number,
            "page_size": limit,
            "results": rows,
        }
        if self._proof.is_valid(request.headers.get(PROOF_HEADER, ""), self._clock.now()):
            body["check"] = arrival_json(request)
        headers = dict(_PRIVATE)
        if notes:
            headers["Warning"] = ", ".join(map(_warning, notes))
        return JSONResponse(body, headers=headers)

    async def catalog(self, request: Request) -> Response:
        """Answer with the names of all repositories, in order, page by page."""
        limit = _number(request.query_params.get("n"), default=LIMIT_MAX, maximum=LIMIT_MAX)
        last = request.query_params.get("last", "")
        asked = SearchRequest(
            order=Order(DocumentType.REPOSITORY, Sort.NAME),
            limit=limit,
            host=asked_host(request, self._registry_hosts),
            # After every document of that name, in any registry.
            cursor=Cursor(Position(fold(last), "\U0010ffff")) if last else None,
        )
        found = await self._service.search(asked, client=client_of(request))
        page = found.page
        note_search("", page.total)
        names = [hit.result["repository"] for hit in page.hits]
        headers = dict(_API_VERSION)
        if found.limits and found.limits.problem:
            headers["Warning"] = _warning(found.limits.problem)
        if page.has_more:
            following = urlencode({"n": limit, "last": names[-1]})
            headers["Link"] = f'</v2/_catalog?{following}>; rel="next"'
        return JSONResponse({"repositories": list(dict.fromkeys(names))}, headers=headers)


def _is_anonymous(request: Request) -> bool:
    caller: Caller | None = request.scope.get(CALLER)
    return caller is not None and caller.source == "anonymous"


def asked_host(request: Request, hosts: frozenset[str]) -> str:
    """Return the host of a request if it is in ``hosts``, else ""."""
    host = fold(request.headers.get("host", ""))
    return host if host in hosts else ""


def _rows(
    searcher: Searcher, asked: SearchRequest, *, is_foreign: bool, is_podman: bool
) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Return the rows of a page, the number of all rows, and remarks on them.

    ``is_foreign``: nothing can be pulled from the host that was asked. Then names have the host of
    their registry in front. Podman puts the host that it asked before every name, so it gets the
    host of the registry in the description.
    """
    found = searcher.search(asked)
    notes = [note.message for note in found.notes]
    if not found.freshness.complete:
        notes.append(_INCOMPLETE)
    if found.limits and found.limits.problem:
        notes.append(found.limits.problem)
    results = [hit.result for hit in found.page.hits]
    with_host = is_foreign and not is_podman
    names = [_pulled_name(one) if with_host else one["repository"] for one in results]
    places = [_pulled_host(one) if is_foreign and is_podman else "" for one in results]
    counts = Counter(zip(names, places, strict=True))
    rows = []
    for result, name, place in zip(results, names, places, strict=True):
        # Registries may have the same host, and a repository of the same name.
        is_alone = counts[name, place] == 1
        shown = place if is_alone else f"{place} {result['registry']}".strip()
        rows.append(_row(result, name=name, place=shown))
    return rows, found.page.total, notes


def _pulled_name(result: Mapping[str, Any]) -> str:
    """Return the host and the name of a repository, as clients type them."""
    return f"{_pulled_host(result)}/{result['repository']}"


def _pulled_host(result: Mapping[str, Any]) -> str:
    host: str = result["reference"].rpartition(f"/{result['repository']}")[0]
    return host


def _warning(note: str) -> str:
    """Return a note as a header has it: RFC 7234, 5.5; other characters become ``?``."""
    text = one_line(note, limit=_NOTE_MAX).encode("ascii", "replace").decode()
    return '299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PATHS = {"/v1/_ping", "/v1/search", "/v2", "/v2/_catalog"}


def _number(text: str | None, *, default: int, maximum: int) -> int:
    """Return a number from 1 to ``maximum``; a wrong value is never an error."""
    try:
        return min(maximum, max(1, int((text or "")[:20])))
    except ValueError:
        return default


def _row(result: Mapping[str, Any], *, name: str, place: str) -> dict[str, Any]:
    """Return a row; ``place`` says before the description which registry it is of."""
    description = f"[{place}] {result['description']}" if place else result["description"]
    return {
        "name": name,
        "description": one_line(description, limit=DESCRIPTION_MAX),
        "star_count": 0,
        "is_official": False,
        "is_automated": False,
        "is_trusted": False,
    }
