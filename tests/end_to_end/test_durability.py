"""What happens when the disk fails the service: nothing acknowledged is lost, all comes back.

Events are refused with 503, so that their registry keeps them and sends them again, and searches
are answered as before. Nobody has to start anything anew once the trouble is over.
"""

import os
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.builders import image
from tests.end_to_end.processes import kill_process, log_tail
from tests.end_to_end.service import Service
from tests.end_to_end.small_disk import SmallDisk
from tests.end_to_end.waiting import wait_until
from tests.fakes.events import push_event
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.programs import need_root
from tests.series import series

BEFORE = "before/app"
UNFINISHED = 30
PUSHES_MAX = 300
TROUBLE_SECONDS = 1.5
"""How long a trouble lasts: long enough for the indexer to run into it."""
LOCKED_SECONDS = 5.5
"""Longer than the indexer waits for the lock of the store."""
RECOVERY_SECONDS = 90.0
"""Indexers that die are started again after longer and longer pauses, up to half a minute."""
THOROUGH = pytest.mark.thorough


@dataclass(slots=True)
class Installation:
    """A service on a small disk of its own, and its registry; ``acknowledged`` names pushes."""

    service: Service
    registry: FakeRegistry
    disk: SmallDisk
    pushed: int = 0
    acknowledged: list[str] = field(default_factory=list)

    def push(self) -> httpx2.Response:
        """Push an image to a repository of its own and give the answer to its notification."""
        self.pushed += 1
        return self.notify(f"pushed/app-{self.pushed}")

    def notify(self, name: str) -> httpx2.Response:
        """Have an image in a repository and send the notification that tells of it."""
        built = image(seed=name, layers=1)
        self.registry.put(name, built, tag="1.0", notify=False)
        answer = self.service.post_notification(push_event(name, built.digest, tag="1.0"))
        if answer.status_code == 202:
            self.acknowledged.append(name)
        return answer

    def journalled(self) -> set[str]:
        """Return the repositories of the pushes that are in the journal."""
        with closing(sqlite3.connect(self.service.data / "journal.db")) as connection:
            rows = connection.execute("SELECT repository FROM entries WHERE action = 'push'")
            return {row[0] for row in rows}

    def finds_acknowledged(self) -> bool:
        """Tell whether a search finds every image whose notification was taken."""
        found = {image.repository for image in self.service.everything("repo:pushed/*")}
        return set(self.acknowledged) <= found


