"""The data directory is for one account only, as far as its volume can keep that."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from indexer.settings import Settings
from search_api.processes.data_dir import prepare
from tests.programs import need_root

NOBODY = 65_534


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Give this process its own mask back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_directory_is_for_one_account(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    prepare(Settings(data_dir=directory))
    (directory / "store.db").touch()
    assert (mode(directory), mode(directory / "store.db")) == (0o700, 0o600)


def test_files_of_an_older_version_are_closed_and_links_not_followed(tmp_path: Path) -> None:
    directory, foreign = tmp_path / "data", tmp_path / "foreign"
    (directory / "search-index" / "one").mkdir(parents=True)
    files = [directory / "journal.db-wal", directory / "search-index" / "one" / "words.txt"]
    for path in (foreign, *files):
        path.touch()
    (directory / "link.db").symlink_to(foreign)
    prepare(Settings(data_dir=directory))
    assert {mode(path) for path in files} == {0o600}
    assert mode(directory / "search-index" / "one") == 0o700
    assert mode(foreign) == 0o644


def test_a_supervised_process_leaves_modes_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare(Settings(data_dir=tmp_path), supervised=True)
    assert mode(tmp_path) == 0o755


def test_a_folder_that_everybody_shares_is_named_and_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with capture_logs() as logs:
        prepare(Settings(data_dir=tmp_path))
    assert [line["event"] for line in logs] == ["data_dir_readable_by_others"]
    assert mode(tmp_path) == 0o1777


def test_a_volume_that_refuses_is_one_warning() -> None:
    """A folder of another account, as Kubernetes mounts volumes."""
    need_root("to be another account")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        os.seteuid(NOBODY)
        try:
            with capture_logs() as logs:
                prepare(Settings(data_dir=Path(folder)))
        finally:
            os.seteuid(0)
        assert [line["event"] for line in logs] == ["data_dir_readable_by_others"]
        assert folder in logs[0]["path"]
