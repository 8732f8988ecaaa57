"""A generation of an engine, beside its expected documents."""

from collections.abc import Sequence

from indexer.engines import Engine
from indexer.model.document import Document, DocumentType
from indexer.model.query import Query

REPOSITORY = DocumentType.REPOSITORY


class Index:
    """A generation with a writer and a reader, and its expected documents."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.writer = engine.open_writer("one")
        self.reader = engine.open_reader("one")
        self.documents: dict[str, Document] = {}

    def apply(self, documents: Sequence[Document], removed: Sequence[str] = ()) -> None:
        self.writer.apply(REPOSITORY, documents, removed)
        for document_id in removed:
            self.documents.pop(document_id, None)
        self.documents.update((document.key.id, document) for document in documents)
        self.reader.refresh()

    def found(self, query: Query, *, limit: int = 100) -> list[str]:
        """The repository names of all hits, in order."""
        page = self.reader.search(query, document_type=REPOSITORY, limit=limit)
        return [hit.result["repository"] for hit in page.hits]

    def close(self) -> None:
        self.writer.close()
        self.reader.close()
