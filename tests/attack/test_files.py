"""Only the account of the service reads its files, and readiness says what cannot be written."""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx2
import pytest

from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.processes import kill_process
from tests.end_to_end.service import Service
from tests.end_to_end.small_disk import SmallDisk
from tests.end_to_end.waiting import wait_until
from tests.fakes.events import push_event
from tests.programs import need_root

Figure = Callable[[str], None]


def open_to_others(folder: Path) -> dict[str, str]:
    """Return the mode of each file, and of the folder, that others may do anything with."""
    found: dict[str, str] = {}
    inside = (
        Path(top, name) for top, folders, files in os.walk(folder) for name in (*folders, *files)
    )
    for path in (folder, *inside):
        # The service goes on: a commit removes old files of the index a moment later.
        with suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                found[str(path)] = stat.filemode(mode)
    return found


@pytest.fixture
def small_disk(service: Service) -> Iterator[SmallDisk]:
    need_root("to mount a small disk")
    with SmallDisk(service.data) as disk:
        yield disk


def test_no_other_account_reads_the_data_directory(
    service: Service, registry: StubRegistry
) -> None:
    registry.push("team/web", "1.0", image(seed="web"))
    service.start()
    service.wait_until_idle()
    service.wait_until_found("repo:team/web")
    names = {path.name for path in service.data.iterdir()}
    assert {"journal.db", "journal.db-wal", "store.db", "store.db-wal", "web.pid"} <= names
    assert open_to_others(service.data) == {}


def test_an_open_data_directory_is_closed_at_the_start(
    service: Service, registry: StubRegistry
) -> None:
    registry.push("team/web", "1.0", image(seed="web"))
    service.start()
    service.wait_until_idle()
    assert service.stop() == 0
    for path in (service.data, *service.data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    foreign = service.data / "notes.txt"
    foreign.write_text("of somebody else")
    foreign.chmod(0o644)
    service.start()
    assert set(open_to_others(service.data)) == {str(foreign)}


def test_a_copy_of_store_db_after_a_clean_stop_holds_every_tag(
    service: Service, registry: StubRegistry
) -> None:
    """All of it is in the file and nothing in its log, whoever reads it until the end."""
    for number in range(30):
        registry.push("team/web", f"1.{number}", image(seed=f"web-{number}"))
    logs = service.data.parent
    service.data.mkdir()
    programs = [
        service.command_in_background(name, log=logs / f"{name}.log") for name in ("indexer", "web")
    ]
    try:
        wait_until(
            lambda: answers(service) and len(service.everything("repo:team/web")) == 30,
            60,
            "30 images are found",
        )
        newest = image(seed="newest")
        registry.push("team/web", "newest", newest)
        service.notify(push_event("team/web", newest.digest, tag="newest"))
        wait_until(lambda: service.finds("tag:newest"), 30, "the newest image is found")
        for program in programs:
            assert program.terminate(20) is not None
    finally:
        for program in programs:
            program.kill()
    copy = logs / "copy.db"
    shutil.copy(service.data / "store.db", copy)
    with closing(sqlite3.connect(copy)) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        tags = database.execute("SELECT count(*) FROM tags").fetchone() if "tags" in tables else 0
    assert tags == (31,)


def readiness(service: Service) -> tuple[int, str]:
    """Return the status of ``/readyz`` and the reason it gives."""
    answer = httpx2.get(f"{service.url}/readyz", timeout=20)
    return answer.status_code, str(answer.json().get("reason", ""))


def test_with_a_full_disk_readyz_is_503_and_searches_are_answered(
    service: Service, registry: StubRegistry, small_disk: SmallDisk, figure: Figure
) -> None:
    built = image(seed="web")
    registry.push("team/web", "1.0", built)
    service.start()
    service.wait_until_idle()
    service.wait_until_found("repo:team/web")
    small_disk.fill()
    # What is given back while logs are written again from their beginning is taken at once.
    for _ in range(300):
        if service.post_notification(push_event("team/web", built.digest, tag="1.0")).is_error:
            break
        small_disk.fill()
    waited = wait_until(lambda: readiness(service)[0] == 503, 10, "readyz is 503")
    assert re.search("journal.*full", readiness(service)[1])
    assert httpx2.get(f"{service.url}/healthz", timeout=20).status_code == 200
    assert service.finds("repo:team/web")
    small_disk.free()
    back = wait_until(service.is_ready, 35, "the service is ready again")
    figure(f"full disk: readyz is 503 after {waited:.1f} s, and 200 {back:.1f} s after it is free")


def test_with_a_read_only_disk_readyz_is_503_and_searches_are_answered(
    service: Service, registry: StubRegistry, small_disk: SmallDisk
) -> None:
    registry.push("team/web", "1.0", image(seed="web"))
    service.start()
    service.wait_until_idle()
    service.wait_until_found("repo:team/web")
    assert service.stop() == 0
    for pid in service.processes():
        kill_process(pid)
    small_disk.make_read_only()
    web = service.command_in_background("web", log=service.data.parent / "web.log")
    try:
        wait_until(lambda: answers(service), 20, "the web process answers")
        status, reason = readiness(service)
        assert status == 503
        assert "journal" in reason
        assert service.finds("repo:team/web")
    finally:
        web.kill()


def answers(service: Service) -> bool:
    """Tell whether the web process answers at all."""
    try:
        return httpx2.get(f"{service.url}/healthz", timeout=20).status_code == 200
    except httpx2.TransportError:
        return False


def test_restarts_and_the_age_of_the_indexer_are_counted(
    service: Service, registry: StubRegistry
) -> None:
    registry.push("team/web", "1.0", image(seed="web"))
    service.start()
    service.wait_until_idle()
    before = service.child_pid("indexer")
    service.kill_child("indexer")
    service.wait_until(
        lambda: service.child_pid("indexer") not in {0, before}, 20, "another indexer runs"
    )
    status = service.get("/api/v1/status").json()
    assert status.get("restarts") == {"web": 0, "indexer": 1}
    assert 0 <= status["indexer"]["age_seconds"] < 20
    metrics = service.get("/metrics").text
    assert 'regsearch_process_restarts_total{process="indexer"} 1.0' in metrics
    assert re.search(r"^regsearch_indexer_alive_age_seconds [0-9.]+$", metrics, re.MULTILINE)
