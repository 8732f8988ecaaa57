"""Merging with Whoosh: beside commits, without losing one, and whole when killed."""

import shutil
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest

from indexer.engines.whoosh import writer as writer_module
from indexer.engines.whoosh.engine import WhooshEngine, WhooshWriter
from indexer.engines.whoosh.merge import Merge
from indexer.engines.whoosh.policy import FAN
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything, Word
from tests.indexer.engines.conformance.generator import document, random_document

REPOSITORY = DocumentType.REPOSITORY
WAIT_SECONDS = 20


class HeldMerge(Merge):
    """A merge that waits, before it is written or before it takes effect, until it may go on."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.may_begin, self.is_written, self.may_end = Event(), Event(), Event()
        MERGES.append(self)

    def write(self, stop: Event) -> Any:
        assert self.may_begin.wait(WAIT_SECONDS)
        entry = super().write(stop)
        self.is_written.set()
        assert self.may_end.wait(WAIT_SECONDS)
        return entry


MERGES: list[HeldMerge] = []


@pytest.fixture
def engine(tmp_path: Path) -> WhooshEngine:
    engine = WhooshEngine(tmp_path / "search")
    engine.create("one")
    return engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search" / "one" / "repository"


@pytest.fixture
def held(engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[WhooshWriter]:
    """A writer whose merge of ``a`` to ``h`` waits to begin."""
    MERGES.clear()
    writer = engine.open_writer("one")
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "Merge", HeldMerge)
        for name in "abcdefgh"[:FAN]:
            writer.apply(REPOSITORY, [document(name, description=("old",))], [])
    assert len(MERGES) == 1
    yield writer
    let_go()
    writer.close()


def let_go() -> None:
    for merge in MERGES:
        merge.may_begin.set()
        merge.may_end.set()


def end(writer: WhooshWriter) -> None:
    """Have all merges end."""
    let_go()
    merging = writer._writers[REPOSITORY]._merging
    if merging is not None:
        wait([merging], WAIT_SECONDS)
    assert not writer.is_merging(REPOSITORY)


def segments(folder: Path) -> int:
    return len(list(folder.glob("*.seg")))


def names(engine: WhooshEngine, word: str = "") -> list[str]:
    """Return the documents that a new reader finds, each as often as it is there."""
    reader = engine.open_reader("one")
    try:
        query = Word(word) if word else Everything()
        page = reader.search(query, document_type=REPOSITORY, limit=100)
        assert page.total == len(page.hits)
        return sorted(hit.id.partition(" ")[0] for hit in page.hits)
    finally:
        reader.close()


def test_changes_are_visible_while_a_merge_runs(held: WhooshWriter, engine: WhooshEngine) -> None:
    held.apply(REPOSITORY, [document("new")], ["a registry.example"])
    assert not MERGES[0].is_written.is_set()
    assert names(engine) == [*"bcdefgh", "new"]
    assert held.count(REPOSITORY) == FAN


@pytest.mark.parametrize("is_written", [False, True])
def test_what_changed_during_a_merge_is_neither_doubled_nor_lost_nor_back(
    held: WhooshWriter, engine: WhooshEngine, folder: Path, is_written: bool
) -> None:
    if is_written:
        MERGES[0].may_begin.set()
        assert MERGES[0].is_written.wait(WAIT_SECONDS)
    held.apply(REPOSITORY, [document("c", description=("new",))], [])
    held.apply(REPOSITORY, [document("i")], ["b registry.example", "h registry.example"])
    end(held)
    assert segments(folder) == 3
    assert names(engine) == list("acdefgi")
    assert names(engine, "old") == list("adefg")
    assert names(engine, "new") == ["c"]
    assert held.count(REPOSITORY) == 7
    held.apply(REPOSITORY, [document("a"), document("c")], ["i registry.example"])
    assert names(engine) == list("acdefg")
    assert names(engine, "new") == []


def test_everything_may_go_while_it_is_merged(
    held: WhooshWriter, engine: WhooshEngine, folder: Path
) -> None:
    held.apply(REPOSITORY, [], [f"{name} registry.example" for name in "abcdefgh"])
    end(held)
    assert names(engine) == []
    assert segments(folder) == 0


@pytest.mark.parametrize("is_written", [False, True])
def test_a_kill_before_a_merge_takes_effect_leaves_what_was_there(
    held: WhooshWriter, engine: WhooshEngine, folder: Path, tmp_path: Path, is_written: bool
) -> None:
    """What a kill leaves is what the disk holds at that moment."""
    if is_written:
        MERGES[0].may_begin.set()
        assert MERGES[0].is_written.wait(WAIT_SECONDS)
    held.apply(REPOSITORY, [document("c", description=("new",))], [])
    shutil.copytree(tmp_path / "search", tmp_path / "killed")
    killed = WhooshEngine(tmp_path / "killed")
    left = tmp_path / "killed" / "one" / "repository"
    # Of the FAN that are being merged, the one with the only document c is gone.
    assert segments(left) == FAN + is_written
    assert names(killed) == list("abcdefgh")
    writer = killed.open_writer("one")
    assert segments(left) == FAN
    assert names(killed, "new") == ["c"]
    writer.apply(REPOSITORY, [], ["a registry.example"])
    end(writer)
    assert names(killed) == list("bcdefgh")
    writer.close()


def test_closing_gives_a_merge_up_and_leaves_nothing_of_it(
    held: WhooshWriter, engine: WhooshEngine, folder: Path
) -> None:
    closing = Thread(target=held.close)
    closing.start()
    assert held._writers[REPOSITORY]._stop.wait(WAIT_SECONDS)
    let_go()
    closing.join(WAIT_SECONDS)
    assert not MERGES[0].is_written.is_set()
    assert segments(folder) == FAN
    assert names(engine) == list("abcdefgh")


def test_a_merge_that_fails_is_told_with_the_next_batch_and_the_index_stays(
    held: WhooshWriter, engine: WhooshEngine, folder: Path
) -> None:
    before = names(engine)
    for path in folder.glob("*.seg"):
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes(len(whole) - 500) + whole[-400:])
    end(held)
    with pytest.raises(EngineError, match="one"):
        held.apply(REPOSITORY, [document("new")], [])
    assert held.count(REPOSITORY) == len(before)
    assert segments(folder) == FAN


def test_after_any_changes_few_segments_hold_what_should_be_there(
    engine: WhooshEngine, folder: Path
) -> None:
    random = Random(8)
    writer = engine.open_writer("one")
    expected: set[str] = set()
    for _ in range(150):
        documents = [random_document(random) for _ in range(random.choice([1, 1, 2, 30]))]
        removed = random.sample(sorted(expected), min(len(expected), random.randint(0, 3)))
        writer.apply(REPOSITORY, documents, removed)
        expected = (expected - set(removed)) | {each.key.id for each in documents}
    end(writer)
    assert segments(folder) < 2 * FAN
    reader = engine.open_reader("one")
    page = reader.search(Everything(), document_type=REPOSITORY, limit=10_000)
    assert {hit.id for hit in page.hits} == expected
    assert len(page.hits) == len(expected)
    reader.close()
    writer.close()
    engine.open_writer("one").close()
