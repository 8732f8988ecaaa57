"""Back up a service that is being notified, again and again, and restore each backup.

``python -m tests.attack.backups --times 100`` is the long form of ``test_backup.py``.
"""

import argparse
import json
import sqlite3
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.processes import kill_process
from tests.end_to_end.service import Service
from tests.fakes.events import push_event

A_SECOND = 50
"""Notifications."""
REPOSITORIES = 10
HISTORY = "history/app"
BATCH = 10
"""Of so many restored services one is started."""
CRAWL_SECONDS = 300
"""The tags of the load have moved on, and each is looked at again for some eight seconds."""


@dataclass(slots=True)
class Load:
    """Notifications that go on until the end: when each was acknowledged, by its event id."""

    service: Service
    registry: StubRegistry
    acknowledged: dict[str, datetime] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Push and notify, a fixed number a second."""
        number, begun = 0, time.monotonic()
        while not self._over.is_set():
            number += 1
            name, built = f"load/app-{number % REPOSITORIES}", image(seed=f"load-{number}")
            self.registry.push(name, f"1.{number // REPOSITORIES % 5}", built)
            event = push_event(name, built.digest, tag=f"1.{number // REPOSITORIES % 5}")
            answer = self.service.post_notification(event)
            if answer.status_code == 202:
                self.acknowledged[event["id"]] = datetime.now(UTC)
            else:
                self.refused.append(answer.status_code)
            time.sleep(max(0.0, begun + number / A_SECOND - time.monotonic()))

    def stop(self) -> None:
        """Send nothing more."""
        self._over.set()


@contextmanager
def load(service: Service, registry: StubRegistry) -> Iterator[Load]:
    """Notify a running service as long as this is entered."""
    made = Load(service, registry)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()


def push_history(service: Service, registry: StubRegistry) -> list[str]:
    """Move one tag three times; return its history."""
    for number in range(3):
        built = image(seed=f"history-{number}")
        registry.push(HISTORY, "1.0", built)
        service.notify(push_event(HISTORY, built.digest, tag="1.0", at=datetime.now(UTC)))
        service.wait_until_found(f"digest:{built.digest}")
    return history_of(service)


def back_up(service: Service, file: Path) -> tuple[datetime, datetime]:
    """Back up into a file; return when this began, and the time that the backup is of."""
    begun = datetime.now(UTC)
    ended = service.command("backup", str(file))
    assert ended.returncode == 0, f"regsearch backup: {ended.returncode} {ended.stderr}"
    with tarfile.open(file) as archive:
        described = archive.extractfile("backup.json")
        assert described is not None
        return begun, datetime.fromisoformat(json.load(described)["taken_at"])


def check_databases(directory: Path, load: Load, *, taken_at: datetime) -> int:
    """Check what a restore made, before anything is started; return how many events must be in it.

    Both files are whole, they fit together, and no event is missing that was acknowledged before.
    """
    events: set[str] = set()
    newest = 0
    for name in ("journal.db", "store.db"):
        with closing(sqlite3.connect(f"file:{directory / name}?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
            if name == "journal.db":
                events = {row[0] for row in database.execute("SELECT event_id FROM entries")}
                (newest,) = database.execute(
                    "SELECT seq FROM sqlite_sequence WHERE name = 'entries'"
                ).fetchone()
            else:
                query = "SELECT position FROM positions WHERE name = 'journal'"
                (position,) = database.execute(query).fetchone()
                assert position <= newest, "the store knows entries that the journal does not have"
    due = {event for event, at in load.acknowledged.copy().items() if at <= taken_at}
    assert due <= events, f"{len(due - events)} acknowledged events are missing"
    return len(due)


def history_of(service: Service) -> list[str]:
    """Return the digests that the tag with a history pointed at, newest first."""
    tag = service.get(f"/api/v1/tags/default/{HISTORY}:1.0").json()
    return [move["digest"] for move in tag["history"]]


def tags_of(service: Service) -> dict[str, str]:
    """Return the digest of each tag that searches find."""
    return {
        f"{image.repository}:{tag}": image.digest
        for image in service.everything("repo:load/*")
        for tag in image.tags
    }


def main() -> None:
    """Do it ``--times`` and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder, StubRegistry() as registry:
        service = Service(Path(folder))
        service.configure(REGSEARCH_REGISTRY=registry.url)
        try:
            print(run(service, registry, Path(folder), times=times))
        finally:
            service.close()
            for pid in service.processes():
                kill_process(pid)


def run(service: Service, registry: StubRegistry, folder: Path, *, times: int) -> str:
    """Back up and restore under load; return the figures. Every failure is an AssertionError."""
    service.start()
    service.wait_until_idle()
    history = push_history(service, registry)
    seconds, checked = [], 0
    with load(service, registry) as made:
        time.sleep(0.5)
        for number in range(times):
            file = folder / f"backup-{number}.tar"
            begun = time.monotonic()
            asked_at, taken_at = back_up(service, file)
            seconds.append(time.monotonic() - begun)
            assert asked_at <= taken_at <= datetime.now(UTC)
            assert file.stat().st_mode & 0o777 == 0o600
            copy = Service(folder / f"restored-{number}")
            copy.data.parent.mkdir()
            copy.configure(REGSEARCH_REGISTRY=registry.url)
            try:
                ended = copy.command("restore", str(file))
                assert ended.returncode == 0, f"regsearch restore: {ended.stderr}"
                checked += check_databases(copy.data, made, taken_at=taken_at)
                if number % BATCH == BATCH - 1 or number == times - 1:
                    check_answers(copy, history)
            finally:
                copy.close()
            file.unlink()
    assert made.refused == [], f"{len(made.refused)} notifications were refused"
    assert len(made.acknowledged) > 0
    seconds.sort()
    return (
        f"{times} backups beside {A_SECOND} notifications a second: {checked} acknowledged events"
        f" looked for and found, a backup takes {seconds[len(seconds) // 2]:.1f} s"
    )


def check_answers(copy: Service, history: list[str]) -> None:
    """Start a restored service: it crawls by itself, and its history is that of before."""
    before = datetime.now(UTC)
    copy.start()
    copy.wait_until(
        lambda: (copy.status()["last_complete_crawl_started_at"] or "") > before.isoformat(),
        CRAWL_SECONDS,
        "a crawl that began after the restore is complete",
    )
    assert history_of(copy) == history
    assert copy.stop() == 0


if __name__ == "__main__":
    main()