Trouble = Callable[[Installation], AbstractContextManager[None]]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Give a running and idle service that knows one image."""
    need_root("to mount a small disk")
    service, registry = Service(tmp_path), FakeRegistry()
    registry.put(BEFORE, image(seed=BEFORE), tag="1.0", notify=False)
    with serving(registry.app) as url, SmallDisk(service.data) as disk:
        service.configure(REGSEARCH_REGISTRY=url)
        try:
            service.start()
            service.wait_until_idle()
            service.wait_until_found(f"repo:{BEFORE}")
            yield Installation(service, registry, disk)
        finally:
            # Shown where the test failed.
            print(service.log_text())
            service.close()


@contextmanager
def full_disk(here: Installation) -> Iterator[None]:
    here.disk.fill()
    yield
    here.disk.free()


@contextmanager
def full_disk_and_a_new_web(here: Installation) -> Iterator[None]:
    """As a full disk, where web must start as well."""
    with full_disk(here):
        here.service.kill_child("web")
        wait_until(partial(_answers, here), 60, "the new web answers searches")
        # What ended gave back its write-ahead log.
        here.disk.fill()
        yield


@contextmanager
def disk_that_refuses_writes(here: Installation) -> Iterator[None]:
    """Every write to a file fails, those to the log as well."""
    pids = [here.service.child_pid(name) for name in ("web", "indexer")]
    _, most = resource.prlimit(pids[0], resource.RLIMIT_FSIZE)
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    for pid in set(pids) & set(here.service.processes()):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def read_only_disk(here: Installation) -> Iterator[None]:
    """As the kernel makes a disk that fails; both processes find it so when they start."""
    supervisor = here.service.supervisor_pid
    os.kill(supervisor, signal.SIGSTOP)
    for name in ("web", "indexer"):
        kill_process(here.service.child_pid(name))
    here.disk.make_read_only()
    os.kill(supervisor, signal.SIGCONT)
    wait_until(partial(_answers, here), 60, "the new web answers searches")
    yield
    here.disk.make_writable()


@contextmanager
def locked(here: Installation, *, name: str) -> Iterator[None]:
    """Another process, this one, holds the lock of a database, as tools that copy one do."""
    path = here.service.data / name
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize(
    "trouble",
    [
        full_disk,
        pytest.param(full_disk_and_a_new_web, marks=THOROUGH),
        pytest.param(disk_that_refuses_writes, marks=THOROUGH),
        pytest.param(read_only_disk, marks=THOROUGH),
        pytest.param(partial(locked, name="journal.db"), id="journal_locked", marks=THOROUGH),
    ],
)
def test_while_nothing_can_be_written_events_are_refused_and_searches_answered(
    installation: Installation, trouble: Trouble
) -> None:
    here = installation
    # Acknowledged, and still being read and indexed when the trouble begins.
    assert {here.push().status_code for _ in range(UNFINISHED)} == {202}
    with trouble(here):
        refused = _push_until_refused(here)
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        _search_for(here, TROUBLE_SECONDS)
        if here.disk.is_filled:
            # An indexer that dies gives room back, and events are taken until that is used up.
            here.disk.fill()
            assert _push_until_refused(here).status_code == 503
        else:
            assert here.push().status_code == 503
    names = [f"pushed/app-{number + 1}" for number in range(here.pushed)]
    for name in [name for name in names if name not in here.acknowledged]:
        here.service.wait_until(
            partial(_is_taken, here, name), RECOVERY_SECONDS, f"{name} is taken"
        )
    _expect_everything_acknowledged(here)


@THOROUGH
def test_while_the_store_is_locked_events_are_taken_and_searches_answered(
    installation: Installation,
) -> None:
    here = installation
    with locked(here, name="store.db"):
        assert {here.push().status_code for _ in range(8)} == {202}
        _search_for(here, LOCKED_SECONDS)
        assert here.push().status_code == 202
    _expect_everything_acknowledged(here)


def _answers(here: Installation) -> bool:
    """Tell whether web answers a search; it is not ready while it cannot be notified."""
    try:
        return httpx2.get(f"{here.service.url}/api/v1/search", timeout=20).status_code == 200
    except httpx2.TransportError:
        return False


def _push_until_refused(here: Installation) -> httpx2.Response:
    """Push again and again: events are accepted while the files have room."""
    for _ in range(PUSHES_MAX):
        answer = here.push()
        if answer.status_code != 202:
            break
    return answer


def _search_for(here: Installation, seconds: float) -> None:
    """Search again and again; every search must be answered and find what was there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert here.service.finds(f"repo:{BEFORE}")
        assert here.service.lists(BEFORE)
        time.sleep(0.1)


def _is_taken(here: Installation, name: str) -> bool:
    return here.notify(name).status_code == 202


def _expect_everything_acknowledged(here: Installation) -> None:
    assert set(here.acknowledged) <= here.journalled()
    here.service.wait_until(here.finds_acknowledged, RECOVERY_SECONDS, "all pushes are found")
    here.service.wait_until_idle()


# Nobody listens there; what matters is what is read from the disk.
NO_REGISTRY = "http://127.0.0.1:9"
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "foreign": lambda content: b"this is no database at all".ljust(len(content)),
    "cut": lambda content: content[: len(content) // 2],
    "torn": lambda content: content[:4_096] + b"\xff" * 8_192 + content[12_288:],
}


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the data directory of a service that was stopped."""
    service = Service(tmp_path_factory.mktemp("stopped"))
    service.configure(REGSEARCH_REGISTRY=NO_REGISTRY)
    try:
        service.start()
        service.notify(push_event("team/web", image().digest, tag="1"))
        assert service.stop() == 0
    finally:
        service.close()
    for path in service.data.glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return service.data


@pytest.mark.parametrize("name", series(("store.db", "journal.db"), short=1))
@pytest.mark.parametrize("damage", series(DAMAGES, short=1))
def test_a_damaged_file_ends_the_service_with_its_name_and_is_left_as_it_is(
    data_directory: Path, tmp_path: Path, name: str, damage: str
) -> None:
    service = Service(tmp_path)
    service.configure(REGSEARCH_REGISTRY=NO_REGISTRY)
    shutil.copytree(data_directory, service.data)
    path = service.data / name
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    log = tmp_path / "ended.log"
    program = service.command_in_background("serve", log=log)
    try:
        assert program.wait(60) == 2
        assert not service.processes()
    finally:
        program.kill()
        service.close()
    said = log_tail(log)
    (line, *_) = [line for line in said.splitlines() if line.startswith("regsearch: ")]
    assert str(path) in line
    assert "damaged" in line
    assert "Traceback" not in said
    assert path.read_bytes() == damaged
