"""Merging with Whoosh: inside commits, few segments in the end, and none too large for a push."""

from pathlib import Path
from random import Random

import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.engines.whoosh.schema import encode
from indexer.engines.whoosh.writer import (
    FAN,
    FILLED_FAN,
    MERGED_MIN,
    MERGED_SHARE,
    segments_to_merge,
)
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything, Word
from tests.indexer.engines.conformance.generator import document, random_document

REPOSITORY = DocumentType.REPOSITORY


def merged(sizes: list[int], *, added: int) -> list[int]:
    """Return the sizes of the segments that would become one."""
    segments = {f"segment {n}": size for n, size in enumerate(sizes)}
    return [segments[segment] for segment in segments_to_merge(segments, added=added)]


def test_segments_are_merged_when_there_are_enough() -> None:
    assert merged([1] * (FAN - 1), added=1) == []
    assert merged([1] * FAN, added=1) == [1] * FAN
    assert merged([250, *[1] * FAN, 300], added=1) == [1] * FAN


def test_smaller_segments_are_merged_with_enough_of_similar_size() -> None:
    assert merged([*[600] * FAN, 20, 3, 5000], added=500) == [3, 20, *[600] * FAN]


def test_a_push_merges_no_more_than_it_can_at_once() -> None:
    size = MERGED_MIN // FAN
    assert merged([size] * 2 * FAN, added=1) == [size] * FAN
    assert merged([size + 1] * FAN, added=1) == []
    large = [size * 9] * FAN
    assert merged(large, added=MERGED_MIN * 9 // MERGED_SHARE) == large


def test_segments_stay_few_and_no_document_is_merged_often() -> None:
    random = Random(5)
    sizes: list[int] = []
    rewritten = written = 0
    for _ in range(3000):
        new = random.choice([1, 1, 1, 10, 500])
        gone = merged(sizes, added=new)
        assert sum(gone) <= max(MERGED_MIN, MERGED_SHARE * new)
        for size in gone:
            sizes.remove(size)
        sizes.append(new + sum(gone))
        written += new
        rewritten += sum(gone)
        assert sum(size < MERGED_MIN for size in sizes) < 3 * FAN
    assert rewritten < 3 * written


@pytest.fixture
def engine(tmp_path: Path) -> WhooshEngine:
    engine = WhooshEngine(tmp_path / "search")
    engine.create("one")
    return engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search" / "one" / "repository"


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


def test_the_commit_that_merges_adds_replaces_and_removes(
    engine: WhooshEngine, folder: Path
) -> None:
    writer = engine.open_writer("one")
    for name in "abcdefgh":
        writer.apply(REPOSITORY, [document(name, description=("old",))], [])
    assert segments(folder) == FAN
    gone = ["b registry.example", "h registry.example"]
    writer.apply(REPOSITORY, [document("c", description=("new",)), document("i")], gone)
    # The segments without documents go first, so there are too few to be merged.
    assert segments(folder) == FAN - 2
    writer.apply(REPOSITORY, [document("j")], [])
    writer.apply(REPOSITORY, [document("k"), document("l")], [])
    assert names(engine) == list("acdefgijkl")
    assert names(engine, "old") == list("adefg")
    assert names(engine, "new") == ["c"]
    writer.apply(REPOSITORY, [document("m")], ["a registry.example"])
    writer.apply(REPOSITORY, [document("n")], [])
    assert segments(folder) < FAN
    assert names(engine) == list("cdefgijklmn")
    assert writer.count(REPOSITORY) == 11
    writer.close()


def test_optimizing_leaves_one_segment_without_deleted_documents(
    engine: WhooshEngine, folder: Path
) -> None:
    writer = engine.open_writer("one")
    for name in "abc":
        writer.apply(REPOSITORY, [document(name), document(f"{name}-2")], [])
    writer.apply(REPOSITORY, [document("a")], ["b registry.example"])
    writer.optimize()
    assert segments(folder) == 1
    (segment,) = writer._indexes[REPOSITORY].parts
    assert segment.size == writer.count(REPOSITORY) == 5
    assert names(engine) == ["a", "a-2", "b-2", "c", "c-2"]
    writer.close()


def test_filling_merges_in_the_end(engine: WhooshEngine, folder: Path) -> None:
    """Each document is written twice, however many commits there are."""
    writer = engine.open_writer("one")
    for number in range(2 * FAN):
        writer.fill(REPOSITORY, map(encode, map(document, (f"n{number}", f"m{number}"))))
        writer.commit_filled()
    assert segments(folder) == 2 * FAN < FILLED_FAN
    writer.optimize()
    assert segments(folder) == 1
    assert writer.count(REPOSITORY) == 4 * FAN
    writer.close()


def test_even_a_long_filling_leaves_no_segments_without_number(
    engine: WhooshEngine, folder: Path
) -> None:
    writer = engine.open_writer("one")
    for number in range(FILLED_FAN + 1):
        writer.fill(REPOSITORY, [encode(document(f"n{number}"))])
        writer.commit_filled()
    assert segments(folder) < FILLED_FAN
    assert writer.count(REPOSITORY) == FILLED_FAN + 1
    writer.close()


def test_an_index_of_which_everything_is_removed_is_empty(
    engine: WhooshEngine, folder: Path
) -> None:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document(name) for name in "abc"], [])
    writer.apply(REPOSITORY, [], [f"{name} registry.example" for name in "abc"])
    assert names(engine) == []
    assert segments(folder) == 0
    writer.close()


def test_a_merge_that_fails_leaves_what_was_there(engine: WhooshEngine, folder: Path) -> None:
    writer = engine.open_writer("one")
    for name in "abcdefgh":
        writer.apply(REPOSITORY, [document(name)], [])
    before = sorted(path.name for path in folder.iterdir())
    for path in folder.glob("*.seg"):
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes(len(whole) - 500) + whole[-400:])
    for _ in range(2):
        with pytest.raises(EngineError, match="one"):
            writer.apply(REPOSITORY, [document("new")], [])
        assert sorted(path.name for path in folder.iterdir()) == before
    assert writer.count(REPOSITORY) == FAN
    writer.close()


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
    assert segments(folder) < 3 * FAN
    reader = engine.open_reader("one")
    page = reader.search(Everything(), document_type=REPOSITORY, limit=10_000)
    assert {hit.id for hit in page.hits} == expected
    assert len(page.hits) == len(expected)
    reader.close()
    writer.close()
    engine.open_writer("one").close()
