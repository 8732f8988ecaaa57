"""Generations of every engine: made, listed, dropped, and refused when they are not whole."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from indexer.engines import Engine
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything
from tests.indexer.engines.conformance.engines import ALL_ENGINES, ENGINES
from tests.indexer.engines.conformance.generator import document, random_document

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def filled(engine: Engine) -> None:
    """A generation ``one`` with a few documents of all types."""
    fill(engine)


@pytest.fixture(params=ENGINES)
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine whose generations are folders, with such a generation."""
    made = ENGINES[request.param](tmp_path / "search")
    fill(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of this generation."""
    return tmp_path / "search" / "one"


def fill(engine: Engine) -> None:
    random = Random(2)
    engine.create("one")
    writer = engine.open_writer("one")
    for kind in DocumentType:
        is_image = kind is DocumentType.IMAGE
        writer.apply(kind, [random_document(random, is_image=is_image) for _ in range(8)], [])
    writer.close()


def test_an_engine_has_a_name_and_a_version(engine: Engine) -> None:
    assert engine.name in ALL_ENGINES
    assert engine.schema_version > 0
    assert engine.batch_documents > 0


def test_no_engine_advises_anything_for_few_documents(engine: Engine) -> None:
    assert engine.advice(29_999) is None


def test_whoosh_advises_tantivy_for_many_documents(tmp_path: Path) -> None:
    advice = {name: make(tmp_path).advice(30_000) for name, make in ENGINES.items()}
    assert advice == {
        "whoosh": "30000 documents are many for whoosh: with engine = 'tantivy'"
        " (pip install 'regsearch[tantivy]') searches are faster",
        "tantivy": None,
    }


def test_generations_are_made_listed_and_dropped(engine: Engine) -> None:
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


@pytest.mark.usefixtures("filled")
def test_a_generation_made_again_is_empty(engine: Engine) -> None:
    engine.create("one")
    reader = engine.open_reader("one")
    assert reader.count(REPOSITORY) == 0
    reader.close()


def test_a_reader_outlives_its_generation(embedded: Engine) -> None:
    reader = embedded.open_reader("one")
    count = reader.count(REPOSITORY)
    embedded.drop("one")
    page = reader.search(Everything(), document_type=REPOSITORY, limit=5)
    assert page.total == count
    assert len(page.hits) == 5
    with pytest.raises(EngineError, match="one"):
        reader.refresh()
    assert reader.search(Everything(), document_type=REPOSITORY, limit=5) == page
    reader.close()


@pytest.mark.usefixtures("filled")
def test_a_writer_goes_on_where_another_one_ended(engine: Engine) -> None:
    writer = engine.open_writer("one")
    before = writer.count(REPOSITORY)
    writer.apply(REPOSITORY, [document("new")], [])
    assert writer.count(REPOSITORY) == before + 1
    writer.close()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/tmp"])
def test_a_generation_is_a_plain_name(engine: Engine, name: str) -> None:
    for action in (engine.create, engine.drop, engine.open_reader, engine.open_writer):
        with pytest.raises(EngineError, match="not the name of a generation"):
            action(name)


def _about(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "generation.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


BREAKS: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "empty": _empty,
    "not about itself": lambda folder: (folder / "generation.json").unlink(),
    "about nothing": lambda folder: (folder / "generation.json").write_text("[]"),
    "about garbage": lambda folder: (folder / "generation.json").write_bytes(b"\xff{"),
    "other schema": _about(schema_version=0),
    "other engine": _about(engine="other"),
    "no index": lambda folder: shutil.rmtree(folder / "image"),
}


@pytest.mark.parametrize("break_it", BREAKS.values(), ids=BREAKS)
def test_a_generation_that_is_not_whole_is_refused_by_name(
    embedded: Engine, folder: Path, break_it: Callable[[Path], object]
) -> None:
    break_it(folder)
    for action in (embedded.open_reader, embedded.open_writer):
        with pytest.raises(EngineError, match="one") as caught:
            action("one")
        assert str(folder) in str(caught.value)
    embedded.create("one")
    embedded.open_reader("one").close()


def test_one_engine_does_not_open_what_another_made(embedded: Engine, tmp_path: Path) -> None:
    for name, make in ENGINES.items():
        if name != embedded.name:
            for action in (
                make(tmp_path / "search").open_reader,
                make(tmp_path / "search").open_writer,
            ):
                with pytest.raises(EngineError, match="another schema"):
                    action("one")


def test_a_generation_whose_dropping_was_cut_short_is_not_whole(
    embedded: Engine, folder: Path
) -> None:
    (folder / "generation.json").unlink()
    assert embedded.generations() == ["one"]
    with pytest.raises(EngineError):
        embedded.open_writer("one")
    embedded.drop("one")
    assert embedded.generations() == []
