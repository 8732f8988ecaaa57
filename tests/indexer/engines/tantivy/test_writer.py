"""Writing with tantivy: its locks, its merges, and the numbers of its changes."""

import json
from pathlib import Path
from random import Random

import pytest

from indexer.engines.protocol import EncodedDocument
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.tantivy.schema import encode
from indexer.engines.tantivy.writer import IndexFolderWriter
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Visible, Word
from indexer.model.rights import make_rights
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.writing import batch, check_is_prefix, ids, reading, writing

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    engine = TantivyEngine(tmp_path / "search")
    engine.create("one")
    return engine


@pytest.fixture
def folder(engine: TantivyEngine, tmp_path: Path) -> Path:
    return tmp_path / "search" / "one" / "repository"


def opstamp(folder: Path) -> int:
    return int(json.loads((folder / "meta.json").read_text())["opstamp"])


def stray_files(folder: Path) -> set[str]:
    """The files that no segment of the newest commit has."""
    segments = json.loads((folder / "meta.json").read_text())["segments"]
    stems = {segment["segment_id"].replace("-", "") for segment in segments}
    return {
        path.name
        for path in folder.iterdir()
        if path.stem.partition(".")[0] not in {*stems, "meta", "words", "", ".managed"}
        and not path.name.startswith(".")
    }


def test_nothing_is_left_of_a_batch_that_tantivy_refused(
    engine: TantivyEngine, folder: Path
) -> None:
    """What was already deleted and added of it is not part of the next commit."""
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    writer.close()
    refused = EncodedDocument(document("b").key, (object(), set()))
    rows = iter([encode(document("b")), refused, encode(document("d"))])
    refusing = IndexFolderWriter(folder, encode=lambda _: next(rows))
    with pytest.raises(EngineError):
        refusing.apply([document("b"), document("c")], ["a registry.example"])
    refusing.apply([document("d")], [])
    refusing.close()
    with reading(engine) as reader:
        assert ids(reader) == ["a registry.example", "d registry.example"]


def test_a_second_writer_is_refused_and_the_first_one_goes_on(engine: TantivyEngine) -> None:
    writer = engine.open_writer("one")
    with pytest.raises(EngineError, match="LockBusy"):
        engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    writer.close()
    writer = engine.open_writer("one")
    assert writer.count(REPOSITORY) == 1
    writer.close()


def test_the_first_change_of_a_writer_has_a_number_of_its_own(
    engine: TantivyEngine, folder: Path
) -> None:
    """With that of the last commit, a merge may take a deletion for done and lose it.

    So a writer that was just opened has committed nothing, which takes that number.
    """
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    writer.close()
    writer = engine.open_writer("one")
    inner = writer._indexes[REPOSITORY]._writer
    assert inner.delete_documents_by_term("id", "a registry.example") > opstamp(folder)
    writer.close()


def test_the_first_change_after_a_refused_batch_has_a_number_of_its_own(folder: Path) -> None:
    """Taking back a batch takes back the numbers of its changes."""
    refused = EncodedDocument(document("b").key, (object(), set()))
    writer = IndexFolderWriter(folder, encode=lambda _: refused)
    with pytest.raises(EngineError):
        writer.apply([document("b")], [])
    inner = writer._writer
    assert inner.delete_documents_by_term("id", "a registry.example") > opstamp(folder)
    writer.close()


def test_no_deletion_is_lost_when_writers_go_without_a_word(engine: TantivyEngine) -> None:
    """Each writer is dropped, merging or not; the next one's first change is a replacement."""
    for step in range(40):
        writer = engine.open_writer("one")
        writer.apply(REPOSITORY, [document("a", created=step), document(f"b{step}")], [])
        del writer
    with reading(engine) as reader:
        page = reader.search(Word("a"), document_type=REPOSITORY, limit=9)
        assert [hit.result["created"] for hit in page.hits] == [39]
        assert reader.count(REPOSITORY) == 41


def visible(engine: TantivyEngine, *names: str) -> list[str]:
    rights = make_rights([], {"registry.example": names})
    with reading(engine) as reader:
        page = reader.search(Visible(rights), document_type=REPOSITORY, limit=9)
        return [hit.result["repository"] for hit in page.hits]


def test_no_two_repositories_have_one_number_whoever_wrote_them(engine: TantivyEngine) -> None:
    """A writer goes on with the numbers of the index, also if it lost all of a repository."""
    for names, removed in ((["a", "b"], []), (["c"], ["b"]), (["b", "d"], ["a", "c"]), (["e"], [])):
        writer = engine.open_writer("one")
        documents = [document(name) for name in names]
        writer.apply(REPOSITORY, documents, [f"{name} registry.example" for name in removed])
        writer.close()
    for name in ("b", "d", "e"):
        assert visible(engine, name) == [name]
    assert visible(engine, "a", "c") == []


def test_a_refused_batch_gives_its_numbers_to_no_other_repository(
    engine: TantivyEngine, folder: Path
) -> None:
    refused = EncodedDocument(document("b").key, (object(), set()))
    rows = iter([encode(document("a")), refused, *map(encode, map(document, "cab"))])
    writer = IndexFolderWriter(folder, encode=lambda _: next(rows))
    with pytest.raises(EngineError):
        writer.apply([document("a"), document("b")], [])
    writer.apply([document(name) for name in "cab"], [])
    writer.close()
    for name in "abc":
        assert visible(engine, name) == [name]


def test_a_writer_waits_for_its_merges_before_it_goes(engine: TantivyEngine, folder: Path) -> None:
    """Where it does not, a deletion that was made meanwhile can be lost."""
    writer = engine.open_writer("one")
    for start in range(0, 8 * 250, 250):
        names = (f"w{n}" for n in range(start, start + 250))
        writer.apply(REPOSITORY, [document(name, description=(name,)) for name in names], [])
    writer.close()
    assert len(json.loads((folder / "meta.json").read_text())["segments"]) == 1


def test_one_writer_leaves_no_files_behind(engine: TantivyEngine, folder: Path) -> None:
    """Two of tantivy's objects that write in turn do: neither knows the files of the other."""
    with reading(engine) as reader:
        for start in range(0, 60, 20):
            writer = engine.open_writer("one")
            for n in range(start, start + 20):
                writer.apply(REPOSITORY, [document(f"web-{n}"), document("a", created=n)], [])
                reader.refresh()
            assert len(list(folder.glob("*.term"))) < 30
            writer.close()
        assert reader.count(REPOSITORY) == 61
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("last")], [])
    writer.close()
    assert stray_files(folder) == set()


def test_a_killed_writer_leaves_no_files_that_the_next_one_keeps(
    engine: TantivyEngine, tmp_path: Path, folder: Path
) -> None:
    random = Random(7)
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(0))
    writer.close()
    committed = 0
    for _ in range(3):
        with writing(engine, tmp_path / "search", 1000) as process:
            assert process.stdout is not None
            for _ in range(random.randint(3, 12)):
                committed = int(process.stdout.readline())
    with reading(engine) as reader:
        committed = check_is_prefix(reader, committed)
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(committed + 1))
    writer.close()
    assert stray_files(folder) == set()
