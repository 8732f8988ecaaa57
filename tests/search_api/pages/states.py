"""States of a service that operators meet, written as the indexer writes them."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from indexer.clock import rfc3339
from indexer.model.event import Rejected
from indexer.model.names import RepositoryName
from indexer.store import (
    DamagedRow,
    Journal,
    NotificationCount,
    NotificationResult,
    Priority,
    RebuildProgress,
    RefreshKind,
    RefreshTarget,
    Store,
)
from tests.fakes.clock import START, ManualClock

REFUSED = "GET /v2/_catalog?n=1000: ConnectError All connection attempts failed"
UNTRUSTED = (
    "GET /v2/_catalog?n=1000: ConnectError [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify"
    " failed: self-signed certificate (_ssl.c:1006)"
)
HOSTILE = "<script>alert(1)</script> \u202egnp.exe </code></details><b>"


class States:
    """Writes states of registries into a data directory; each is one transaction."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.store = store
        self.journal = journal

    def registry(self, name: str, *, notifies: bool = True, is_told: bool = True) -> int:
        """Write a registry that sends notifications, and has sent one if ``is_told``."""
        with self.store.transaction():
            host = f"{name}.example"
            row = self.store.registries.put(
                name, url=f"http://{host}", registry_host=host, notifies=notifies
            )
        if is_told and notifies:
            self.count(name, NotificationResult.ACCEPTED, 7)
        return row.id

    def count(self, name: str, result: NotificationResult, number: int) -> None:
        """Write that notifications came."""
        counted = NotificationCount(name, result, number, rfc3339(START), "10.0.0.5")
        self.journal.count_notifications([counted])

    def crawl(self, name: str, *, catalog_error: str = "") -> None:
        """Write that a registry was read whole, or without its catalog."""
        number = self.registry(name)
        with self.store.transaction():
            crawl = self.store.registries.start_crawl(number, at=START)
            if catalog_error:
                self.store.registries.refuse_catalog(crawl, reason=catalog_error, repositories=3)
            else:
                self.store.registries.save_catalog_page(crawl, resume="", repositories=3)
            self.store.registries.finish_crawls(number, at=START)

    def read(self, name: str, *, done: int, waiting: int, is_full: bool = True) -> None:
        """Write that a registry is being read, whole or by a short crawl."""
        number = self.registry(name)
        with self.store.transaction():
            crawl = self.store.registries.start_crawl(number, at=START, is_full=is_full)
            self.store.registries.save_catalog_page(crawl, resume="", repositories=done)
            self.store.registries.count_crawl_work(crawl, refreshes=done)
            targets = [
                RefreshTarget(RefreshKind.REPOSITORY, RepositoryName(f"r{number}"))
                for number in range(waiting)
            ]
            self.store.queue.add(
                number, targets, priority=Priority.CRAWL, due_at=START, crawl_id=crawl
            )

    def wait(self, name: str, number_of_places: int) -> None:
        """Write that places of a registry wait to be read."""
        number = self.registry(name)
        targets = [
            RefreshTarget(RefreshKind.TAG, RepositoryName("team/web"), f"t{number}")
            for number in range(number_of_places)
        ]
        with self.store.transaction():
            self.store.queue.add(number, targets, priority=Priority.EVENT, due_at=START)

    def fail(self, name: str, reason: str, *, pause_seconds: float = 0) -> None:
        """Write that a registry cannot be read, and is left alone for a time."""
        number = self.registry(name)
        with self.store.transaction():
            self.store.registries.set_error(number, reason, at=START)
            if pause_seconds:
                until = START + timedelta(seconds=pause_seconds)
                self.store.registries.pause(number, until=until, reason=reason)

    def fail_place(
        self, name: str, target: RefreshTarget, reason: str, *, is_set_aside: bool = False
    ) -> None:
        """Write that a place cannot be read: it is set aside, or tried again in 8 seconds."""
        number = self.registry(name)
        with self.store.transaction():
            queue = self.store.queue
            queue.add(number, [target], priority=Priority.EVENT, due_at=START)
            due = queue.due(number, START, limit=1_000)
            refresh = next(one for one in due if one.target == target)
            if is_set_aside:
                queue.set_aside(refresh, reason=reason)
            else:
                queue.requeue(refresh, due_at=START + timedelta(seconds=8), reason=reason)

    def reject(self, name: str, reason: str) -> None:
        """Write that an event of a registry cannot be used."""
        self.journal.append([(name, Rejected(reason, b"{}"))], received_at=START)

    def restart(self, name: str) -> None:
        """Write that events of another run of the registry process came."""
        number = self.registry(name)
        with self.store.transaction():
            for source in ("one", "other"):
                self.store.registries.set_source(number, source, at=START + timedelta(seconds=1))

    def damage(self, row: DamagedRow) -> None:
        """Write that a row could not be read."""
        with self.store.transaction():
            self.store.damage.remember([row], at=START)

    def rebuild(self, done: int, total: int) -> None:
        """Write that the search index is being made again, after all was looked through."""
        with self.store.transaction():
            self.store.search_index.set_rebuild(RebuildProgress(done, total))
            self.store.extraction.ask()


@contextmanager
def changed_state(directory: Path, *, of: Path | None = None) -> Iterator[States]:
    """Give what writes states into a data directory, which is a copy of another one if named.

    The indexer is alive then, and has taken in all of the journal.
    """
    if of is not None:
        shutil.copytree(of, directory, dirs_exist_ok=True)
    with closing(Store(directory)) as store, closing(Journal(directory)) as journal:
        yield States(store, journal)
        with store.transaction():
            store.set_journal_position(journal.newest())
            store.set_alive(ManualClock().now())


def write_all(states: States) -> None:
    """Write every state at once: one registry for each."""
    states.fail("dead", REFUSED, pause_seconds=40)
    states.crawl("dead")
    states.read("edge", done=140, waiting=200)
    states.fail("edge-two", UNTRUSTED)
    states.crawl("listless", catalog_error="GET /v2/_catalog?n=1000: 401 {}")
    states.registry("quiet", notifies=False)
    states.crawl("silent")
    states.registry("untold", is_told=False)
    states.restart("silent")
    states.count("silent", NotificationResult.REFUSED, 12)
    name = RepositoryName("team/web")
    tag = RefreshTarget(RefreshKind.TAG, name, "1.1")
    digest = RefreshTarget(RefreshKind.DIGEST, name, "sha256:" + "ab" * 32)
    attached = RefreshTarget(RefreshKind.REFERRERS, name, "sha256:" + "cd" * 32)
    tags = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("team/api"))
    states.fail_place(
        "silent", tag, "GET /v2/team/web/manifests/1.1: 200 x: no JSON object", is_set_aside=True
    )
    states.fail_place("silent", digest, f"KeyError: {HOSTILE}", is_set_aside=True)
    states.fail_place("silent", attached, "many events wait")
    states.fail_place("silent", tags, "GET /v2/team/api/tags/list: 503 busy")
    states.reject("silent", "no list of events")
    states.reject("silent", f"unknown action {HOSTILE!r}")
    states.damage(DamagedRow("tags", "repository_id=3, name='1.1'", "digest: no digest", ""))
    states.rebuild(3, 9)
