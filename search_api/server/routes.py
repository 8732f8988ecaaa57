"""Requests counted by route: the pattern of an address, of which there are few, not the address."""

from collections import Counter, defaultdict

from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.model import REQUEST_BOUNDS, Measures, add_duration

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are told together, because a client may send any word."""
OTHER = "other"
"""Stands for methods that are not in ``METHODS``, and for addresses that no route has."""
SECONDS = "seconds"
_ROUTE = "regsearch_route"


class RouteCounts:
    """How many requests each route answered, and how long it took until its answers began."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By method, route, and class of the status, such as ``2xx``."""
        self.durations: defaultdict[str, Measures] = defaultdict(Measures)
        """By route."""

    def add(self, scope: Scope, status: int, *, seconds: float) -> None:
        """Count a request that was answered."""
        method = scope["method"] if scope["method"] in METHODS else OTHER
        route = route_of(scope)
        self.requests[method, route, f"{status // 100}xx"] += 1
        add_duration(self.durations[route], SECONDS, seconds, REQUEST_BOUNDS)


def expect_route(scope: Scope) -> None:
    """Have the route of a request told, when it is found."""
    scope[_ROUTE] = [OTHER]


def route_of(scope: Scope) -> str:
    """Return the pattern of the address that was asked, such as ``/webhooks/{registry}``."""
    [route] = scope.get(_ROUTE, [OTHER])
    return str(route)


class RouteNotes:
    """Tells the route to what is around it, because copies of a scope come between them."""

    def __init__(self, app: ASGIApp, *, base: str) -> None:
        """Leave ``base``, with which all addresses begin, out of the pattern."""
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        try:
            await self._app(scope, receive, send)
        finally:
            route = scope.get("route")
            # A request that a mounted application has no route for was only led there.
            if _ROUTE in scope and route is not None and not isinstance(route, Mount):
                place = scope.get("root_path", "").removeprefix(self._base)
                scope[_ROUTE][0] = f"{place}{getattr(route, 'path', '')}"
