"""Who asks, and how much one caller may ask: a rate of requests with a burst.

A caller is an address; behind a proxy that the settings trust, the address that it forwards. The
network of an IPv6 address is one caller, because its owner has all 2^64 addresses of it.
"""

import math

from starlette.types import ASGIApp, Receive, Scope, Send
from throttled import Throttled, rate_limiter
from throttled.store import MemoryStore

from indexer.model import caller_at
from search_api.http_errors import error_answer
from search_api.server.refusals import Refusals, RequestRefusal

BURST_SECONDS = 5
"""A burst has as many requests as are allowed in this time."""
CALLERS_MAX = 10_000
"""Callers whose rate is remembered; of more, the one that asked longest ago is forgotten."""
NEVER_LIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
"""What watches the service must see it under attack too."""
NOTIFICATIONS = "/webhooks/"
"""A registry sends as many notifications as it has; they are authenticated instead."""
NODES = "/nodes/"
"""A search node asks for all its callers; it is authenticated too."""


def caller_of(scope: Scope) -> str:
    """Return the caller of a request, as text; empty for one without an address."""
    client = scope.get("client")
    return caller_at(client[0]) if client else ""


class CallerLimit:
    """Answers 429 to a caller that sends too many requests."""

    def __init__(self, app: ASGIApp, *, per_second: int, refusals: Refusals) -> None:
        """Take the requests a second of one caller; 0: any number."""
        self._app = app
        self._per_second = per_second
        self._refusals = refusals
        self._throttle = _throttle(per_second) if per_second else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        wait = 0.0
        if self._throttle is not None and scope["type"] == "http" and _is_limited(scope["path"]):
            caller = caller_of(scope)
            found = self._throttle.limit(caller)
            wait = found.state.retry_after if found.limited else 0.0
        if not wait:
            await self._app(scope, receive, send)
            return
        self._refusals.request(RequestRefusal.RATE, caller=caller)
        answer = error_answer(
            429,
            "TOOMANYREQUESTS",
            f"too many requests from {caller}: at most {self._per_second} a second"
            " (setting caller_requests_per_second)",
            headers={"Retry-After": str(math.ceil(wait))},
        )
        await answer(scope, receive, send)


def _is_limited(path: str) -> bool:
    return path not in NEVER_LIMITED and not path.startswith((NOTIFICATIONS, NODES))


def _throttle(per_second: int) -> Throttled:
    quota = rate_limiter.per_sec(per_second, burst=per_second * BURST_SECONDS)
    return Throttled(
        using="gcra", quota=quota, store=MemoryStore(options={"MAX_SIZE": CALLERS_MAX})
    )
