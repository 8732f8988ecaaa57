"""The engine for several machines: OpenSearch, which keeps the search index in a cluster.

A generation is one index for each type of document, and one for the words. Several generations can
be read as one, as the search nodes do with those of all indexer nodes.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from typing_extensions import override

from indexer.engines.opensearch.client import Cluster, ClusterAddress
from indexer.engines.opensearch.generation import (
    ENGINE,
    GenerationIndexes,
    IndexShape,
    check_indexes,
    count_writer,
    create_indexes,
    drop_indexes,
    list_generations,
    read_size,
)
from indexer.engines.opensearch.index import RemoteIndex, Stored
from indexer.engines.opensearch.match import RightsSets
from indexer.engines.opensearch.nodes import NodeTable
from indexer.engines.opensearch.schema import SCHEMA_VERSION, encode
from indexer.engines.opensearch.writer import PATIENCE_SECONDS, OpenSearchWriter
from indexer.engines.protocol import Engine, go_on
from indexer.engines.reader import TypedReader
from indexer.errors import EngineError, RegsearchError
from indexer.model import DocumentType, Everything

PREFIX = "regsearch"
"""What the names of indexes begin with, if nothing else is set."""
_OWNER_FILE = "opensearch-owner"
"""Who made a generation: each data directory has a name of its own."""
_TABLE_SECONDS = 4.0
"""How long a cluster of several nodes has for what takes it a millisecond."""
_AND = ","
"""Between the names of several indexes, in the cluster and in ours."""


def joint_name(generations: Iterable[str]) -> str:
    """Return the name by which a reader of some generations together is opened."""
    return _AND.join(generations)


class OpenSearchReader(TypedReader[Stored]):
    """Searches a generation, or several as one."""

    def __init__(
        self, cluster: Cluster, joined: Sequence[GenerationIndexes], *, check: Callable[[], None]
    ) -> None:
        self._cluster = cluster
        self._generation = joint_name(one.generation for one in joined)
        words, sets = _AND.join(one.words for one in joined), RightsSets()
        self._remote = dict[DocumentType, RemoteIndex]()
        for kind in DocumentType:
            alias = _AND.join(one.alias(kind) for one in joined)
            self._remote[kind] = RemoteIndex(cluster, alias, words, rights_sets=sets, check=check)
        self._indexes = {**self._remote}

    def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories that have documents, by registry.

        Errors are those of a search.
        """
        names: dict[str, set[str]] = {}
        with self._errors():
            for index in self._remote.values():
                for registry, name in index.repositories(Everything()):
                    names.setdefault(registry, set()).add(name)
        return {registry: frozenset(found) for registry, found in names.items()}

    @override
    def close(self) -> None:
        self._cluster.close()

    @override
    def _errors(self) -> AbstractContextManager[None]:
        return _named_errors(self._generation)


class OpenSearchEngine(Engine):
    """Keeps generations in a cluster, and in ``directory`` only which of them are its own."""

    name = ENGINE
    schema_version = SCHEMA_VERSION
    batch_documents = 5_000
    encode = staticmethod(encode)

    def __init__(
        self,
        directory: Path,
        address: ClusterAddress,
        *,
        prefix: str = PREFIX,
        shape: IndexShape = IndexShape(),  # noqa: B008 - it is frozen
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._address = address
        self._prefix = prefix
        self._shape = shape
        self._open_writer = partial(OpenSearchWriter, patience=patience, sleep=sleep)

    @override
    def create(self, generation: str) -> None:
        indexes = self._indexes(generation)
        with self._cluster(generation) as cluster:
            create_indexes(cluster, indexes, owner=self._make_owner(), shape=self._shape)

    @override
    def open_writer(self, generation: str) -> OpenSearchWriter:
        indexes, cluster = self._indexes(generation), Cluster(self._address)
        try:
            with _named_errors(generation):
                number = count_writer(cluster, indexes)
        except EngineError:
            cluster.close()
            raise
        return self._open_writer(cluster, indexes, number=number)

    @override
    def open_reader(
        self, generation: str, *, check: Callable[[], None] = go_on
    ) -> OpenSearchReader:
        joined, cluster = list(self._joined(generation)), Cluster(self._address)
        try:
            for indexes in joined:
                with _named_errors(indexes.generation):
                    check_indexes(cluster, indexes)
        except EngineError:
            cluster.close()
            raise
        return OpenSearchReader(cluster, joined, check=check)

    @override
    def generations(self) -> list[str]:
        owner = self.owner()
        # Where nothing was ever made, the cluster need not be there.
        return self.generations_of(owner) if owner else []

    def generations_of(self, owner: str) -> list[str]:
        """Return the names of all generations that the data directory ``owner`` made."""
        with self._cluster("") as cluster:
            return list_generations(cluster, self._prefix, owner=owner)

    def owner(self) -> str:
        """Return the name that our data directory has in the cluster; "" before the first one."""
        try:
            return (self._directory / _OWNER_FILE).read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    def node_table(self) -> NodeTable:
        """Return the table in which nodes say what they have."""
        # A search reads it first, and must have time left if a node of the cluster is gone.
        timeout = min(self._address.timeout, _TABLE_SECONDS)
        return NodeTable(replace(self._address, timeout=timeout), prefix=self._prefix)

    @override
    def drop(self, generation: str) -> None:
        indexes = self._indexes(generation)
        with self._cluster(generation) as cluster:
            drop_indexes(cluster, indexes)

    @override
    def size_bytes(self, generation: str) -> int:
        with self._cluster(generation) as cluster:
            return sum(read_size(cluster, indexes) for indexes in self._joined(generation))

    def advice(self, documents: int) -> str | None:
        """Return None: it serves any number of documents that its cluster has room for."""

    def _indexes(self, generation: str) -> GenerationIndexes:
        return GenerationIndexes(self._prefix, generation)

    def _joined(self, generation: str) -> Iterator[GenerationIndexes]:
        return map(self._indexes, generation.split(_AND))

    @contextmanager
    def _cluster(self, generation: str) -> Iterator[Cluster]:
        with closing(Cluster(self._address)) as cluster, _named_errors(generation):
            yield cluster

    def _make_owner(self) -> str:
        owner = self.owner()
        if not owner:
            owner = secrets.token_hex(8)
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / _OWNER_FILE).write_text(f"{owner}\n", "utf-8")
        return owner


@contextmanager
def _named_errors(generation: str) -> Iterator[None]:
    """Turn any other error into :class:`EngineError`: a proxy may answer instead of a cluster."""
    try:
        yield
    except RegsearchError:
        raise
    except Exception as error:
        raise EngineError(f"search index {generation} cannot be used: {error!r}") from error
