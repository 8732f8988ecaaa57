"""A client of a cluster of which machines are gone."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from indexer.engines.opensearch.client import CONNECT_SECONDS, Cluster, ClusterAddress
from indexer.errors import EngineAwayError


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
        assert time.monotonic() - started < 2 * CONNECT_SECONDS
