"""Generations as folders: how large they are."""

from pathlib import Path

import pytest

from indexer.engines.local import GenerationFolders, engine_errors
from indexer.errors import EngineError, QueryError


@pytest.fixture
def folders(tmp_path: Path) -> GenerationFolders:
    return GenerationFolders(tmp_path, {"engine": "any"}, lambda folder: None)


def test_the_size_is_that_of_all_files(folders: GenerationFolders) -> None:
    folders.create("one")
    folder = folders.checked("one")
    (folder / "image" / "a").write_bytes(b"a" * 1000)
    (folder / "b").write_bytes(b"b" * 500)
    about = (folder / "generation.json").stat().st_size
    assert folders.size_bytes("one") == about + 1500


def test_what_is_not_there_takes_no_room(folders: GenerationFolders) -> None:
    assert folders.size_bytes("one") == 0
    with pytest.raises(EngineError, match="not the name of a generation"):
        folders.size_bytes("../one")


def test_a_file_that_is_removed_meanwhile_takes_no_room(folders: GenerationFolders) -> None:
    """A writer removes what it merged; here a name that leads nowhere, as after the listing."""
    folders.create("one")
    folder = folders.checked("one")
    (folder / "gone").symlink_to(folder / "nowhere")
    about = (folder / "generation.json").stat().st_size
    assert folders.size_bytes("one") == about


@pytest.mark.parametrize("error", [EOFError(), AttributeError(), Exception()])
def test_any_error_of_a_library_is_one_of_the_engine(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(EngineError, match="cannot be used") as caught, engine_errors(tmp_path):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [QueryError("too much", column=1), KeyboardInterrupt()])
def test_our_own_errors_and_the_end_of_the_process_pass(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)) as caught, engine_errors(tmp_path):
        raise error
    assert caught.value is error
