"""Who asks, told to all that answers a request."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.access.viewer import VIEWER, Viewer


class Viewing:
    """Sets the viewer of each request."""

    def __init__(self, app: ASGIApp, *, find: Callable[[Scope], Awaitable[Viewer]]) -> None:
        """Take what finds the viewer of a request."""
        self._app = app
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = VIEWER.set(await self._find(scope))
        try:
            await self._app(scope, receive, send)
        finally:
            VIEWER.reset(token)
