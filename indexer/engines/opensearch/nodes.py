"""What each node of an installation says of itself: a small index that all nodes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indexer.engines.opensearch.client import Cluster, ClusterAddress
from indexer.errors import EngineError

_STATE = "state"
_MAPPING = {
    "dynamic": "strict",
    # It is read by its id, and never searched for.
    "properties": {_STATE: {"type": "keyword", "index": False, "doc_values": False}},
}
_SETTINGS = {"number_of_shards": 1, "auto_expand_replicas": "0-2"}
_NODES_MAX = 1_000
_MISSING = "index_not_found_exception"


@dataclass(frozen=True, slots=True)
class NodeText:
    """What a node wrote last."""

    name: str
    text: str
    change: tuple[int, int]
    """Another one whenever it was written again, even if it is the same."""


class NodeTable:
    """Reads and writes what nodes say of themselves. It belongs to one thread.

    Its methods raise :class:`indexer.errors.EngineAwayError` if the cluster does not answer.
    """

    def __init__(self, address: ClusterAddress, *, prefix: str) -> None:
        self._address = address
        self._index = f"{prefix}-nodes"
        self._cluster: Cluster | None = None

    def write(self, name: str, text: str) -> None:
        """Write what the node ``name`` says of itself now."""
        path, body = f"/{self._index}/_doc/{name}", {_STATE: text}
        # An index that the cluster made by itself would have another mapping.
        if not self._ask("HEAD", f"/{self._index}"):
            self._create()
        self._ask("PUT", path, body)

    def read(self, names: Sequence[str]) -> dict[str, NodeText]:
        """Return what those of these nodes say that ever said anything, as of this moment."""
        if not names:
            return {}
        path, body = f"/{self._index}/_mget", {"ids": list(names)}
        found = self._opened().ask_soon("POST", path, body)
        texts = map(_text_of, found["docs"])
        return {one.name: one for one in texts if one is not None}

    def read_all(self) -> dict[str, NodeText]:
        """Return what all nodes say that ever said anything, by their names in order."""
        if not self._ask("HEAD", f"/{self._index}"):
            return {}
        self._ask("POST", f"/{self._index}/_refresh")
        body = {"size": _NODES_MAX, "seq_no_primary_term": True}
        hits = self._ask("POST", f"/{self._index}/_search", body)["hits"]["hits"]
        texts = (_text_of({**hit, "found": True}) for hit in hits)
        return {one.name: one for one in sorted(filter(None, texts), key=lambda one: one.name)}

    def remove(self, name: str) -> None:
        """Forget a node; one that is not there is no error."""
        self._ask("DELETE", f"/{self._index}/_doc/{name}", ignore=404)

    def close(self) -> None:
        """Close all connections."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def _create(self) -> None:
        body = {"settings": {"index": _SETTINGS}, "mappings": _MAPPING}
        try:
            self._ask("PUT", f"/{self._index}", body)
        except EngineError as error:
            # Another node may have been faster.
            if "resource_already_exists_exception" not in str(error):
                raise

    def _ask(self, method: str, path: str, body: object = None, **parameters: Any) -> Any:
        return self._opened().ask(method, path, body, **parameters)

    def _opened(self) -> Cluster:
        if self._cluster is None:
            self._cluster = Cluster(self._address)
        return self._cluster


def _text_of(found: Any) -> NodeText | None:
    """Return what is in an answer about one document; None if it is not there."""
    if not found.get("found"):
        # Nor is the index, before the first node said anything.
        problem = found.get("error", {}).get("type", _MISSING)
        if problem != _MISSING:
            raise EngineError(f"what node {found.get('_id')} says cannot be read: {problem}")
        return None
    change = found["_primary_term"], found["_seq_no"]
    return NodeText(found["_id"], found["_source"][_STATE], change)
