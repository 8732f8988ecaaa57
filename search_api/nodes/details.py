"""Details at a search node: each is fetched from the indexer node that has its registry.

Of a registry in the address it is the node of that registry. A digest or a reference is asked of
one node after the other, until one knows it. What depends on all nodes is made of all answers, or
it is not answered: a shorter list would say that the rest does not exist.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx2
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from indexer.errors import InvalidValueError, NodeAwayError
from indexer.model import parse_json_object
from indexer.settings import Settings
from search_api.access import CALLER, Caller, CallerHeaders
from search_api.api import Streams, api_middleware, kept_answer, sharing_middleware
from search_api.nodes.answers import FindCaller, PassedAnswer
from search_api.nodes.node import Node, NodeAnswer, WholeAnswer
from search_api.pages import Site, answer_page
from search_api.processes import REQUEST_ID
from search_api.search import API, VIEWER

SECONDS_MIN = 1.0
"""The time that each node gets, however long others took."""
LIST_MAX_BYTES = 4_000_000
"""The longest list of registries of one node that is read."""
_NOBODY = "no indexer node answers"
_REGISTRY = "registry"
_PASSED_HEADERS = frozenset(
    {
        *(b"accept", b"accept-encoding", b"accept-language", b"if-none-match", b"last-event-id"),
        *(b"traceparent", b"tracestate", b"user-agent", b"x-fragment"),
    }
)
"""Headers of a request that a node may need. Others stay here, and those of who asks above all."""
_DOTS = frozenset({".", ".."})
_SAFE = ":@!$&'()*+,;=~"
_QUERY_SAFE = _SAFE + '/?%[]{}|^`\\"<>'

_OF_REGISTRY = (
    f"{API}/registries/{{registry}}",
    f"{API}/repositories/{{registry}}",
    f"{API}/repositories/{{registry}}/{{repository:path}}",
    f"{API}/tags/{{registry}}/{{repository:path}}:{{tag}}",
    f"{API}/tags/{{registry}}/{{repository:path}}",
)
_OF_ANY = (
    f"{API}/images/{{digest}}",
    f"{API}/images/{{digest}}/attachments",
    f"{API}/images/{{digest}}/bases",
    f"{API}/images/{{digest}}/derived",
    f"{API}/images/{{digest}}/places",
    f"{API}/layers/{{digest}}",
    f"{API}/compare",
    f"{API}/show",
)
_CHANGES = (f"{API}/changes", f"{API}/changes/stream")
_PAGES_OF_ANY = ("/i/{digest}", "/l/{digest}", "/compare", "/go")

Endpoint = Callable[[Request], Awaitable[Response]]


class Details:
    """Answers what needs the store, with the answers of the indexer nodes."""

    def __init__(self, settings: Settings, *, find_caller: FindCaller, streams: Streams) -> None:
        """Take the nodes and their secret of the settings; :class:`SettingsError` without one.

        ``find_caller`` finds out who sends a request, again while a stream is open. Streams are
        counted in ``streams``.
        """
        self.requests: Counter[tuple[str, str]] = Counter()
        """Requests to nodes, by the name of the node and the class of the status."""
        tls = httpx2.create_ssl_context()
        self._nodes = [Node(one, tls=tls, counts=self.requests) for one in settings.node]
        self._owners = {name: node for node in self._nodes for name in node.registries}
        self._order = [one.name for one in settings.registry]
        self._headers = CallerHeaders(settings)
        self._find_caller = find_caller
        self._streams = streams
        self._seconds = settings.search_deadline.total_seconds()
        self._origins = settings.cors_origins
        self._base = settings.base_path

    def routes(self, site: Site | None) -> list[Route]:
        """Return the routes to mount before those of the service itself; pages with a ``site``."""
        sharing = sharing_middleware(self._origins)
        # Answers of nodes are compressed already.
        compressing = api_middleware(self._origins)
        routes = [
            *(_route(path, self._of_registry, sharing) for path in _OF_REGISTRY),
            *(_route(path, self._of_any, sharing) for path in _OF_ANY),
            *(_route(path, self._changes, sharing) for path in _CHANGES),
            _route(f"{API}/registries", self._registries, compressing),
        ]
        if site is None:
            return routes
        pages: list[tuple[str, Endpoint]] = [
            ("/r/{registry}/{place:path}", self._of_registry),
            ("/changes", self._changes_page),
            *((path, self._of_any) for path in _PAGES_OF_ANY),
        ]
        return routes + [
            _route(path, partial(answer_page, site, partial(_without_site, endpoint)), ())
            for path, endpoint in pages
        ]

    async def close(self) -> None:
        """Close all connections."""
        async with AsyncExitStack() as stack:
            for node in self._nodes:
                stack.push_async_callback(node.close)

    async def _of_registry(self, request: Request) -> Response:
        return await self._fetch_of(request, request.path_params["registry"])

    async def _of_any(self, request: Request) -> Response:
        if registry := request.query_params.get(_REGISTRY, "").strip():
            return await self._fetch_of(request, registry)
        return self._passed(await self._first(request))

    async def _changes(self, request: Request) -> Response:
        if registry := request.query_params.get(_REGISTRY, "").strip():
            return await self._fetch_of(request, registry)
        if len(self._nodes) > 1:
            # A cursor is a place in the changes of one node.
            raise InvalidValueError(
                "name a registry with registry=: several nodes have changes of their own"
            )
        return self._passed(await self._first(request))

    async def _changes_page(self, request: Request) -> Response:
        """Return the page of changes; of several nodes, first that of the first registry."""
        is_open = len(self._nodes) > 1 and not request.query_params.get(_REGISTRY, "").strip()
        if is_open and (seen := await _seen(self._order)):
            named = {**request.query_params, _REGISTRY: seen[0]}
            return RedirectResponse(f"{request.url.path}?{urlencode(named)}", status_code=303)
        return await self._changes(request)

    async def _registries(self, request: Request) -> Response:
        """Return the registries of all nodes as one list, in the order of the settings."""
        lists = await asyncio.gather(*(self._list_of(node, request) for node in self._nodes))
        found: dict[str, Any] = {}
        for one in lists:
            if isinstance(one, WholeAnswer):
                return one.response()
            found |= {registry["registry"]: registry for registry in one}
        listed = [found[name] for name in self._order if name in found]
        return kept_answer(request, {"registries": listed, "next": None})

    async def _list_of(self, node: Node, request: Request) -> list[dict[str, Any]] | WholeAnswer:
        """Return what a node lists, or an answer that all give, such as of a wrong parameter.

        It is nothing if the node is away, and the viewer sees nothing of it.
        """
        # The ETag of a part is not that of the whole, and a part must be readable here.
        changed = {"accept-encoding": "identity", "if-none-match": ""}
        try:
            answer = await self._ask(
                node, request, seconds=self._seconds, method="GET", changed=changed
            )
            whole = await answer.read(limit=LIST_MAX_BYTES, seconds=self._seconds)
            return _registries_in(whole) if whole.status == 200 else whole
        except NodeAwayError as error:
            if seen := await _seen(node.registries):
                raise _told(error, seen) from error
            return []

    async def _fetch_of(self, request: Request, registry: str) -> Response:
        """Return the answer of the node of a registry.

        One that nobody has, and one that is hidden while its node is away, are answered alike, by
        any node: none of them knows it.
        """
        node = self._owners.get(registry)
        until = time.monotonic() + self._seconds
        if node is not None:
            try:
                return self._passed(await self._ask(node, request, seconds=self._seconds))
            except NodeAwayError as error:
                if seen := await _seen([registry]):
                    raise _told(error, seen) from error
        for other in self._nodes:
            if other is not node:
                left = max(SECONDS_MIN, until - time.monotonic())
                with suppress(NodeAwayError):
                    return self._passed(await self._ask(other, request, seconds=left))
        raise NodeAwayError(_NOBODY)

    async def _first(self, request: Request) -> NodeAnswer:
        """Return the answer of the first node, in their order, that knows what is asked for.

        If none does, it is an answer that says so, but only if all nodes gave one: what a node
        that is away has may be what was asked for.
        """
        until = time.monotonic() + self._seconds
        unknown: NodeAnswer | None = None
        away: NodeAwayError | None = None
        try:
            for node in self._nodes:
                left = until - time.monotonic()
                # One that hangs leaves half of the time to the others.
                seconds = left if node is self._nodes[-1] else left / 2
                try:
                    answer = await self._ask(node, request, seconds=max(SECONDS_MIN, seconds))
                    await _refuse_failure(answer)
                except NodeAwayError as error:
                    if away is None and (seen := await _seen(node.registries)):
                        away = _told(error, seen)
                        away.__cause__ = error
                    continue
                if not self._knows_nothing(answer):
                    return answer
                if unknown is not None:
                    await unknown.close()
                unknown = answer
            if away is not None:
                raise away
            if unknown is None:
                raise NodeAwayError(_NOBODY)
            answer, unknown = unknown, None
            return answer
        finally:
            if unknown is not None:
                await unknown.close()

    async def _ask(
        self,
        node: Node,
        request: Request,
        *,
        seconds: float,
        method: str = "",
        changed: Mapping[str, str] = MappingProxyType({}),
    ) -> NodeAnswer:
        """Send a request on as its caller's; empty headers of ``changed`` are left out."""
        scope = request.scope
        caller: Caller = scope.get(CALLER) or Caller("anonymous")
        passed = self._headers.make(scope, caller, registries=node.registries)
        own = {**passed, "x-request-id": REQUEST_ID.get(), **changed}
        sent: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _PASSED_HEADERS:
                sent[name] = sent[name] + b", " + value if name in sent else value
        sent |= {name.encode(): value.encode() for name, value in own.items()}
        return await node.ask(
            method or request.method,
            _target(scope),
            {name: value for name, value in sent.items() if value},
            seconds=seconds,
        )

    def _knows_nothing(self, answer: NodeAnswer) -> bool:
        """Tell whether nothing is there; then a pasted text leads to the search for it."""
        if answer.status == 303:
            return urlsplit(answer.headers.get("location", "")).path == f"{self._base}/search"
        return answer.status == 404

    def _passed(self, answer: NodeAnswer) -> Response:
        return PassedAnswer(
            answer, find_caller=self._find_caller, streams=self._streams, seconds=self._seconds
        )


