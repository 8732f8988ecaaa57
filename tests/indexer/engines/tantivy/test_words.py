"""The words that tantivy's readers know: patterns and spellings, from one commit to the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.engines.tantivy.engine import TantivyEngine, TantivyReader, TantivyWriter
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Fuzzy, Query, Wildcard
from tests.indexer.engines.conformance.generator import document

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    engine = TantivyEngine(tmp_path / "search")
    engine.create("one")
    return engine


@pytest.fixture
def writer(engine: TantivyEngine) -> Iterator[TantivyWriter]:
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("a", description=("postgres",))], [])
    yield writer
    writer.close()


@pytest.fixture
def reader(engine: TantivyEngine, writer: TantivyWriter) -> Iterator[TantivyReader]:
    """A reader that was asked before, so that it knows the words of that commit."""
    reader = engine.open_reader("one")
    assert spelled(reader, "postgers") == [("postgres", 1)]
    yield reader
    reader.close()


@pytest.fixture
def words_file(tmp_path: Path) -> Path:
    return tmp_path / "search" / "one" / "repository" / "words.txt"


def spelled(reader: TantivyReader, word: str) -> list[tuple[str, int]]:
    return reader.spellings(word, document_type=REPOSITORY, limit=9)


def found(reader: TantivyReader, query: Query) -> list[str]:
    page = reader.search(query, document_type=REPOSITORY, limit=9)
    return [hit.id.partition(" ")[0] for hit in page.hits]


def test_words_of_later_commits_are_known_after_a_refresh(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    for name, word in (("b", "nginx"), ("c", "redis"), ("d", "nginx"), ("e", "größe")):
        writer.apply(REPOSITORY, [document(name, description=(word,))], [])
        reader.refresh()
    assert found(reader, Wildcard("*ginx")) == ["b", "d"]
    assert found(reader, Wildcard("re?i*")) == ["c"]
    assert found(reader, Fuzzy("redsi")) == ["c"]
    assert spelled(reader, "ngnix") == [("nginx", 2)]
    assert spelled(reader, "grosze") == [("grosse", 1)]
    assert spelled(reader, "postgers") == [("postgres", 1)]


def test_names_of_later_commits_are_found_by_patterns(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    assert found(reader, Wildcard("team/*")) == []
    writer.apply(REPOSITORY, [document("team/web-api")], [])
    assert found(reader, Wildcard("team/*")) == []
    reader.refresh()
    for pattern in ("team/*", "web?api", "*-api", "*m/w*"):
        assert found(reader, Wildcard(pattern)) == ["team/web-api"]


def test_a_word_that_no_document_has_any_more_is_not_suggested(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    writer.apply(REPOSITORY, [document("a", description=("redis",))], [])
    reader.refresh()
    assert spelled(reader, "postgers") == []
    writer.apply(REPOSITORY, [document("b", description=("postgres",))], [])
    reader.refresh()
    assert spelled(reader, "postgers") == [("postgres", 1)]


def test_words_of_a_refused_batch_are_not_found_until_they_are_there(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    good = document("b", description=("nginx",))
    with pytest.raises(EngineError):
        writer.apply(REPOSITORY, [good, document("c", prominence=101)], [])
    reader.refresh()
    assert spelled(reader, "ngnix") == []
    writer.apply(REPOSITORY, [good], [])
    reader.refresh()
    assert spelled(reader, "ngnix") == [("nginx", 1)]


def test_words_are_known_beside_a_line_that_a_kill_cut_short(
    engine: TantivyEngine, writer: TantivyWriter, reader: TantivyReader, words_file: Path
) -> None:
    writer.close()
    with words_file.open("ab") as file:
        file.write("größ".encode()[:-1])
    reader.refresh()
    assert spelled(reader, "postgers") == [("postgres", 1)]
    writer = engine.open_writer("one")
    writer.apply(REPOSITORY, [document("b", description=("nginx",))], [])
    writer.close()
    reader.refresh()
    assert spelled(reader, "ngnix") == [("nginx", 1)]


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_an_index_is_opened_with_all_its_words_whatever_the_file_of_words_holds(
    engine: TantivyEngine, writer: TantivyWriter, words_file: Path, damage: str
) -> None:
    """As after a power cut: what was committed is on the disk, the file of words may be not."""
    writer.close()
    if damage == "missing":
        words_file.unlink()
    else:
        words_file.write_bytes(b"" if damage == "empty" else b"\xff\x00\n\n\xfe")
    writer = engine.open_writer("one")
    reader = engine.open_reader("one")
    assert found(reader, Wildcard("*gres")) == ["a"]
    writer.apply(REPOSITORY, [document("b", description=("nginx",))], [])
    reader.refresh()
    assert found(reader, Wildcard("*gi*")) == ["b"]
    assert spelled(reader, "postgers") == [("postgres", 1)]
    reader.close()
    writer.close()
