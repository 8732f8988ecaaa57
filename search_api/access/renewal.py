"""Keeps sessions going that are in use."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.access.caller import Caller
from search_api.access.middleware import CALLER
from search_api.access.sessions import Sessions


class Renewal:
    """Sends the cookie of a session again, with the time of now, before its idle time is over."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        caller: Caller | None = scope.get(CALLER)
        if caller is not None and caller.session:
            session = self._sessions.find(scope)
            cookie = self._sessions.renewed(scope, session) if session else ""
            send = _sending(send, cookie) if cookie else send
        await self._app(scope, receive, send)


def _sending(send: Send, cookie: str) -> Callable[[Message], Awaitable[None]]:
    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            # Files of the page may be kept by others, and a sign-out sets the cookie itself.
            if "public" not in headers.get("cache-control", "") and "set-cookie" not in headers:
                headers.append("set-cookie", cookie)
                message = {**message, "headers": headers.raw}
        return send(message)

    return sending
