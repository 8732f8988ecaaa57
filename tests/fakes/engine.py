"""A real engine that tells each call before it happens."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indexer.engines import Engine, IndexReader, IndexWriter, go_on
from indexer.model.document import DocumentType, SearchPage
from indexer.model.query import Query


class WatchedEngine:
    """Calls ``watch`` with the name of what is asked of a reader, or ``open_reader``."""

    def __init__(self, engine: Engine, watch: Callable[[str], None]) -> None:
        self.name = engine.name
        self.schema_version = engine.schema_version
        self.batch_documents = engine.batch_documents
        self.encode = engine.encode
        self._engine = engine
        self._watch = watch

    def open_reader(self, generation: str, *, check: Callable[[], None] = go_on) -> IndexReader:
        self._watch("open_reader")
        return WatchedReader(self._engine.open_reader(generation, check=check), self._watch)

    def create(self, generation: str) -> None:
        self._engine.create(generation)

    def open_writer(self, generation: str) -> IndexWriter:
        return self._engine.open_writer(generation)

    def generations(self) -> list[str]:
        return self._engine.generations()

    def drop(self, generation: str) -> None:
        self._engine.drop(generation)

    def size_bytes(self, generation: str) -> int:
        return self._engine.size_bytes(generation)

    def advice(self, documents: int) -> str | None:
        return self._engine.advice(documents)


class WatchedReader:
    """A reader of a :class:`WatchedEngine`."""

    def __init__(self, reader: IndexReader, watch: Callable[[str], None]) -> None:
        self._reader = reader
        self._watch = watch

    def refresh(self) -> None:
        self._watch("refresh")
        self._reader.refresh()

    def search(self, *arguments: Any, **named: Any) -> SearchPage:
        self._watch("search")
        return self._reader.search(*arguments, **named)

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int, within: Query | None = None
    ) -> list[tuple[str, int]]:
        self._watch("spellings")
        return self._reader.spellings(word, document_type=document_type, limit=limit, within=within)

    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        self._watch("count")
        return self._reader.count(document_type, query)

    def newest(
        self, query: Query, groups: Sequence[Query], *, document_type: DocumentType
    ) -> list[Mapping[str, Any] | None]:
        self._watch("newest")
        return self._reader.newest(query, groups, document_type=document_type)

    def close(self) -> None:
        self._reader.close()
