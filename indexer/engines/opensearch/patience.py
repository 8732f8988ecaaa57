"""How long somebody waits for a cluster of which no node may answer any more.

A node that was stopped, or whose machine hangs, keeps its connections: only time shows that nothing
comes. A search may take long, though. So the nodes are asked for a sign of life meanwhile.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

from indexer.errors import EngineAwayError

Result = TypeVar("Result")

ANSWER_SECONDS = 2.5
"""After this time without an answer the nodes are asked for a sign of life."""
SIGN_SECONDS = 1.5
"""How long they have for it."""
PAUSE_SECONDS = 1.0
"""After there was none, nobody asks for so long."""
_HANGS = "the OpenSearch cluster is away: no node answers anything"


class Patience:
    """Calls what asks a cluster. It belongs to one thread."""

    def __init__(
        self,
        pings: Sequence[Callable[[float], bool]],
        *,
        answer_seconds: float = ANSWER_SECONDS,
        sign_seconds: float = SIGN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what tells of each node whether it answers anything within some seconds."""
        self._answer_seconds = answer_seconds
        self._sign_seconds = sign_seconds
        self._pings = pings
        self._monotonic = monotonic
        self._hangs_until: float | None = None

    def call(self, ask: Callable[[], Result]) -> Result:
        """Return what ``ask`` returns; it may take any time while a node shows a sign of life.

        :class:`EngineAwayError` if none does. Then ``ask`` is left to itself.
        """
        if self._hangs_until is not None:
            if self._monotonic() < self._hangs_until:
                raise EngineAwayError(_HANGS)
            self._look()
        asked = _called(ask)
        wait([asked], self._answer_seconds)
        if not asked.done():
            self._look()
        return asked.result()

    def _look(self) -> None:
        """Look for a sign of life; :class:`EngineAwayError` if there is none."""
        sign = threading.Event()

        def look(ping: Callable[[float], bool]) -> None:
            if ping(self._sign_seconds):
                sign.set()

        for ping in self._pings:
            threading.Thread(target=look, args=(ping,), daemon=True).start()
        if not sign.wait(self._sign_seconds):
            self._hangs_until = self._monotonic() + PAUSE_SECONDS
            raise EngineAwayError(_HANGS)
        self._hangs_until = None


def _called(ask: Callable[[], Result]) -> "Future[Result]":
    """Call a function on a thread that nobody need wait for."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
