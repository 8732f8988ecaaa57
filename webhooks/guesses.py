"""Wrong secrets: whoever sends many of them is answered slowly, and logged seldom.

A right secret is never held up, for many registries may have one address. So this slows down who
guesses over a few connections, and keeps the log small; what keeps guesses from being right is the
length of the secret.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from indexer.clock import Clock
from indexer.model import caller_at

log = structlog.get_logger()

AT_ONCE = 10
"""Wrong secrets of an address that are answered at once; one more is after each second."""
HELD_SECONDS = 1.0
HELD_MAX = 500
"""Answers that are held back at the same time; others are given at once."""
ADDRESSES_MAX = 1_000
"""Addresses that are remembered: those that sent a wrong secret last."""
LOGGED_EVERY = timedelta(minutes=1)
LINES_MAX = 60
"""Lines of the log in that time, of all addresses."""


@dataclass(slots=True)
class _Sender:
    free_at: datetime
    """When as many as at first will be answered at once again."""
    logged_at: datetime | None = None
    unlogged: int = 0


class Guesses:
    """What is known of those who sent a wrong secret; it is lost with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._held = 0
        self._lines = 0
        self._lines_since = clock.now()

    async def slow_down(self, address: str, *, registry: str) -> None:
        """Note a wrong secret for a registry; return when its sender may be told."""
        now = self._clock.now()
        sender = self._sender(address, now)
        self._log(sender, address, registry, now)
        # A clock that was set back must not hold back anybody for longer.
        ahead = min(max(sender.free_at - now, timedelta()), timedelta(seconds=AT_ONCE))
        sender.free_at = now + ahead + timedelta(seconds=1)
        if ahead < timedelta(seconds=AT_ONCE) or self._held >= HELD_MAX:
            return
        self._held += 1
        try:
            await self._clock.sleep(HELD_SECONDS)
        finally:
            self._held -= 1

    def _sender(self, address: str, now: datetime) -> _Sender:
        key = caller_at(address)
        sender = self._senders.setdefault(key, _Sender(now))
        self._senders.move_to_end(key)
        if len(self._senders) > ADDRESSES_MAX:
            self._senders.popitem(last=False)
        return sender

    def _log(self, sender: _Sender, address: str, registry: str, now: datetime) -> None:
        """Write the first wrong secret of an address, and then once a minute how many came."""
        sender.unlogged += 1
        if not timedelta() <= now - self._lines_since < LOGGED_EVERY:
            self._lines, self._lines_since = 0, now
        is_soon = sender.logged_at is not None and now - sender.logged_at < LOGGED_EVERY
        if is_soon or self._lines >= LINES_MAX:
            return
        self._lines += 1
        log.warning(
            "request_refused",
            path=f"/webhooks/{registry}",
            status=401,
            reason=f"a wrong webhook secret for registry {registry!r}",
            sender=address,
            number=sender.unlogged,
        )
        sender.logged_at, sender.unlogged = now, 0
