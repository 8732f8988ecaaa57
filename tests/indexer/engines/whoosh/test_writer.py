"""Writing with Whoosh: whole batches or nothing, also when killed, and readers beside it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from indexer.engines.whoosh.engine import WhooshEngine, WhooshReader
from indexer.errors import EngineError
from indexer.model.document import Document, DocumentType
from indexer.model.query import Everything, Word
from tests.indexer.engines.conformance.generator import document, random_document
from tests.indexer.engines.writing import batch, state

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> WhooshEngine:
    engine = WhooshEngine(tmp_path / "search")
    engine.create("one")
    return engine


@contextmanager
def reading(engine: WhooshEngine) -> Iterator[WhooshReader]:
    reader = engine.open_reader("one")
    try:
        yield reader
    finally:
        reader.close()


def ids(reader: WhooshReader) -> list[str]:
    page = reader.search(Everything(), document_type=REPOSITORY, limit=100_000)
    return [hit.id for hit in page.hits]


def test_a_document_given_twice_is_kept_once_the_last_one(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", created=n) for n in range(3)], [])
    with reading(engine) as reader:
        page = reader.search(Everything(), document_type=REPOSITORY, limit=9)
        assert [hit.result["created"] for hit in page.hits] == [2]
        assert page.total == 1
    writer.close()


def test_a_replaced_document_is_found_by_its_new_words_alone(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", description=("old",)), document("b")], [])
    writer.apply(REPOSITORY, [document("a", description=("new",))], [])
    with reading(engine) as reader:
        for word, total in (("old", 0), ("new", 1), ("a", 1)):
            page = reader.search(Word(word), document_type=REPOSITORY, limit=9)
            assert (page.total, len(page.hits)) == (total, total)
    writer.close()


def test_removing_what_is_not_there_changes_nothing(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [], ["a registry.example"])
    writer.apply(REPOSITORY, [document("a")], ["b registry.example"])
    writer.apply(REPOSITORY, [], ["a registry.example", "a registry.example"])
    assert writer.count(REPOSITORY) == 0
    writer.apply(REPOSITORY, [document("a")], ["a registry.example"])
    assert writer.count(REPOSITORY) == 1
    writer.close()


def bad_documents() -> list[Document]:
    good = document("bad")
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    changes: list[dict[str, object]] = [
        {"result": {"x": object()}},
        {"result": {"x": float("nan")}},
        {"result": {"x": "\ud800"}},
        {"result": {"x": nested}},
        {"keywords": frozenset({("tag", "\udc00")})},
        {"size_bytes": 2**63},
        {"prominence": 101},
        {"pulls": 2**63},
        {"numbers": {"size": (2**63,)}},
        {"created": -(2**63) - 1},
    ]
    fields: dict[str, Any] = {name: getattr(good, name) for name in Document.__slots__}
    return [Document(**{**fields, **change}) for change in changes]


def test_a_bad_document_is_named_and_nothing_of_its_batch_applied(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    for bad in bad_documents():
        with pytest.raises(EngineError, match="'bad registry"):
            writer.apply(REPOSITORY, [document("b"), bad, document("c")], ["a registry.example"])
    writer.apply(REPOSITORY, [document("d")], [])
    with reading(engine) as reader:
        assert ids(reader) == ["a registry.example", "d registry.example"]
    writer.close()


def test_extreme_numbers_and_odd_names_are_kept(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("_/-"), document("a", created=-(2**63))], [])
    with reading(engine) as reader:
        page = reader.search(Word("-"), document_type=REPOSITORY, limit=9)
        assert [hit.id for hit in page.hits] == ["_/- registry.example"]
        page = reader.search(Word("a"), document_type=REPOSITORY, limit=9)
        assert page.hits[0].result["created"] == -(2**63)
    writer.close()


def test_a_second_writer_at_work_is_refused_and_nothing_applied(engine: WhooshEngine) -> None:
    writer = engine.open_writer("one")
    lock = writer._writers[REPOSITORY]._index.storage.lock("MAIN_WRITELOCK")
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


def test_a_reader_sees_commits_when_it_refreshes_and_deleted_documents_stay_away(
    engine: WhooshEngine,
) -> None:
    """Nothing comes back from segments that are gone, merged or replaced."""
    random = Random(2)
    writer = engine.open_writer("one")
    expected: dict[str, int] = {}
    with reading(engine) as reader:
        for step in range(60):
            before = ids(reader)
            names = random.sample("abcdefghijklmnop", random.randint(0, 3))
            removed = [f"{name} registry.example" for name in random.sample("abcdefgh", 2)]
            writer.apply(REPOSITORY, [document(name, created=step) for name in names], removed)
            assert ids(reader) == before
            for document_id in removed:
                expected.pop(document_id, None)
            expected.update((f"{name} registry.example", step) for name in names)
            reader.refresh()
            page = reader.search(Everything(), document_type=REPOSITORY, limit=99)
            assert {hit.id: hit.result["created"] for hit in page.hits} == expected
            assert writer.count(REPOSITORY) == reader.count(REPOSITORY) == len(expected)
    writer.close()


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
        assert len(reader._indexes[REPOSITORY].views) == len(segments)
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


def test_closing_lets_go_of_all_files(engine: WhooshEngine) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    writer = engine.open_writer("one")
    for n in range(10):
        writer.apply(REPOSITORY, [document(f"web-{n}")], [])
    writer.close()
    before = open_files()
    writer = engine.open_writer("one")
    for n in range(20):
        writer.apply(REPOSITORY, [document(f"web-{n}", description=("x",))], [])
        with reading(engine) as reader:
            assert len(ids(reader)) == max(10, n + 1)
    writer.close()
    assert open_files() == before


def test_readers_in_threads_of_their_own_agree(engine: WhooshEngine) -> None:
    random = Random(4)
    writer = engine.open_writer("one")
    documents = [random_document(random) for _ in range(300)]
    for start in range(0, 300, 50):
        writer.apply(REPOSITORY, documents[start : start + 50], [])
    writer.close()
    answers: list[list[tuple[int, list[str]]]] = []

    def search() -> None:
        with reading(engine) as reader:
            answer = []
            for word in ("nginx", "web", "proxy", "team", "ing") * 10:
                page = reader.search(Word(word), document_type=REPOSITORY, limit=20)
                answer.append((page.total, [hit.id for hit in page.hits]))
            answers.append(answer)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)


@contextmanager
def writing(directory: Path, batches: int) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "tests.indexer.engines.writing"]
    arguments = [str(directory), "one", str(batches)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def check_is_prefix(reader: WhooshReader, at_least: int) -> int:
    """Check that the reader sees exactly the first so many batches; return the last one."""
    page = reader.search(Everything(), document_type=REPOSITORY, limit=100_000)
    found = {hit.id: hit.result for hit in page.hits}
    last = found["counter registry.example"]["created"]
    assert isinstance(last, int)
    assert last >= at_least
    assert len(page.hits) == page.total == len(found)
    assert set(found) == state(last)
    return last


def test_searches_never_fail_beside_a_writing_and_merging_process(
    engine: WhooshEngine, tmp_path: Path
) -> None:
    """Each refresh shows a whole commit, none older than the last one, and never an error."""
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(0))
    writer.close()
    seen = 0
    with writing(tmp_path / "search", 60) as process, reading(engine) as reader:
        while process.poll() is None:
            reader.refresh()
            seen = check_is_prefix(reader, seen)
            with reading(engine) as fresh:
                seen = check_is_prefix(fresh, seen)
        assert process.returncode == 0
        reader.refresh()
        assert check_is_prefix(reader, seen) == 60


def test_a_writer_killed_at_any_moment_leaves_whole_batches(
    engine: WhooshEngine, tmp_path: Path
) -> None:
    """After a kill the generation opens, holds a prefix of the batches, and can be written."""
    random = Random(6)
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(0))
    writer.close()
    committed = 0
    for _ in range(6):
        with writing(tmp_path / "search", 1000) as process:
            assert process.stdout is not None
            for _ in range(random.randint(1, 12)):
                committed = int(process.stdout.readline())
            threading.Event().wait(random.random() / 50)
            process.kill()
            process.wait()
        with reading(engine) as reader:
            committed = check_is_prefix(reader, committed)
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(committed + 1))
    writer.close()
    with reading(engine) as reader:
        assert check_is_prefix(reader, committed + 1) == committed + 1
    folder = tmp_path / "search" / "one" / "repository"
    assert not [path for path in folder.rglob("*") if ".toc." in path.name]
