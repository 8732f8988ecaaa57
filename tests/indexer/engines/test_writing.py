"""Writing with every engine: whole batches or nothing, also when killed, and readers beside it."""

import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from indexer.engines import Engine, IndexWriter
from indexer.errors import EngineError
from indexer.model.document import Document, DocumentType, Sort
from indexer.model.query import Everything, Range, Word
from tests.indexer.engines.conformance.engines import ENGINES
from tests.indexer.engines.conformance.generator import document, random_document
from tests.indexer.engines.writing import batch, check_is_prefix, ids, reading, writing

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Each engine, with an empty generation ``one``."""
    engine.create("one")
    return engine


def test_a_document_given_twice_is_kept_once_the_last_one(engine: Engine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", created=n) for n in range(3)], [])
    with reading(engine) as reader:
        page = reader.search(Everything(), document_type=REPOSITORY, limit=9)
        assert [hit.result["created"] for hit in page.hits] == [2]
        assert page.total == 1
    writer.close()


def test_a_replaced_document_is_found_by_its_new_words_alone(engine: Engine) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", description=("old",)), document("b")], [])
    writer.apply(REPOSITORY, [document("a", description=("new",))], [])
    with reading(engine) as reader:
        for word, total in (("old", 0), ("new", 1), ("a", 1)):
            page = reader.search(Word(word), document_type=REPOSITORY, limit=9)
            assert (page.total, len(page.hits)) == (total, total)
        assert reader.spellings("odl", document_type=REPOSITORY, limit=9) == []
    writer.close()


def test_removing_what_is_not_there_changes_nothing(engine: Engine) -> None:
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
        {"facets": frozenset({("kind", "\udc00")})},
        {"size_bytes": 2**63},
        {"numbers": {"size": (2**63,)}},
        {"prominence": 101},
        {"created": -(2**63) - 1},
        {"pulls": 2**63},
    ]
    fields: dict[str, Any] = {name: getattr(good, name) for name in Document.__slots__}
    return [Document(**{**fields, **change}) for change in changes]


@pytest.mark.parametrize("bad", bad_documents())
def test_a_bad_document_is_named_and_nothing_of_its_batch_applied(
    engine: Engine, bad: Document
) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    with pytest.raises(EngineError, match="'bad registry"):
        writer.apply(REPOSITORY, [document("b"), bad, document("c")], ["a registry.example"])
    writer.apply(REPOSITORY, [document("d")], [])
    with reading(engine) as reader:
        assert ids(reader) == ["a registry.example", "d registry.example"]
    writer.close()


def fill(engine: Engine, writer: IndexWriter, documents: Sequence[Document]) -> None:
    writer.fill(REPOSITORY, map(engine.encode, documents))


def test_what_is_filled_is_found_after_a_commit(engine: Engine) -> None:
    writer = engine.open_writer("one")
    writer.commit_filled()
    for name in "abc":
        fill(engine, writer, [document(name, description=("old",))])
    writer.fill(
        REPOSITORY, map(engine.encode, [document("c", description=("new",)), document("d")])
    )
    writer.commit_filled()
    with reading(engine) as reader:
        assert ids(reader) == [f"{name} registry.example" for name in "abcd"]
        assert reader.count(REPOSITORY, Word("old")) == 2
        assert reader.count(REPOSITORY, Word("new")) == 1
        assert reader.spellings("nwe", document_type=REPOSITORY, limit=1) == [("new", 1)]
    assert writer.count(REPOSITORY) == 4
    writer.close()


def test_a_change_comes_after_what_was_filled_before_it(engine: Engine) -> None:
    """A rebuild fills while changes are written to the same generation."""
    writer = engine.open_writer("one")
    writer.fill(
        REPOSITORY, map(engine.encode, [document(name, description=("old",)) for name in "abc"])
    )
    writer.apply(REPOSITORY, [document("b", description=("new",))], ["a registry.example"])
    with reading(engine) as reader:
        assert ids(reader) == ["b registry.example", "c registry.example"]
        assert reader.count(REPOSITORY, Word("old")) == 1
    writer.fill(
        REPOSITORY, map(engine.encode, [document("b", description=("old",)), document("d")])
    )
    writer.optimize()
    with reading(engine) as reader:
        assert ids(reader) == [f"{name} registry.example" for name in "bcd"]
        assert reader.count(REPOSITORY, Word("new")) == 0
    writer.close()


@pytest.mark.parametrize("name", ENGINES)
def test_what_was_filled_and_not_committed_ends_with_its_writer(tmp_path: Path, name: str) -> None:
    engine = ENGINES[name](tmp_path / "search")
    engine.create("one")
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    writer.fill(
        REPOSITORY, map(engine.encode, [document("a", description=("new",)), document("b")])
    )
    writer.close()
    with reading(engine) as reader:
        assert ids(reader) == ["a registry.example"]
        assert reader.count(REPOSITORY, Word("new")) == 0
    writer = engine.open_writer("one")
    fill(engine, writer, [document("c")])
    writer.commit_filled()
    assert writer.count(REPOSITORY) == 2
    writer.close()


def test_a_document_that_cannot_be_stored_is_named_when_it_is_filled(engine: Engine) -> None:
    writer = engine.open_writer("one")
    with pytest.raises(EngineError, match="'bad registry"):
        fill(engine, writer, [document("a"), bad_documents()[0]])
    writer.apply(REPOSITORY, [document("d")], [])
    with reading(engine) as reader:
        assert "bad registry.example" not in ids(reader)
        assert "d registry.example" in ids(reader)
    writer.close()


def test_optimizing_changes_no_answer(engine: Engine) -> None:
    random = Random(7)
    writer = engine.open_writer("one")
    writer.optimize()
    for _ in range(12):
        made = [random_document(random) for _ in range(20)]
        writer.apply(REPOSITORY, made, [made[0].key.id])
    with reading(engine) as reader:
        found, words = ids(reader), [("nginx", 9), ("web", 9), ("proxy", 9)]

        def search(word: str, limit: int) -> tuple[int, list[str]]:
            page = reader.search(Word(word), document_type=REPOSITORY, limit=limit)
            return page.total, [hit.id for hit in page.hits]

        before = [search(*each) for each in words]
        writer.optimize()
        reader.refresh()
        assert ids(reader) == found
        assert [search(*each) for each in words] == before
    writer.apply(REPOSITORY, [], [found[0]])
    assert writer.count(REPOSITORY) == len(found) - 1
    writer.close()


def test_numbers_of_any_sign_are_kept_and_lose_no_batch(engine: Engine) -> None:
    """As an unsigned number, the first one would end the thread that indexes."""
    least, most = -(2**63), 2**63 - 1
    writer = engine.open_writer("one")
    low = document("a", created=least, pushed=-1, numbers={"size": (least, 0)})
    high = document("b", created=most, pulls=most, numbers={"size": (most,)})
    writer.apply(REPOSITORY, [low, high, document("_/-")], [])
    with reading(engine) as reader:
        page = reader.search(Everything(), document_type=REPOSITORY, limit=9, sort=Sort.CREATED)
        assert [hit.position.key for hit in page.hits] == [most, 0, least]
        found = reader.search(Range("size", least, -1), document_type=REPOSITORY, limit=9)
        assert [hit.id for hit in found.hits] == ["a registry.example"]
    writer.close()


def test_a_reader_sees_commits_when_it_refreshes_and_deleted_documents_stay_away(
    engine: Engine,
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
            # A server shows it to all at once.
            assert engine.name not in ENGINES or ids(reader) == before
            for document_id in removed:
                expected.pop(document_id, None)
            expected.update((f"{name} registry.example", step) for name in names)
            reader.refresh()
            page = reader.search(Everything(), document_type=REPOSITORY, limit=99)
            assert {hit.id: hit.result["created"] for hit in page.hits} == expected
            assert writer.count(REPOSITORY) == reader.count(REPOSITORY) == len(expected)
    writer.close()


def test_closing_lets_go_of_all_files(engine: Engine) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a")], [])
    writer.close()
    del writer
    before = open_files()
    for n in range(10):
        writer = engine.open_writer("one")
        writer.apply(REPOSITORY, [document(f"web-{n}", description=("x",))], [])
        with reading(engine) as reader:
            assert len(ids(reader)) == n + 2
        writer.close()
        del writer
    assert open_files() <= before


def test_readers_in_threads_of_their_own_agree(engine: Engine) -> None:
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


def test_searches_never_fail_beside_a_writing_and_merging_process(
    engine: Engine, tmp_path: Path
) -> None:
    """Each refresh shows a whole commit, none older than the last one, and never an error."""
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(0))
    writer.close()
    seen = 0
    with writing(engine, tmp_path / "search", 60) as process, reading(engine) as reader:
        while process.poll() is None:
            reader.refresh()
            seen = check_is_prefix(reader, seen)
            with reading(engine) as fresh:
                seen = check_is_prefix(fresh, seen)
        assert process.returncode == 0
        reader.refresh()
        assert check_is_prefix(reader, seen) == 60


def test_a_writer_killed_at_any_moment_leaves_whole_batches(engine: Engine, tmp_path: Path) -> None:
    """After a kill the generation opens, holds a prefix of the batches, and can be written."""
    random = Random(6)
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, *batch(0))
    writer.close()
    committed = 0
    for _ in range(6):
        with writing(engine, tmp_path / "search", 1000) as process:
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
