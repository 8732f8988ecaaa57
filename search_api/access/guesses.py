"""Wrong passwords: who sends many of them must wait, and the log says who was refused.

A password counts as wrong from the moment in which its check begins, for many can be sent at the
same time. It no longer counts once it was right.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from cachetools import LRUCache

from indexer.errors import GuessLimitError
from indexer.model import caller_at

log = structlog.get_logger()

SECONDS = 60.0
OF_NAME = 10
"""Wrong passwords within a minute, for a user name and from an address."""
OF_ADDRESS = 100
"""Wrong passwords within a minute from an address, for all user names together."""
KEPT_MAX = 20_000
"""Addresses and names that are remembered: those with a wrong password last."""
LINES_MAX = 60
"""Lines of the log within a minute about who was refused, of all addresses."""
NAME_SHOWN = 100


@dataclass(slots=True)
class Guess:
    """One check of a password."""

    is_wrong: bool = False


class SignInGuesses:
    """What is known of wrong passwords; it is lost with the process."""

    def __init__(
        self,
        *,
        on_refused: Callable[[str], None] = lambda _: None,
        on_limited: Callable[[str], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what is told the address of each who was refused, and of each who must wait."""
        self._on_refused = on_refused
        self._on_limited = on_limited
        self._monotonic = monotonic
        self._wrong: LRUCache[tuple[str, str | None], deque[float]] = LRUCache(KEPT_MAX)
        self._lines = 0
        self._lines_since = monotonic()
        self._unlogged = 0

    @contextmanager
    def guess(self, name: str, address: str) -> Iterator["Guess"]:
        """Enclose the check of a password, which notes in it whether it is wrong.

        :class:`GuessLimitError` if too many were wrong; then it must not be checked.
        """
        at = caller_at(address)
        now = self._monotonic()
        limits = [((at, name), OF_NAME), ((at, None), OF_ADDRESS)]
        for key, most in limits:
            self._check(key, most, now, name=name, address=address)
        for key, _ in limits:
            self._wrong.setdefault(key, deque()).append(now)
        guess = Guess()
        try:
            yield guess
        finally:
            if not guess.is_wrong:
                for key, _ in limits:
                    self._forgive(key, now)

    def refused(self, name: str, address: str, reason: str) -> None:
        """Write who was refused, unless the log has many such lines already."""
        self._on_refused(address)
        now = self._monotonic()
        if now - self._lines_since >= SECONDS:
            self._lines, self._lines_since = 0, now
        if self._lines >= LINES_MAX:
            self._unlogged += 1
            return
        self._lines += 1
        more = {"others": self._unlogged} if self._unlogged else {}
        self._unlogged = 0
        log.warning(
            "sign_in_refused", user=name[:NAME_SHOWN], address=address, reason=reason, **more
        )

    def _check(
        self, key: tuple[str, str | None], most: int, now: float, *, name: str, address: str
    ) -> None:
        wrong = self._wrong.get(key) or deque[float]()
        while wrong and now - wrong[0] >= SECONDS:
            wrong.popleft()
        if len(wrong) < most:
            return
        self._on_limited(address)
        of_whom = f" for user {name[:NAME_SHOWN]!r}" if key[1] is not None else ""
        raise GuessLimitError(
            f"too many wrong passwords{of_whom} from {address}: {most} a minute are checked",
            retry_after=SECONDS - (now - wrong[0]),
        )

    def _forgive(self, key: tuple[str, str | None], noted: float) -> None:
        wrong = self._wrong.get(key)
        if wrong and noted in wrong:
            wrong.remove(noted)
