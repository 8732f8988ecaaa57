"""Who asks, told to all that answers a request."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.errors import BusyError, CallerLimitError, CredentialError, InvalidValueError
from search_api.access.audit import AUDITED, AuditLog
from search_api.access.policy import Access
from search_api.http_errors import answer_to
from search_api.search import VIEWER

CALLER = "regsearch_caller"
"""Where a request has its :class:`Caller`."""
OPEN_PATHS = ("/healthz", "/readyz", "/webhooks/", "/nodes/")
"""What answers everybody alike, or knows who asks in a way of its own."""
_DEPENDS = ("Authorization", "Cookie")


class Viewing:
    """Finds the viewer of each request, and says in its answer that it depends on them."""

    def __init__(self, app: ASGIApp, *, access: Access, audit_log: AuditLog | None = None) -> None:
        """Write a line for each search to ``audit_log``, if there is one."""
        self._app = app
        self._access = access
        self._audit_log = audit_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _path(scope).startswith(OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        if not self._access.is_all_public:
            send = _private(send)
        try:
            viewer = await self._access.viewer_of(scope)
        except (CredentialError, CallerLimitError, InvalidValueError, BusyError) as error:
            await answer_to(Request(scope), error)(scope, receive, send)
            return
        token = VIEWER.set(viewer)
        audited = AUDITED.set((self._audit_log, viewer.caller) if self._audit_log else None)
        try:
            await self._app({**scope, CALLER: viewer.caller}, receive, send)
        finally:
            AUDITED.reset(audited)
            VIEWER.reset(token)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _private(send: Send) -> Callable[[Message], Awaitable[None]]:
    """Return what sends answers that only the caller may keep; files of the page are for all."""

    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            kept = headers.get("cache-control", "")
            if "public" not in kept:
                # An answer of another node says it already.
                if "no-store" not in kept and "private" not in kept:
                    headers["cache-control"] = f"{kept}, private" if kept else "private, no-cache"
                for name in _DEPENDS:
                    if name not in headers.get("vary", ""):
                        headers.add_vary_header(name)
                message = {**message, "headers": headers.raw}
        return send(message)

    return sending
