"""Generations of the tantivy engine: made, listed, dropped, and refused when they are not whole."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from indexer.engines import Engine
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.tantivy.index import engine_errors
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything
from tests.indexer.engines.conformance.generator import document, random_document

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    return TantivyEngine(tmp_path / "search")


@pytest.fixture
def folder(engine: TantivyEngine, tmp_path: Path) -> Path:
    """The folder of a generation ``one`` with a few documents of all types."""
    random = Random(2)
    engine.create("one")
    writer = engine.open_writer("one")
    for kind in DocumentType:
        is_image = kind is DocumentType.IMAGE
        documents = [random_document(random, is_image=is_image) for _ in range(8)]
        writer.apply(kind, documents, [])
        writer.apply(kind, [random_document(random)], [documents[0].key.id])
    writer.close()
    return tmp_path / "search" / "one"


def some(folder: Path, pattern: str) -> Path:
    return min((folder / "repository").glob(pattern))


def test_it_is_an_engine(engine: TantivyEngine) -> None:
    checked: Engine = engine
    assert (checked.name, checked.schema_version) == ("tantivy", 3)


def test_generations_are_made_listed_and_dropped(engine: TantivyEngine) -> None:
    assert engine.generations() == []
    engine.create("two")
    engine.create("one")
    assert engine.generations() == ["one", "two"]
    reader = engine.open_reader("one")
    assert (reader.count(REPOSITORY), reader.count(DocumentType.IMAGE)) == (0, 0)
    page = reader.search(Everything(), document_type=REPOSITORY, limit=5)
    assert (page.hits, page.total, page.has_more) == ((), 0, False)
    reader.close()
    engine.drop("one")
    engine.drop("one")
    assert engine.generations() == ["two"]


def test_a_generation_made_again_is_empty(engine: TantivyEngine, folder: Path) -> None:
    engine.create("one")
    reader = engine.open_reader("one")
    assert reader.count(REPOSITORY) == 0
    reader.close()


def test_a_reader_outlives_its_generation(engine: TantivyEngine, folder: Path) -> None:
    reader = engine.open_reader("one")
    count = reader.count(REPOSITORY)
    engine.drop("one")
    page = reader.search(Everything(), document_type=REPOSITORY, limit=5)
    assert page.total == count
    assert len(page.hits) == 5
    with pytest.raises(EngineError, match="one"):
        reader.refresh()
    assert reader.search(Everything(), document_type=REPOSITORY, limit=5) == page
    reader.close()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/tmp"])
def test_a_generation_is_a_plain_name(engine: TantivyEngine, name: str) -> None:
    for action in (engine.create, engine.drop, engine.open_reader, engine.open_writer):
        with pytest.raises(EngineError, match="not the name of a generation"):
            action(name)


def _cut(pattern: str, share: float) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = some(folder, pattern)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return cut


def _without(pattern: str) -> Callable[[Path], None]:
    return lambda folder: some(folder, pattern).unlink()


def _garbage(pattern: str) -> Callable[[Path], None]:
    def garble(folder: Path) -> None:
        path = some(folder, pattern)
        path.write_bytes(Random(9).randbytes(path.stat().st_size))

    return garble


def _about(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "generation.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


PARTS = ("*.term", "*.idx", "*.pos", "*.fieldnorm", "*.fast", "*.store", "*.del", "meta.json")
BREAKS: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "empty": _empty,
    "not about itself": lambda folder: (folder / "generation.json").unlink(),
    "about nothing": lambda folder: (folder / "generation.json").write_text("[]"),
    "about garbage": lambda folder: (folder / "generation.json").write_bytes(b"\xff{"),
    "other schema": _about(schema_version=0),
    "other engine": _about(engine="whoosh"),
    "other library": _about(library="tantivy v0.1.0, index_format v1"),
    "no index": lambda folder: shutil.rmtree(folder / "image"),
    **{f"no {part}": _without(part) for part in PARTS},
    **{f"empty {part}": _cut(part, 0) for part in PARTS},
    **{f"cut {part}": _cut(part, 0.6) for part in PARTS},
    **{f"{part} without its end": _cut(part, 0.999) for part in PARTS[:-1]},
    **{f"garbage {part}": _garbage(part) for part in PARTS},
}


@pytest.mark.parametrize("break_it", BREAKS.values(), ids=BREAKS)
def test_a_generation_that_is_not_whole_is_refused_by_name(
    engine: TantivyEngine, folder: Path, break_it: Callable[[Path], object]
) -> None:
    break_it(folder)
    for action in (engine.open_reader, engine.open_writer):
        with pytest.raises(EngineError, match="one") as caught:
            action("one")
        assert str(folder) in str(caught.value)
    engine.create("one")
    engine.open_reader("one").close()


@pytest.mark.parametrize("part", PARTS[:-1])
def test_wrong_bytes_never_reach_tantivy(engine: TantivyEngine, folder: Path, part: str) -> None:
    """It would reserve as much memory as wrong bytes say, which ends the process."""
    random = Random(3)
    path = some(folder, part)
    whole = path.read_bytes()
    for _ in range(20):
        changed = bytearray(whole)
        # The second half of a small file is its checksum, and what else says what it is.
        changed[random.randrange(len(whole) // 2)] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(EngineError, match="one"):
            engine.open_reader("one")
    path.write_bytes(whole)
    engine.open_reader("one").close()


def test_what_panics_inside_of_tantivy_is_an_engine_error(
    engine: TantivyEngine, folder: Path
) -> None:
    """A panic is no ``Exception``, so it would pass every handler there is."""
    reader = engine.open_reader("one")
    view = reader._indexes[REPOSITORY].view

    def panic() -> None:
        view.searcher.search(view.matcher.matching(Everything()), limit=0)

    with pytest.raises(BaseException, match="greater than 0") as caught:
        panic()
    assert not isinstance(caught.value, Exception)
    with pytest.raises(EngineError, match="one"), engine_errors(folder):
        panic()
    reader.close()


def test_one_engine_does_not_open_what_another_made(
    engine: TantivyEngine, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="another schema"):
        WhooshEngine(tmp_path / "search").open_reader("one")
    WhooshEngine(tmp_path / "search").create("two")
    with pytest.raises(EngineError, match="another schema"):
        engine.open_writer("two")


def test_a_generation_whose_dropping_was_cut_short_is_not_whole(
    engine: TantivyEngine, folder: Path
) -> None:
    (folder / "generation.json").unlink()
    assert engine.generations() == ["one"]
    with pytest.raises(EngineError):
        engine.open_writer("one")
    engine.drop("one")
    assert engine.generations() == []


def test_a_writer_goes_on_where_another_one_ended(engine: TantivyEngine, folder: Path) -> None:
    writer = engine.open_writer("one")
    before = writer.count(REPOSITORY)
    writer.apply(REPOSITORY, [document("new")], [])
    assert writer.count(REPOSITORY) == before + 1
    writer.close()
