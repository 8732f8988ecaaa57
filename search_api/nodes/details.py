"""Details at a search node: each is fetched from the indexer node that has its registry.

Of a registry in the address it is the node of that registry. A digest or a reference is asked of
one node after the other, until one knows it. What depends on all nodes is made of all answers, or
it is not answered: a shorter list would say that the rest does not exist.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from indexer.errors import InvalidValueError, NodeAwayError
from indexer.model import parse_json_object
from indexer.settings import Settings
from search_api.api import Streams, api_middleware, kept_answer, sharing_middleware
from search_api.nodes.answers import FindCaller, PassedAnswer
from search_api.nodes.change_list import ChangeList
from search_api.nodes.node import Node, NodeAnswer, WholeAnswer
from search_api.nodes.nodes import SECONDS_MIN, Nodes, seen_of, told
from search_api.pages import Site, answer_page
from search_api.search import API

_NOBODY = "no indexer node answers"
_NAME_ONE = "name a registry with registry=: several nodes have changes of their own"
_REGISTRY = "registry"
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
_PAGES_OF_ANY = ("/i/{digest}", "/l/{digest}", "/compare", "/go")

Endpoint = Callable[[Request], Awaitable[Response]]


class Details:
    """Answers what needs the store, with the answers of the indexer nodes."""

    def __init__(self, settings: Settings, *, find_caller: FindCaller, streams: Streams) -> None:
        """Take the nodes and their secret of the settings; :class:`SettingsError` without one.

        ``find_caller`` finds out who sends a request, again while a stream is open. Streams are
        counted in ``streams``.
        """
        self._nodes = Nodes(settings)
        self._change_list = ChangeList(self._nodes)
        self._order = [one.name for one in settings.registry]
        self._find_caller = find_caller
        self._streams = streams
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
            _route(f"{API}/changes", self._changes, sharing),
            _route(f"{API}/changes/stream", self._stream, sharing),
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

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """Requests to nodes, by the name of the node and the class of the status."""
        return self._nodes.requests

    async def close(self) -> None:
        """Close all connections."""
        await self._nodes.close()

    async def _of_registry(self, request: Request) -> Response:
        return await self._fetch_of(request, request.path_params["registry"])

    async def _of_any(self, request: Request) -> Response:
        if registry := request.query_params.get(_REGISTRY, "").strip():
            return await self._fetch_of(request, registry)
        return self._passed(await self._first(request))

    async def _changes(self, request: Request) -> Response:
        if registry := request.query_params.get(_REGISTRY, "").strip():
            return await self._fetch_of(request, registry)
        if len(self._nodes.all) > 1:
            return await self._change_list.answer(request)
        return self._passed(await self._first(request))

    async def _stream(self, request: Request) -> Response:
        if len(self._nodes.all) > 1 and not request.query_params.get(_REGISTRY, "").strip():
            raise InvalidValueError(_NAME_ONE)
        return await self._changes(request)

    async def _changes_page(self, request: Request) -> Response:
        """Return the page of changes; of several nodes, first that of the first registry."""
        is_open = len(self._nodes.all) > 1 and not request.query_params.get(_REGISTRY, "").strip()
        if is_open and (seen := await seen_of(self._order)):
            named = {**request.query_params, _REGISTRY: seen[0]}
            return RedirectResponse(f"{request.url.path}?{urlencode(named)}", status_code=303)
        if is_open:
            raise InvalidValueError(_NAME_ONE)
        return await self._changes(request)

    async def _registries(self, request: Request) -> Response:
        """Return the registries of all nodes as one list, in the order of the settings."""
        lists = await asyncio.gather(*(self._list_of(node, request) for node in self._nodes.all))
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
        whole = await self._nodes.read(node, request)
        if whole is None:
            return []
        if whole.status != 200:
            return whole
        try:
            return _registries_in(whole)
        except NodeAwayError as error:
            if seen := await seen_of(node.registries):
                raise told(error, seen) from error
            return []

    async def _fetch_of(self, request: Request, registry: str) -> Response:
        """Return the answer of the node of a registry.

        One that nobody has, and one that is hidden while its node is away, are answered alike, by
        any node: none of them knows it.
        """
        node = self._nodes.owners.get(registry)
        until = time.monotonic() + self._nodes.seconds
        if node is not None:
            try:
                return self._passed(
                    await self._nodes.ask(node, request, seconds=self._nodes.seconds)
                )
            except NodeAwayError as error:
                if seen := await seen_of([registry]):
                    raise told(error, seen) from error
        for other in self._nodes.all:
            if other is not node:
                left = max(SECONDS_MIN, until - time.monotonic())
                with suppress(NodeAwayError):
                    return self._passed(await self._nodes.ask(other, request, seconds=left))
        raise NodeAwayError(_NOBODY)

    async def _first(self, request: Request) -> NodeAnswer:
        """Return the answer of the first node, in their order, that knows what is asked for.

        If none does, it is an answer that says so, but only if all nodes gave one: what a node
        that is away has may be what was asked for.
        """
        until = time.monotonic() + self._nodes.seconds
        unknown: NodeAnswer | None = None
        away: NodeAwayError | None = None
        try:
            for node in self._nodes.all:
                left = until - time.monotonic()
                # One that hangs leaves half of the time to the others.
                seconds = left if node is self._nodes.all[-1] else left / 2
                try:
                    answer = await self._nodes.ask(node, request, seconds=max(SECONDS_MIN, seconds))
                    await _refuse_failure(answer)
                except NodeAwayError as error:
                    if away is None and (seen := await seen_of(node.registries)):
                        away = told(error, seen)
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

    def _knows_nothing(self, answer: NodeAnswer) -> bool:
        """Tell whether nothing is there; then a pasted text leads to the search for it."""
        if answer.status == 303:
            return urlsplit(answer.headers.get("location", "")).path == f"{self._base}/search"
        return answer.status == 404

    def _passed(self, answer: NodeAnswer) -> Response:
        return PassedAnswer(
            answer,
            find_caller=self._find_caller,
            streams=self._streams,
            seconds=self._nodes.seconds,
        )


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
