"""A generation of an engine, beside its expected documents."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from indexer.engines import Engine
from indexer.model.document import Document, DocumentType
from indexer.model.names import Digest
from indexer.model.query import Query

REPOSITORY = DocumentType.REPOSITORY


class Index:
    """A generation with a writer and a reader, and its expected documents.

    With ``are_large``, every second document is as those of large repositories are written: with
    no keywords and numbers but those of some images beside it. It is to be found as if it had them.
    """

    def __init__(self, engine: Engine, *, are_large: bool = False) -> None:
        self.engine = engine
        self._are_large = are_large
        self._images: dict[str, list[str]] = {}
        self.writer = engine.open_writer("one")
        self.reader = engine.open_reader("one")
        self.documents: dict[str, Document] = {}

    def apply(self, documents: Sequence[Document], removed: Sequence[str] = ()) -> None:
        if self._are_large:
            self._apply_large(documents, removed)
        else:
            self.writer.apply(REPOSITORY, documents, removed)
        for document_id in removed:
            self.documents.pop(document_id, None)
        self.documents.update((document.key.id, document) for document in documents)
        self.reader.refresh()

    def _apply_large(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        written, images = [], []
        gone = [*removed, *(document.key.id for document in documents)]
        dropped = [image for one in gone for image in self._images.pop(one, [])]
        for document in {document.key.id: document for document in documents}.values():
            if len(document.key.id) % 2:
                written.append(document)
                continue
            made = list(_images_of(document))
            written.append(
                replace(document, keywords=frozenset(), numbers={}, is_met_by_images=True)
            )
            images += made
            self._images[document.key.id] = [image.key.id for image in made]
        self.writer.apply(REPOSITORY, written, removed)
        self.writer.apply(DocumentType.IMAGE, images, dropped)

    def found(self, query: Query, *, limit: int = 100) -> list[str]:
        """The repository names of all hits, in order."""
        page = self.reader.search(query, document_type=REPOSITORY, limit=limit)
        return [hit.result["repository"] for hit in page.hits]

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


def _images_of(document: Document) -> Iterator[Document]:
    """Yield two images, each with a part of the keywords and numbers of their repository."""
    keywords = sorted(document.keywords)
    for half in (0, 1):
        digest = hashlib.sha256(f"{document.key.id} {half}".encode()).hexdigest()
        numbers = {name: found[half::2] for name, found in document.numbers.items()}
        yield replace(
            document,
            key=replace(document.key, digest=Digest(f"sha256:{digest}")),
            keywords=frozenset(keywords[half::2]),
            numbers=numbers,
        )
