"""The path that all addresses of this service begin with, as its users see them."""

from starlette.types import ASGIApp, Receive, Scope, Send


class BasePath:
    """Takes requests with the path and without it: some proxies cut it off, and others do not.

    Behind it, every address has the path, so that those which answers give to users are right.
    """

    def __init__(self, app: ASGIApp, base: str) -> None:
        """Take a path such as ``/regsearch``, or nothing at the root of the host."""
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if self._base and scope["type"] in {"http", "websocket"}:
            path = scope["path"]
            if path != self._base and not path.startswith(f"{self._base}/"):
                path = f"{self._base}{path}"
            scope = {**scope, "path": path, "root_path": self._base}
        await self._app(scope, receive, send)
