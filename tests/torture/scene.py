"""A registry in this process, the service beside it, and all facts about both."""

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.model.event import Command
from indexer.store import Journal
from tests.end_to_end.processes import RunningProgram
from tests.fakes.content import Content
from tests.fakes.notifier import IGNORE_ACTIONS, IGNORE_MEDIA_TYPES, Endpoint
from tests.fakes.registry import FakeRegistry, Fault
from tests.fakes.serving import serving
from tests.torture import checks, states
from tests.torture.checks import Findings
from tests.torture.deliveries import Delivery, Ledger
from tests.torture.history import History
from tests.torture.processes import HELD_BACK, SECRET, Processes, TortureError, wait_for
from tests.torture.steps import INDEXER

REGISTRY = "default"
IDLE_SECONDS = 60.0
RETRY_SECONDS = 0.1
ATTEMPTS = 10
CATALOG_PAGE = 4
LONG_AGO = "2020-01-02T03:04:05.000000Z"


class Reading(Fault):
    """Kills the one who asks the registry, at the n-th request; nobody takes the answer."""

    def __init__(self, kill: Callable[[], None], *, times: int) -> None:
        super().__init__("^(GET|HEAD) ", Response(status_code=503))
        self._kill = kill
        self._left = times
        self.is_over = False

    def applies(self, line: str) -> bool:
        """Count a request; True for the one that is not answered any more."""
        self._left -= 1
        if self._left:
            return False
        self._kill()
        self.is_over = True
        return True


class SmallPages(Fault):
    """Answers the catalog a few repositories at a time, so that a crawl can be cut anywhere."""

    def __init__(self, content: Content) -> None:
        super().__init__("^GET /v2/_catalog", self._page)
        self._content = content

    def _page(self, request: Request) -> Response:
        names = self._content.names(after=request.query_params.get("last", ""), with_empty=False)
        page = names[:CATALOG_PAGE]
        following = urlencode({"last": page[-1], "n": CATALOG_PAGE}) if names[len(page) :] else ""
        headers = {"Link": f'</v2/_catalog?{following}>; rel="next"'} if following else {}
        return JSONResponse({"repositories": page}, headers=headers)


