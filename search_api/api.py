"""The HTTP API under ``/api/v1``, and the two addresses that say how the service is."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from indexer.clock import SystemClock
from indexer.errors import InvalidValueError
from indexer.model.document import ASKED_FOR, DocumentType
from indexer.model.query import And, Condition
from search_api.answers import decode_cursor, search_json, status_json
from search_api.query import parse_query
from search_api.searching import Searching

LIMIT_DEFAULT = 25
LIMIT_MAX = 1_000
_PARAMETERS = {"q", "type", "registry", "limit", "cursor"}


class Api:
    """The endpoints of the search API."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/api/v1/search", self.search),
            Route("/api/v1/status", self.status),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
        ]

    async def search(self, request: Request) -> JSONResponse:
        """Answer a search; every parameter is checked and none is ignored."""
        parameters = _parameters(request)
        document_type = _document_type(parameters.get("type", DocumentType.REPOSITORY.value))
        query = parse_query(parameters.get("q", ""), now=SystemClock().now())
        if parameters.get("registry"):
            query = And((query, Condition("registry", parameters["registry"].lower())))
        cursor = parameters.get("cursor")
        answer = await self._searching.search(
            query,
            document_type=document_type,
            limit=_limit(parameters.get("limit", str(LIMIT_DEFAULT))),
            after=decode_cursor(cursor) if cursor else None,
        )
        body = search_json(answer, document_type=document_type)
        headers = {}
        if body["next"]:
            following = urlencode({**parameters, "cursor": body["next"]})
            headers["Link"] = f'</api/v1/search?{following}>; rel="next"'
        return JSONResponse(body, headers=headers)

    async def status(self, _: Request) -> JSONResponse:
        """Answer the state of everything."""
        return JSONResponse(status_json(await self._searching.status()))

    async def health(self, _: Request) -> JSONResponse:
        """Answer 200 while the process runs."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, _: Request) -> JSONResponse:
        """Answer 200 once searches can be answered, before that 503."""
        ready = await self._searching.is_ready()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)


def _parameters(request: Request) -> Mapping[str, str]:
    """Return the query parameters; one that is unknown or given twice is an error."""
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    for name in names:
        if name not in _PARAMETERS:
            known = ", ".join(sorted(_PARAMETERS))
            raise InvalidValueError(f"unknown parameter {name[:100]!r}; known are {known}")
        if names.count(name) > 1:
            raise InvalidValueError(f"parameter {name!r} is given twice")
    return dict(pairs)


def _document_type(text: str) -> DocumentType:
    found = next((kind for kind in ASKED_FOR if kind.value == text), None)
    if found is None:
        raise InvalidValueError(f"type must be repository or image, not {text[:100]!r}")
    return found


def _limit(text: str) -> int:
    # The length counts too: int() is not for digits without end.
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LIMIT_MAX))
    if not is_number or not 1 <= int(text) <= LIMIT_MAX:
        raise InvalidValueError(f"limit must be a number from 1 to {LIMIT_MAX}, not {text[:100]!r}")
    return int(text)