def _target(scope: Scope) -> str:
    """Return the path and the query of a request, without the path of ``public_url``."""
    inner = scope["path"].removeprefix(scope.get("root_path", ""))
    # Written out, ".." would lead to any other address of the node.
    parts = (
        one.replace(".", "%2E") if one in _DOTS else quote(one, safe=_SAFE)
        for one in inner.split("/")
    )
    path = "/".join(parts)
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{quote(query, safe=_QUERY_SAFE)}" if query else path


async def _seen(registries: Iterable[str]) -> list[str]:
    """Return those of some registries of which the viewer may see anything.

    Of others nobody is told that they are there, or that their node is away.
    """
    viewer = VIEWER.get()
    sight = await viewer.sight()
    rights = sight.rights
    if not sight.is_exact:
        rights = rights.with_repositories(await viewer.undecided())
    return [one for one in registries if rights.sees_registry(one) or one in sight.problems]


def _told(error: NodeAwayError, registries: Sequence[str]) -> NodeAwayError:
    """Return an error that says what cannot be told because of it."""
    many = "registries" if len(registries) > 1 else "registry"
    return NodeAwayError(f"{error}; no details of {many} {', '.join(registries)} now")


async def _refuse_failure(answer: NodeAnswer) -> None:
    """Raise :class:`NodeAwayError` for an answer after which another node may still know."""
    if answer.status >= 500:
        await answer.close()
        raise answer.node.away(f"it answers {answer.status}")


def _registries_in(answer: WholeAnswer) -> list[dict[str, Any]]:
    """Return the registries that a node lists, but for those of others."""
    try:
        listed = parse_json_object(answer.body)["registries"]
        return [one for one in listed if one["registry"] in answer.node.registries]
    except (InvalidValueError, KeyError, TypeError) as error:
        raise answer.node.away("its list of registries cannot be read") from error


def _route(path: str, endpoint: Endpoint, middleware: Sequence[Middleware]) -> Route:
    return Route(path, endpoint, methods=["GET"], middleware=list(middleware))


async def _without_site(endpoint: Endpoint, _: Site, request: Request) -> Response:
    return await endpoint(request)
