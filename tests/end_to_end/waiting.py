"""Waiting for real processes: poll a condition until it holds or the time is over."""

import time
from collections.abc import Callable

OFTEN_SECONDS = 0.05


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, *, every: float = OFTEN_SECONDS
) -> float:
    """Poll ``condition`` and return after how many seconds it held.

    Raises AssertionError naming ``what`` when it does not hold within ``seconds``.
    """
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < seconds, f"after {waited:.1f} s still not: {what}"
        time.sleep(every)
    return time.monotonic() - start
