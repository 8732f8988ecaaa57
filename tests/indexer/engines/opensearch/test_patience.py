"""Waiting for a cluster: as long as a node shows a sign of life, and no longer."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from indexer.engines.opensearch.patience import PAUSE_SECONDS, Patience
from indexer.errors import EngineAwayError

SHORT, LONG = 0.05, 60.0
"""Seconds for what never comes, and for what does, be it on a busy machine."""
Hasty = partial(Patience, answer_seconds=SHORT, sign_seconds=SHORT)
over = threading.Event()


@pytest.fixture(autouse=True)
def end_of_test() -> Iterator[None]:
    """Let all that hangs go at the end of a test."""
    over.clear()
    yield
    over.set()


def hangs(_: float) -> bool:
    return over.wait()


def lives(_: float) -> bool:
    return True


def refuses(_: float) -> bool:
    return False


def slow_answer() -> str:
    time.sleep(0.2)
    return "found"


def test_an_answer_or_its_error_is_passed_on() -> None:
    def fail() -> str:
        raise ValueError("broken")

    waiting = Patience([hangs], answer_seconds=LONG, sign_seconds=SHORT)
    assert waiting.call(lambda: "found") == "found"
    with pytest.raises(ValueError, match="broken"):
        waiting.call(fail)


@pytest.mark.parametrize("pings", [[lives], [hangs, lives], [refuses, hangs, lives]])
def test_a_slow_answer_is_waited_for_while_one_node_lives(
    pings: list[Callable[[float], bool]],
) -> None:
    waiting = Patience(pings, answer_seconds=SHORT, sign_seconds=LONG)
    assert waiting.call(slow_answer) == "found"


@pytest.mark.parametrize("pings", [[hangs], [refuses], [hangs, refuses]])
def test_nobody_waits_where_no_node_lives(pings: list[Callable[[float], bool]]) -> None:
    now = [100.0]
    waiting = Hasty(pings, monotonic=lambda: now[0])
    started = time.monotonic()
    with pytest.raises(EngineAwayError, match="no node answers anything"):
        waiting.call(over.wait)
    assert time.monotonic() - started < 10
    # Others do not even ask, for a while; then they look first.
    asked: list[str] = []
    for seconds in (0, PAUSE_SECONDS / 2, PAUSE_SECONDS):
        now[0] += seconds
        with pytest.raises(EngineAwayError):
            waiting.call(lambda: asked.append("it"))
    assert asked == []


def test_it_asks_again_when_a_node_is_back() -> None:
    now, is_back = [100.0], [False]
    pings = [lambda _: is_back[0]]
    waiting = Patience(pings, answer_seconds=SHORT, sign_seconds=2, monotonic=lambda: now[0])
    with pytest.raises(EngineAwayError):
        waiting.call(over.wait)
    is_back[0] = True
    now[0] += PAUSE_SECONDS
    assert waiting.call(lambda: "found") == "found"
