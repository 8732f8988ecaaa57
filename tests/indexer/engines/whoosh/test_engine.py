"""Damaged files of Whoosh are refused, or found when they are read."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import EngineError
from indexer.model.document import DocumentType
from indexer.model.query import Everything, Prefix
from tests.indexer.engines.conformance.generator import document, random_document

REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
def engine(tmp_path: Path) -> WhooshEngine:
    return WhooshEngine(tmp_path / "search")


@pytest.fixture
def folder(engine: WhooshEngine, tmp_path: Path) -> Path:
    """The folder of a generation ``one`` with a few documents of both types."""
    random = Random(2)
    engine.create("one")
    writer = engine.open_writer("one")
    for kind in DocumentType:
        is_image = kind is DocumentType.IMAGE
        documents = [random_document(random, is_image=is_image) for _ in range(8)]
        writer.apply(kind, documents, [])
    writer.close()
    return tmp_path / "search" / "one"


def only(folder: Path, pattern: str) -> Path:
    (path,) = (folder / "repository").glob(pattern)
    return path


def _cut(pattern: str, share: float) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = only(folder, pattern)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return cut


def _garbage(pattern: str) -> Callable[[Path], None]:
    def garble(folder: Path) -> None:
        path = only(folder, pattern)
        path.write_bytes(Random(9).randbytes(path.stat().st_size))

    return garble


BREAKS: dict[str, Callable[[Path], object]] = {
    "no toc": lambda folder: only(folder, "*.toc").unlink(),
    "empty toc": _cut("*.toc", 0),
    "cut toc": _cut("*.toc", 0.5),
    "toc without its end": _cut("*.toc", 0.99),
    "garbage toc": _garbage("*.toc"),
    "no segment": lambda folder: only(folder, "*.seg").unlink(),
    "empty segment": _cut("*.seg", 0),
    "cut segment": _cut("*.seg", 0.6),
    "segment without its end": _cut("*.seg", 0.999),
    "garbage segment": _garbage("*.seg"),
}


@pytest.mark.parametrize("break_it", BREAKS.values(), ids=BREAKS)
def test_a_generation_that_is_not_whole_is_refused_by_name(
    engine: WhooshEngine, folder: Path, break_it: Callable[[Path], object]
) -> None:
    break_it(folder)
    for action in (engine.open_reader, engine.open_writer):
        with pytest.raises(EngineError, match="one") as caught:
            action("one")
        assert str(folder) in str(caught.value)
    engine.create("one")
    engine.open_reader("one").close()


@pytest.mark.parametrize("pattern", ["*.toc", "*.seg"])
def test_an_index_cut_anywhere_is_an_engine_error(
    engine: WhooshEngine, folder: Path, pattern: str
) -> None:
    """Opening raises nothing else, wherever the file ends; a cut index is never taken for whole."""
    path = only(folder, pattern)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:length])
        with pytest.raises(EngineError):
            engine.open_reader("one")


def test_an_index_with_wrong_bytes_is_an_engine_error_or_still_good(
    engine: WhooshEngine, folder: Path
) -> None:
    """Bits that turned are not all seen at opening, but they never raise anything else."""
    random = Random(3)
    path = only(folder, "*.seg")
    whole = path.read_bytes()
    for _ in range(150):
        changed = bytearray(whole)
        changed[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        try:
            reader = engine.open_reader("one")
        except EngineError:
            continue
        try:
            reader.search(Everything(), document_type=REPOSITORY, limit=5)
        except EngineError:
            pass
        finally:
            reader.close()


def test_a_writer_refuses_a_segment_with_a_wrong_byte_anywhere(
    engine: WhooshEngine, folder: Path
) -> None:
    """Whoosh would not notice, and answer wrongly or not at all for ever."""
    random = Random(3)
    path = only(folder, "*.seg")
    whole = path.read_bytes()
    for _ in range(30):
        changed = bytearray(whole)
        changed[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(EngineError, match="one"):
            engine.open_writer("one")
    path.write_bytes(whole)
    engine.open_writer("one").close()


def test_a_damaged_posting_list_is_an_engine_error(engine: WhooshEngine, folder: Path) -> None:
    """It is only seen when searching."""
    path = only(folder, "*.seg")
    # How the postings of each term begin: a pickle of numbers.
    path.write_bytes(path.read_bytes().replace(b"\x80\x02K", b"\x80\xffK"))
    reader = engine.open_reader("one")
    with pytest.raises(EngineError, match="one"):
        reader.search(Prefix("a"), document_type=REPOSITORY, limit=5)
    reader.close()


def test_a_writer_clears_what_a_killed_one_left(engine: WhooshEngine, folder: Path) -> None:
    names = ("_MAIN_7.toc.1700000000.5", "_MAIN_0.toc", "MAIN_0123456789abcdef.seg")
    leftovers = [folder / "repository" / name for name in names]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    writer = engine.open_writer("one")
    assert not [leftover for leftover in leftovers if leftover.exists()]
    before = writer.count(REPOSITORY)
    writer.apply(REPOSITORY, [document("new")], [])
    assert writer.count(REPOSITORY) == before + 1
    writer.close()