class Scene:
    """Everything one run of the torture works on; a data directory that lives through all of it."""

    def __init__(self, folder: Path, *, seed: str) -> None:
        self.ledger = Ledger()
        self.processes = Processes(folder)
        chance = random.Random(f"{seed}/deliveries")
        delivery = Delivery(self.ledger, chance, network=httpx2.AsyncHTTPTransport())
        endpoint = Endpoint(
            f"http://{self.processes.host}/webhooks/{REGISTRY}",
            {"Authorization": f"Bearer {SECRET}"},
            ignore_actions=IGNORE_ACTIONS,
            ignore_media_types=IGNORE_MEDIA_TYPES,
            backoff=RETRY_SECONDS,
            transport=delivery,
        )
        self.registry = FakeRegistry(endpoints=[endpoint], delete_by_tag=True)
        self.history = History(
            self.registry, self.ledger, chance=random.Random(seed), pause=time.sleep
        )
        self.registry.faults.append(SmallPages(self.registry.content))
        self._pruned: set[str] = set()
        self._index_was_removed = False
        self.held_back = 0
        self._serving = serving(self.registry.app)

    def __enter__(self) -> Self:
        self.processes.serve(self._serving.__enter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.processes.stop()
        self._serving.__exit__(kind, error, trace)

    # Asking for work

    def ask(self, command: Command) -> None:
        """Ask for a crawl or a rebuild through the journal, as the command line does."""
        journal = Journal(self.processes.data)
        registry = REGISTRY if command is Command.CRAWL else ""
        journal.append([(registry, command)], received_at=datetime.now(UTC))
        journal.close()

    def command(self, command: Command) -> RunningProgram:
        """Start the command for a crawl or a rebuild; it does the work itself if it must."""
        word = "backfill" if command is Command.CRAWL else "rebuild"
        return self.processes.command_in_background(word)

    def backfill(self) -> Iterator[str]:
        """Read the whole registry, accept what is held back, and yield what is wrong with that."""
        before = self._tags()
        ended = self.processes.command("backfill")
        if ended.returncode == 1 and HELD_BACK in ended.stderr:
            self.held_back += 1
            for place in sorted(before.keys() - self._tags().keys(), key=str):
                yield f"{place} was hidden by a crawl that was held back"
            ended = self.processes.command("reconcile", "--accept")
        if ended.returncode != 0:
            yield f"a command ended with {ended.returncode}: {ended.stderr}{ended.stdout}"

    def _tags(self) -> states.Tags:
        with states.opened(self.processes.data) as store:
            return states.tags_of_store(store)

    def age_journal(self, chance: random.Random) -> None:
        """Make about half of the entries that are taken in as old as those that are dropped."""
        with states.opened(self.processes.data) as store:
            (position,) = store.execute("SELECT max(position) FROM positions").fetchone()
        journal = sqlite3.connect(self.processes.data / "journal.db", timeout=20)
        with journal:
            ids = journal.execute("SELECT id, event_id FROM entries WHERE id <= ?", [position])
            chosen = [row for row in ids.fetchall() if chance.random() < 0.5]
            journal.executemany(
                "UPDATE entries SET received_at = ? WHERE id = ?",
                [(LONG_AGO, entry_id) for entry_id, _ in chosen],
            )
        journal.close()
        self._pruned |= {event_id for _, event_id in chosen}

    def remove_search_index(self) -> None:
        """Remove the search index, which can be made again at any time."""
        shutil.rmtree(self.processes.data / "search-index")
        self._index_was_removed = True

    @contextmanager
    def killing_reader(self, *, times: int) -> Iterator[Reading]:
        """Kill the indexer when it asks the registry for the n-th time from now."""
        pid = self.processes.pid(INDEXER)
        reading = Reading(lambda: os.kill(pid, signal.SIGKILL), times=times)
        self.registry.faults.insert(0, reading)
        try:
            yield reading
        finally:
            self.registry.faults.remove(reading)

    # Looking

    def is_idle(self) -> bool:
        """Tell whether everything that was told is taken in, read, stored and searchable."""
        return self._what_waits() == ""

    def wait_until_idle(self) -> None:
        """Return once there is nothing left to do; :class:`TortureError` when that never is."""
        self.wait_until(self.is_idle, "idle")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Return once a condition holds; :class:`TortureError` lists the waiting work."""
        try:
            wait_for(condition, IDLE_SECONDS, what)
        except TortureError as error:
            raise TortureError(f"{error}: {self._what_waits()}") from error

    def _what_waits(self) -> str:
        pending = self.registry.notifier.pending
        if pending:
            return f"{pending} notifications are not delivered"
        data = self.processes.data
        try:
            with states.opened(data) as store:
                waits = states.waiting(store)
                live = store.execute("SELECT generation FROM search_index").fetchall()
            if (data / "indexer.pid").read_text() != f"{self.processes.pid(INDEXER)}\n":
                return "the indexer has not started yet"
            found = checks.generations(data)
        except (sqlite3.Error, FileNotFoundError) as error:
            return str(error)
        if waits:
            return str(waits)
        if [(name,) for name in found] != live:
            return f"the search index has the generations {found}, of which {live} is live"
        return "" if self.processes.is_ready() else "web is not ready"

    def answers_twice(self) -> list[str]:
        """Return what searches answer twice at this moment, or that they are not answered."""
        try:
            found = states.answered_documents(self.processes.http, self.history.built)
        except httpx2.HTTPStatusError as error:
            return [f"{error}: {error.response.text}"]
        return list(found.twice)

    def examine(self, *, crawled: bool) -> Findings:
        """Return all failures of an idle service.

        ``crawled`` says that a complete crawl followed the last change, so nothing may differ from
        the registry. Otherwise tags may differ if no event told their last change, and quarantined
        tags may too.
        """
        truth = states.tags_of_registry(self.registry)
        data, built = self.processes.data, self.history.built
        with self.ledger.lock:
            unheard = set() if crawled else set(self.ledger.unheard)
        for _ in range(ATTEMPTS):
            self.wait_until_idle()
            with states.opened(data) as store:
                found = states.tags_of_store(store)
                excused = set() if crawled else unheard | states.held_back(store)
                findings = Findings(
                    half_applied=[
                        *checks.half_applied(
                            store, self.ledger, generations=checks.generations(data)
                        )
                    ],
                    lost=[*checks.lost(store, self.ledger, pruned=self._pruned)],
                    differences=[
                        *checks.untold(store, self.ledger),
                        *checks.unlike(found, truth, unheard=excused),
                    ],
                )
            answered = states.answered_documents(self.processes.http, built)
            with states.opened(data) as store:
                is_same = states.tags_of_store(store) == found and not states.waiting(store)
            if is_same:
                expected = states.derive_documents(truth if crawled else found, built)
                findings.differences.extend(checks.different(answered, expected))
                found_broken = checks.healed(self.processes.new_log())
                if not self._index_was_removed:
                    findings.half_applied.extend(found_broken)
                self._index_was_removed = False
                return findings
        raise TortureError("the service never stays idle although nothing changes")
