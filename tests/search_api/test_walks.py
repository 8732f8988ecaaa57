"""A walk over pages meets each unchanged hit exactly once, while others change."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.engines import IndexWriter
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model.document import Document, DocumentType
from indexer.store import LiveIndex, Store
from search_api.processes.data_dir import INDEX_DIRECTORY
from tests.indexer.engines.conformance.generator import document
from tests.search_api.filling import searching_client
from tests.series import thorough

pytestmark = pytest.mark.anyio

RESULTS = 10_000
PAGE = 1_000
CHANGED = 100
"""Documents that are added, changed and removed between two pages, of each so many."""


class Changing:
    """A search index of many repositories that goes on changing, but for every second of them."""

    def __init__(self, directory: Path) -> None:
        engine = WhooshEngine(directory / INDEX_DIRECTORY)
        engine.create("one")
        with closing(Store(directory)) as store, store.transaction():
            live = LiveIndex("one", engine.name, engine.schema_version, 1, complete=True)
            store.search_index.set_live(live)
        self.writer: IndexWriter = engine.open_writer("one")
        self.chance = random.Random(10)
        self.documents = {f"team/web-{n}": self.make(f"team/web-{n}") for n in range(RESULTS)}
        self.writer.apply(DocumentType.REPOSITORY, list(self.documents.values()), [])
        self.unchanged = set(list(self.documents)[::2])
        self.new = 0

    def make(self, name: str) -> Document:
        """Return a document with the same few numbers as many others, so that ids decide."""
        number = self.chance.randrange(50)
        made = document(name, created=number, pushed=number, size_bytes=number, pulls=number)
        result = {"registry": "main", "repository": name}
        return replace(made, prominence=number, result=result)

    def change(self) -> None:
        """Add, change and remove some; what is changed mostly moves to another place."""
        changing = [name for name in self.documents if name not in self.unchanged]
        chosen = self.chance.sample(changing, 2 * CHANGED)
        changed = [self.make(name) for name in chosen[:CHANGED]]
        added = [self.make(f"team/web-new-{self.new + n}") for n in range(CHANGED)]
        self.new += CHANGED
        removed = [self.documents.pop(name).key.id for name in chosen[CHANGED:]]
        self.documents |= {one.name: one for one in (*changed, *added)}
        self.writer.apply(DocumentType.REPOSITORY, [*changed, *added], removed)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Changing]]:
    directory = tmp_path_factory.mktemp("walk")
    made = Changing(directory)
    yield directory, made
    made.writer.close()


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("web", "relevance"),
        ("", "name"),
        ("", "-created"),
        thorough("", "relevance"),
        thorough("web", "size"),
    ],
)
async def test_each_unchanged_document_is_met_exactly_once(
    changing: tuple[Path, Changing], query: str, sort: str
) -> None:
    directory, index = changing
    met: Counter[str] = Counter()
    cursor, pages = "", 0
    async with searching_client(directory) as client:
        while True:
            parameters = {"q": query, "sort": sort, "limit": str(PAGE)}
            if cursor:
                parameters["cursor"] = cursor
            response = await client.get("/api/v1/search", params=parameters)
            assert response.status_code == 200, response.text
            body = response.json()
            met.update(one["repository"] for one in body["results"])
            cursor, pages = body["next"], pages + 1
            if not cursor:
                break
            index.change()
    assert pages >= RESULTS // PAGE
    assert {name: met[name] for name in index.unchanged} == dict.fromkeys(index.unchanged, 1)
