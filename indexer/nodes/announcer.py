"""Tells the search nodes each second what this indexer node has."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from indexer.clock import Clock
from indexer.errors import EngineError, StoreError
from indexer.nodes.node_state import NodeState, written_state
from indexer.settings import NodeSettings
from indexer.store import OwnThread, StoreSearchState

if TYPE_CHECKING:
    # An optional dependency.
    from indexer.engines.opensearch import NodeTable

log = structlog.get_logger()

EVERY_SECONDS = 1.0


class Announcer:
    """Writes the state of a node to the cluster. What it says is never newer than the store."""

    def __init__(
        self,
        directory: Path,
        *,
        node: NodeSettings,
        table: "NodeTable",
        read_owner: Callable[[], str],
        clock: Clock,
    ) -> None:
        """Take the data directory, and what tells its name in the cluster."""
        self._node = node
        self._table = table
        self._read_owner = read_owner
        self._clock = clock
        self._state = StoreSearchState(directory)
        self._thread = OwnThread("node", path=directory)
        self._is_failing = False

    async def run(self) -> None:
        """Tell it until cancelled."""
        while True:
            await self.announce()
            await self._clock.sleep(EVERY_SECONDS)

    async def announce(self) -> None:
        """Tell it now. While the cluster does not answer, nobody is told."""
        try:
            await self._thread.run(self._write)
        except (EngineError, StoreError) as error:
            if not self._is_failing:
                log.warning("node_not_announced", node=self._node.name, reason=str(error))
            self._is_failing = True
        else:
            if self._is_failing:
                log.info("node_announced", node=self._node.name)
            self._is_failing = False

    async def close(self) -> None:
        """Close all files and connections."""
        await self._thread.run(self._close)
        self._thread.close()

    def _write(self) -> None:
        with self._state.begin_request():
            # Freshness comes first: it must not tell of what the search index does not have yet.
            freshness, live = self._state.freshness(), self._state.live()
            origins = {name: self._state.token_origin(name) for name in self._node.registries}
        state = NodeState(
            name=self._node.name,
            version=version("regsearch"),
            owner=self._read_owner(),
            live=live,
            freshness=freshness,
            token_origins={name: origin for name, origin in origins.items() if origin},
        )
        self._table.write(self._node.name, written_state(state))

    def _close(self) -> None:
        self._state.close()
        self._table.close()
