"""A client of a cluster of which machines are gone."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.engines.opensearch.client import (
    BUSY_PAUSES,
    CONNECT_SECONDS,
    Cluster,
    ClusterAddress,
    error_of,
)
from indexer.errors import EngineAwayError
from tests.fakes.serving import serving


@pytest.fixture
def gone() -> Iterator[str]:
    """Give the URL of a node that refuses no connection and takes none, as a lost machine does."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        # They fill the queue of those that wait to be taken.
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("seconds", [None, 60.0])
def test_a_machine_that_is_gone_leaves_time_to_ask_another(
    gone: str, seconds: float | None
) -> None:
    """However long an answer may take, a connection is there soon or never."""
    with closing(Cluster(ClusterAddress((gone,), timeout=30))) as cluster:
        started = time.monotonic()
        with pytest.raises(EngineAwayError):
            cluster.ask("GET", "/", seconds=seconds)
        # Far from the seconds of an answer, and enough on a busy machine.
        assert time.monotonic() - started < 5 * CONNECT_SECONDS


Answer = tuple[int, dict[str, Any]]
WHOLE: dict[str, Any] = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}}
LOST = {"type": "node_disconnected_exception", "reason": "[n1][indices:data/read/search] gone"}
# What a search gets whose node leaves while it searches, and what a busy or red cluster says.
REFUSALS: dict[str, Answer] = {
    "a node left": (500, {"error": LOST}),
    "a shard failed": (200, {**WHOLE, "_shards": {"failed": 1}}),
    "no copy": (503, {"error": {"type": "search_phase_execution_exception", "reason": "all"}}),
    "busy": (429, {"error": {"type": "rejected_execution_exception", "reason": "full"}}),
}


def answering(*answers: Answer) -> tuple[Starlette, list[Answer]]:
    """Return a server that gives these answers to searches, each once, and those that are left."""
    left = list(answers)

    async def answer(request: Request) -> Response:
        status, body = left.pop(0)
        if request.url.path == "/_msearch":
            body = {"responses": [body if status == 200 else {**body, "status": status}]}
            status = 200
        return JSONResponse(body, status_code=status)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])]), left


@pytest.mark.parametrize("is_many", [False, True])
@pytest.mark.parametrize("refusal", ["a node left", "a shard failed", "no copy"])
def test_a_search_of_a_node_that_left_is_asked_once_more(refusal: str, is_many: bool) -> None:
    for second, is_answered in (((200, WHOLE), True), (REFUSALS[refusal], False)):
        app, left = answering(REFUSALS[refusal], second)
        with serving(app) as url, closing(Cluster(ClusterAddress((url,)))) as cluster:
            if is_answered:
                found = cluster.search_each("a", [{}]) if is_many else [cluster.search("a", {})]
                assert found == [WHOLE]
            else:
                with pytest.raises(EngineAwayError) as caught:
                    cluster.search_each("a", [{}]) if is_many else cluster.search("a", {})
                assert type(caught.value) is EngineAwayError
        assert left == []


@pytest.mark.parametrize("is_many", [False, True])
def test_a_search_of_a_busy_cluster_is_asked_again_later_and_later(is_many: bool) -> None:
    """Regression: a search beside a rebuild failed while the memory of a small node was full."""
    app, left = answering(*[REFUSALS["busy"]] * 3, REFUSALS["a node left"], (200, WHOLE))
    with serving(app) as url, closing(Cluster(ClusterAddress((url,)))) as cluster:
        started = time.monotonic()
        found = cluster.search_each("a", [{}]) if is_many else [cluster.search("a", {})]
        assert time.monotonic() - started >= sum(BUSY_PAUSES[:3])
    assert (found, left) == ([WHOLE], [])


def test_a_cluster_that_stays_busy_is_left_alone() -> None:
    tries = 1 + len(BUSY_PAUSES)
    app, left = answering(*[REFUSALS["busy"]] * tries, (200, WHOLE))
    with (
        serving(app) as url,
        closing(Cluster(ClusterAddress((url,)))) as cluster,
        pytest.raises(EngineAwayError, match="429, rejected_execution_exception: full"),
    ):
        cluster.search("a", {})
    assert len(left) == 1


def test_the_reason_is_told_of_an_error_that_names_none_itself() -> None:
    cause = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}
    error = {"type": "search_phase_execution_exception", "reason": "", "root_cause": []}
    with pytest.raises(EngineAwayError, match="Data too large"):
        raise error_of(429, {**error, "caused_by": cause})
