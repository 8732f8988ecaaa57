"""The engine for several machines: OpenSearch, which keeps the search index in a cluster.

A generation is one index for each type of document, and one for the words.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
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
from indexer.engines.opensearch.schema import SCHEMA_VERSION, encode
from indexer.engines.opensearch.writer import PATIENCE_SECONDS, OpenSearchWriter
from indexer.engines.protocol import Engine, go_on
from indexer.engines.reader import TypedReader
from indexer.errors import EngineError, RegsearchError
from indexer.model import DocumentType

PREFIX = "regsearch"
"""What the names of indexes begin with, if nothing else is set."""
_OWNER_FILE = "opensearch-owner"
"""Who made a generation: each data directory has a name of its own."""


class OpenSearchReader(TypedReader[Stored]):
    """Searches a generation."""

    def __init__(
        self, cluster: Cluster, indexes: GenerationIndexes, *, check: Callable[[], None]
    ) -> None:
        self._cluster = cluster
        self._generation = indexes.generation
        self._indexes = {}
        sets = RightsSets()
        for kind in DocumentType:
            self._indexes[kind] = RemoteIndex(
                cluster,
                indexes.alias(kind),
                indexes.words,
                rights_sets=sets,
                check=check,
            )

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
        indexes, cluster = self._indexes(generation), Cluster(self._address)
        try:
            with _named_errors(generation):
                check_indexes(cluster, indexes)
        except EngineError:
            cluster.close()
            raise
        return OpenSearchReader(cluster, indexes, check=check)

    @override
    def generations(self) -> list[str]:
        owner = self._read_owner()
        if not owner:
            # Nothing was ever made here, so the cluster need not be there.
            return []
        with self._cluster("") as cluster:
            return list_generations(cluster, self._prefix, owner=owner)

    @override
    def drop(self, generation: str) -> None:
        indexes = self._indexes(generation)
        with self._cluster(generation) as cluster:
            drop_indexes(cluster, indexes)

    @override
    def size_bytes(self, generation: str) -> int:
        indexes = self._indexes(generation)
        with self._cluster(generation) as cluster:
            return read_size(cluster, indexes)

    def advice(self, documents: int) -> str | None:
        """Return None: it serves any number of documents that its cluster has room for."""

    def _indexes(self, generation: str) -> GenerationIndexes:
        return GenerationIndexes(self._prefix, generation)

    @contextmanager
    def _cluster(self, generation: str) -> Iterator[Cluster]:
        with closing(Cluster(self._address)) as cluster, _named_errors(generation):
            yield cluster

    def _read_owner(self) -> str:
        try:
            return (self._directory / _OWNER_FILE).read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    def _make_owner(self) -> str:
        owner = self._read_owner()
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
