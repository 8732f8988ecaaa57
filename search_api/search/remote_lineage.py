"""What conditions about layers mean, asked of the indexer nodes: their stores know it.

A base is found on the node that has it. So what one registry holds is not found to be built on what
a registry of another node holds, but for what images declare of their base.
"""

from collections.abc import Iterator, Sequence

import httpx2

from indexer.errors import EngineAwayError
from indexer.model import Rights
from indexer.settings import NodeSettings
from indexer.store import KEYS_MAX
from search_api.search.node_requests import LINEAGE_PATH, rights_json


class RemoteLineage:
    """Asks the nodes for those who have some rights.

    Its methods are those of :class:`indexer.store.LineageKeys`, and raise
    :class:`indexer.errors.EngineAwayError` if a node does not answer.
    """

    def __init__(
        self, nodes: Sequence[NodeSettings], *, client: httpx2.Client, rights: Rights
    ) -> None:
        """Take the nodes, and a client that shows them the secret of the nodes."""
        self._nodes = nodes
        self._client = client
        self._rights = rights

    def find_bases(self, name: str, *, is_prefix: bool = False) -> list[str]:
        """Return the chains of which something is built on what a name means."""
        return self._find("bases", name, is_prefix=is_prefix)

    def find_derived(self, name: str) -> list[str]:
        """Return the chains on which what a name means is built."""
        return self._find("derived", name)

    def find_layer(self, layer: str) -> list[str]:
        """Return the chains that end with a layer."""
        return self._find("layer", layer)

    def _find(self, kind: str, name: str, *, is_prefix: bool = False) -> list[str]:
        asked = {"kind": kind, "name": name, "is_prefix": is_prefix}
        found = dict[str, None]()
        for node in self._nodes:
            if any(map(self._rights.sees_registry, node.registries)):
                rights = rights_json(self._rights, node.registries)
                found |= dict.fromkeys(self._ask(node, {**asked, "rights": rights}))
        return list(found)

    def _ask(self, node: NodeSettings, body: object) -> Iterator[str]:
        try:
            answer = self._client.post(f"{node.url}{LINEAGE_PATH}", json=body)
            answer.raise_for_status()
            chains = answer.json()["chains"]
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise EngineAwayError(
                f"node {node.name}, which knows the layers of {', '.join(node.registries)}, does"
                f" not answer: {error}"
            ) from error
        return map(str, chains[: KEYS_MAX + 1])
