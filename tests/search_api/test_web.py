"""The whole, put together and taken apart."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.errors import IndexerRunningError, SettingsError, StoreError
from indexer.run import indexer_lock
from indexer.settings import Settings
from search_api.processes import make_engines
from search_api.processes.data_dir import prepare
from search_api.processes.indexer import serve_indexer
from search_api.search.setup import make_service
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.fakes.events import delete_event, envelope
from tests.search_api.filling import make_client, settings_for
from tests.webhooks.journals import kept_events

PROJECT = Path(__file__).parents[2]
NOBODY = 65534


def open_files(directory: Path) -> list[str]:
    """The files in a directory that this process has open."""
    links = Path("/proc/self/fd").iterdir()
    found = [str(link.readlink()) for link in links if link.is_symlink()]
    return [target for target in found if target.startswith(str(directory))]


# The data directory


def test_the_data_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    prepare(settings_for(tmp_path / "a" / "b"))
    prepare(settings_for(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_data_directory_that_is_no_directory_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=rf"^data_dir '.*{path}': "):
        prepare(settings_for(tmp_path / path))


@pytest.fixture
def closed() -> Iterator[Path]:
    """Give a directory that everybody can reach and nobody write to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        directory = Path(name) / "closed"
        directory.mkdir(mode=0o555)
        yield directory


def test_a_data_directory_that_cannot_be_written_is_named(closed: Path) -> None:
    """In a process of its own, for a superuser may write everywhere."""
    code = (
        "import os, sys; from pathlib import Path; from indexer.settings import Settings;"
        "from search_api.processes.data_dir import prepare;"
        f"os.getuid() or os.setuid({NOBODY}); prepare(Settings(data_dir=Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(closed)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.stderr.splitlines()[-1] == (
        f"indexer.errors.SettingsError: data_dir '{closed}' cannot be written"
    )


# The web application


@pytest.mark.anyio
async def test_receiving_and_searching_are_one_application(tmp_path: Path) -> None:
    app = make_web(settings_for(tmp_path), clock=ManualClock())
    async with make_client(app) as client:
        answer = await client.post(
            "/webhooks/main",
            content=envelope([delete_event("a")]),
            headers={"Authorization": "Bearer secret-of-the-tests"},
        )
        assert answer.status_code == 202
        for path in ("/v1/search", "/v2/_catalog", "/api/v1/search", "/api/v1/status"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/nowhere")).json()["errors"][0]["code"] == "NOT_FOUND"
    assert [event.repository for event in kept_events(tmp_path)] == ["a"]


@pytest.mark.anyio
async def test_the_end_of_the_application_closes_every_file(filled: Path, tmp_path: Path) -> None:
    for directory in (filled, tmp_path):
        app = make_web(settings_for(directory), clock=ManualClock())
        async with make_client(app) as client:
            await client.get("/v1/search?q=nginx")
            await client.get("/api/v1/status")
            assert open_files(directory)
        assert open_files(directory) == []


@pytest.mark.anyio
async def test_files_are_closed_when_the_application_ends_by_an_error(tmp_path: Path) -> None:
    app = make_web(settings_for(tmp_path), clock=ManualClock())

    async def run_and_fail() -> None:
        async with make_client(app) as client:
            await client.get("/v1/search")
            raise KeyError

    with pytest.raises(KeyError):
        await run_and_fail()
    assert open_files(tmp_path) == []


def test_a_journal_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"journal\.db"):
        make_web(settings_for(tmp_path))


@pytest.mark.parametrize(("chosen", "other"), [("whoosh", "tantivy"), ("tantivy", "whoosh")])
def test_the_engine_is_the_one_of_the_settings(tmp_path: Path, chosen: str, other: str) -> None:
    engines = make_engines(Settings.model_validate({"data_dir": tmp_path, "engine": chosen}))
    assert engines.chosen.name == chosen
    assert [engine.name for engine in engines.others] == [other]
    engines.chosen.create("one")
    assert (tmp_path / "search-index" / "one").is_dir()


def test_an_engine_that_is_not_installed_is_named_with_what_to_install(tmp_path: Path) -> None:
    """In a process of its own, where importing the library fails."""
    program = """
import sys
sys.modules["tantivy"] = None
from pathlib import Path
from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.processes import make_engines
engines = make_engines(Settings(data_dir=Path("x")))
print(engines.chosen.name, engines.others)
try:
    make_engines(Settings(data_dir=Path("x"), engine="tantivy"))
except SettingsError as error:
    print(error)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    alone, message = done.stdout.splitlines()
    assert alone == "whoosh ()"
    assert message.startswith("engine 'tantivy' is not installed: pip install 'regsearch[tantivy]'")


@pytest.mark.anyio
async def test_searching_needs_no_clock_of_its_own(filled: Path) -> None:
    service = make_service(settings_for(filled))
    assert await service.is_ready()
    await service.close()


# The indexer


@pytest.mark.anyio
async def test_there_is_one_indexer(tmp_path: Path) -> None:
    with (
        indexer_lock(tmp_path),
        pytest.raises(IndexerRunningError, match=rf"already, as process {os.getpid()}$"),
    ):
        await serve_indexer(settings_for(tmp_path))
