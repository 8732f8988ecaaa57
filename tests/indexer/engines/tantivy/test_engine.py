"""Damaged files of tantivy are found before tantivy reads them."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from indexer.engines.local import engine_errors
from indexer.engines.tantivy.engine import SearchedIndex, TantivyEngine
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything
from tests.indexer.engines.conformance.generator import random_document

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


PARTS = ("*.term", "*.idx", "*.pos", "*.fieldnorm", "*.fast", "*.store", "*.del", "meta.json")


def _other_library(folder: Path) -> None:
    path = folder / "generation.json"
    about = {**json.loads(path.read_text()), "library": "tantivy v0.1.0, index_format v1"}
    path.write_text(json.dumps(about))


BREAKS: dict[str, Callable[[Path], object]] = {
    "other library": _other_library,
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
    index = reader._indexes[REPOSITORY]
    assert isinstance(index, SearchedIndex)

    def panic() -> None:
        index.searcher.search(index.matching(Everything()), limit=0)

    with pytest.raises(BaseException, match="greater than 0") as caught:
        panic()
    assert not isinstance(caught.value, Exception)
    with pytest.raises(EngineError, match="one"), engine_errors(folder):
        panic()
    reader.close()
