"""Writing with Whoosh: its locks, its merges, and the numbers of its documents."""

import resource
from pathlib import Path

import pytest

from indexer.engines.local import GenerationReader
from indexer.engines.whoosh.engine import SearchedSegments, WhooshEngine
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Word
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.writing import ids, reading

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> WhooshEngine:
    engine = WhooshEngine(tmp_path / "search")
    engine.create("one")
    return engine


def test_a_second_writer_at_work_is_refused_and_nothing_applied(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    lock = writer._indexes[REPOSITORY].storage.lock("MAIN_WRITELOCK")
    assert lock.acquire()
    with pytest.raises(EngineError, match="another writer is at work"):
        writer.apply(REPOSITORY, [document("a")], [])
    lock.release()
    writer.apply(REPOSITORY, [document("b")], [])
    with reading(engine) as reader:
        assert ids(reader) == ["b registry.example"]
    writer.close()


def test_documents_are_not_deleted_by_numbers_of_an_older_commit(engine: WhooshEngine) -> None:
    """Numbers are of one commit; after another writer's, they would name other documents."""
    writer, other = engine.open_writer("one"), engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a"), document("b")], [])
    other.apply(REPOSITORY, [document("c"), document("a")], [])
    writer.apply(REPOSITORY, [], ["a registry.example"])
    with reading(engine) as reader:
        assert ids(reader) == ["b registry.example", "c registry.example"]
    writer.close()
    other.close()


def test_small_commits_are_merged_and_what_is_merged_away_leaves_the_disk(
    engine: WhooshEngine, tmp_path: Path
) -> None:
    writer = engine.open_writer("one")
    for n in range(100):
        writer.apply(REPOSITORY, [document(f"web-{n}")], [])
    segments = list((tmp_path / "search" / "one" / "repository").glob("*.seg"))
    assert len(segments) < 24
    with reading(engine) as reader:
        assert reader.count(REPOSITORY) == 100
        assert isinstance(reader, GenerationReader)
        index = reader._indexes[REPOSITORY]
        assert isinstance(index, SearchedSegments)
        assert len(index.parts) == len(segments)
    writer.close()


def test_a_reader_in_use_goes_on_after_its_files_were_merged_away(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", description=("b c",))], [])
    with reading(engine) as reader:
        for n in range(20):
            writer.apply(REPOSITORY, [document(f"web-{n}")], [])
        assert ids(reader) == ["a registry.example"]
        assert reader.search(Word("b"), document_type=REPOSITORY, limit=1).total == 1
    writer.close()


def test_a_batch_that_the_disk_does_not_take_leaves_nothing(
    engine: WhooshEngine, tmp_path: Path
) -> None:
    folder = tmp_path / "search" / "one" / "repository"
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    before = sorted(path.name for path in folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(EngineError, match="one"):
            writer.apply(REPOSITORY, [document("b")], ["a registry.example"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert writer.count(REPOSITORY) == 1
    writer.apply(REPOSITORY, [document("b")], [])
    assert writer.count(REPOSITORY) == 2
    writer.close()
