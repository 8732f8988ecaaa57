"""The indexes of a generation, and what they say about themselves.

Each type of document has an index, and the words have one. When all are made, each gets an alias at
the same moment: a generation is whole if it has all aliases. Reading and writing go by the aliases,
so nothing is written to an index that the cluster makes by itself because the right one is gone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from indexer.engines.opensearch.client import Cluster
from indexer.engines.opensearch.schema import MAPPING, SCHEMA_VERSION, WORDS_MAPPING
from indexer.errors import EngineError
from indexer.model import DocumentType

ENGINE = "opensearch"
_WORDS = "words"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}")
# The first of the indexes that an alias may lead to.
_INDEX = "-1"
_TOMBSTONE_TIME = "10m"
"""For so long a removed document is known, so that no older change of it is applied."""
_WRITERS = "writers"


@dataclass(frozen=True, slots=True)
class GenerationIndexes:
    """The names of the aliases of a generation."""

    prefix: str
    """What the names of all indexes of an installation begin with."""
    generation: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.generation):
            raise EngineError(f"not the name of a generation: {self.generation!r}")

    def alias(self, document_type: DocumentType) -> str:
        """Return the alias of the index of a type."""
        return self._alias(document_type)

    @property
    def words(self) -> str:
        """The alias of the index of words."""
        return self._alias(_WORDS)

    @property
    def aliases(self) -> list[str]:
        """All aliases."""
        return [*map(self.alias, DocumentType), self.words]

    @property
    def indexes(self) -> list[str]:
        """The indexes behind the aliases."""
        return [f"{alias}{_INDEX}" for alias in self.aliases]

    def _alias(self, kind: str) -> str:
        # Names of indexes have no capitals.
        return f"{self.prefix}-{self.generation.lower()}-{kind}"


@dataclass(frozen=True, slots=True)
class IndexShape:
    """How the indexes of documents are made."""

    shards: int = 1
    replicas: int = 1


def create_indexes(
    cluster: Cluster, indexes: GenerationIndexes, *, owner: str, shape: IndexShape
) -> None:
    """Make the empty indexes of a generation; those that are there are removed first."""
    drop_indexes(cluster, indexes)
    about = {
        "engine": ENGINE,
        "schema_version": SCHEMA_VERSION,
        "prefix": indexes.prefix,
        "generation": indexes.generation,
        "owner": owner,
        _WRITERS: 0,
    }
    for alias, name in zip(indexes.aliases, indexes.indexes, strict=True):
        mapping = WORDS_MAPPING if alias == indexes.words else MAPPING
        settings = {
            # One shard of words is enough: each is a few bytes.
            "number_of_shards": 1 if alias == indexes.words else shape.shards,
            "number_of_replicas": shape.replicas,
            # What is written is seen when the writer says so, and not a part of it before.
            "refresh_interval": "-1",
            "gc_deletes": _TOMBSTONE_TIME,
        }
        body = {"settings": {"index": settings}, "mappings": {**mapping, "_meta": about}}
        cluster.change("PUT", f"/{name}", body)
    pairs = zip(indexes.aliases, indexes.indexes, strict=True)
    actions = [{"add": {"index": name, "alias": alias}} for alias, name in pairs]
    cluster.change("POST", "/_aliases", {"actions": actions})


def drop_indexes(cluster: Cluster, indexes: GenerationIndexes) -> None:
    """Remove the indexes of a generation, as far as they are there."""
    cluster.change("DELETE", f"/{','.join(indexes.indexes)}", ignore_unavailable="true")


def check_indexes(cluster: Cluster, indexes: GenerationIndexes) -> dict[str, Any]:
    """Return what the indexes of a generation say about themselves.

    :class:`EngineError` if one of them is missing, or is of another schema.
    """
    found = list(_read_about(cluster, ",".join(indexes.aliases)))
    if len(found) != len(indexes.aliases):
        raise EngineError(f"search index {indexes.generation} is not whole in the cluster")
    for about in found:
        known = about.get("engine"), about.get("schema_version"), about.get("generation")
        if known != (ENGINE, SCHEMA_VERSION, indexes.generation):
            raise EngineError(
                f"search index {indexes.generation} is of another schema in the cluster: {about}"
            )
    return found[0]


def count_writer(cluster: Cluster, indexes: GenerationIndexes) -> int:
    """Return the number of a new writer, greater than that of any before it."""
    about = check_indexes(cluster, indexes)
    number: int = about[_WRITERS] + 1
    body = {"_meta": {**about, _WRITERS: number}}
    cluster.change("PUT", f"/{','.join(indexes.aliases)}/_mapping", body)
    return number


def list_generations(cluster: Cluster, prefix: str, *, owner: str) -> list[str]:
    """Return the names of all generations of an owner, whole or not, in order."""
    names = {
        about["generation"]
        for about in _read_about(cluster, f"{prefix}-*")
        if (about.get("prefix"), about.get("owner")) == (prefix, owner)
    }
    return sorted(names)


def read_size(cluster: Cluster, indexes: GenerationIndexes) -> int:
    """Return the bytes that a generation takes on all nodes; 0 for a missing one."""
    found = cluster.ask(
        "GET", f"/{','.join(indexes.indexes)}/_stats/store", ignore_unavailable="true"
    )
    size: int = found["_all"]["total"].get("store", {}).get("size_in_bytes", 0)
    return size


def _read_about(cluster: Cluster, names: str) -> Iterator[dict[str, Any]]:
    found = cluster.ask("GET", f"/{names}/_mapping", filter_path="*.mappings._meta")
    for index in found.values():
        yield index["mappings"]["_meta"]
