"""Appending to the journal, with group commit.

Appends that arrive during a transaction share the next one. A burst of events then needs a few
syncs of the disk instead of one for each event. Each answer still waits until its own entries are
on disk.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from indexer.clock import Clock, rfc3339
from indexer.errors import JournalError, StoreError, UnusableFileError
from indexer.model import Item
from indexer.store import Journal, NotificationCount, NotificationResult

Items = Sequence[tuple[str, Item]]

CHECK_AGE = timedelta(seconds=1)
"""How long a check answers for the next ones: each syncs the disk, and anybody may ask for one."""
COUNT_SECONDS = 1.0
"""How often counts of notifications are written, because each time the disk is synced."""


class Appendable(Protocol):
    """The journal to append to: :class:`indexer.store.Journal`, or one that is opened later."""

    def append(self, items: Items, *, received_at: datetime) -> None:
        """Store all items, or none and raise :class:`JournalError`."""

    def count_notifications(self, counts: Sequence[NotificationCount]) -> None:
        """Add all counts, or none and raise :class:`JournalError`."""

    def check(self) -> None:
        """Raise :class:`JournalError` if nothing can be written now."""

    def close(self) -> None:
        """Close the file."""


@dataclass(slots=True)
class _Counted:
    """Notifications that are not written yet: how many, and when and by whom the newest."""

    number: int
    newest_at: datetime
    sender: str


class JournalWriter:
    """Appends to the journal from the event loop, in order, many requests at a time."""

    def __init__(self, journal: Appendable, *, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._waiting: list[tuple[Items, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._counts: dict[tuple[str, NotificationResult], _Counted] = {}
        self._counting: asyncio.Task[None] | None = None
        self._checked: tuple[datetime, str | None] | None = None
        self._checking = asyncio.Lock()

    async def find_problem(self) -> str | None:
        """Return why nothing can be appended now; None where it can."""
        async with self._checking:
            now = self._clock.now()
            if self._checked is None or now - self._checked[0] > CHECK_AGE:
                self._note(await self._check())
            return self._checked[1] if self._checked else None

    async def _check(self) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._journal.check)
        except (JournalError, RuntimeError) as error:
            return str(error)
        return None

    def _note(self, problem: str | None) -> None:
        self._checked = self._clock.now(), problem

    async def append(self, items: Items) -> None:
        """Return when ``items`` are on disk; :class:`JournalError` if they cannot be stored."""
        if not items:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((items, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            together = [item for items, _ in group for item in items]
            try:
                await loop.run_in_executor(self._thread, self._append, together)
            except (JournalError, ValueError, RuntimeError) as error:
                # ValueError: a text that SQLite cannot store. RuntimeError: this is already closed.
                # After any error, nobody may wait for ever.
                if isinstance(error, JournalError):
                    self._note(str(error))
                for _, done in group:
                    if not done.done():
                        done.set_exception(JournalError(str(error)))
            else:
                self._note(None)
                for _, done in group:
                    if not done.done():
                        done.set_result(None)

    def count(self, registry: str, result: NotificationResult, *, sender: str) -> None:
        """Count a notification. Counts are written at once, but only once a second."""
        counted = self._counts.get((registry, result))
        now = self._clock.now()
        if counted is None:
            self._counts[registry, result] = _Counted(1, now, sender)
        else:
            counted.number += 1
            counted.newest_at, counted.sender = now, sender
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._write_counts())

    async def _write_counts(self) -> None:
        loop = asyncio.get_running_loop()
        while self._counts:
            counts, self._counts = self._counts, {}
            try:
                await loop.run_in_executor(self._thread, self._write_counted, counts)
            except JournalError:
                # A full disk, say, of which the log tells already. They are written with the next.
                for key, counted in counts.items():
                    self._counts.setdefault(key, _Counted(0, counted.newest_at, counted.sender))
                    self._counts[key].number += counted.number
            await self._clock.sleep(COUNT_SECONDS)

    def _write_counted(self, counts: Mapping[tuple[str, NotificationResult], _Counted]) -> None:
        self._journal.count_notifications(
            [
                NotificationCount(registry, result, one.number, rfc3339(one.newest_at), one.sender)
                for (registry, result), one in counts.items()
            ]
        )

    def _append(self, items: Items) -> None:
        self._journal.append(items, received_at=self._clock.now())

    def close(self) -> None:
        """Wait for the present transaction, write the counts, then close the journal."""
        self._thread.shutdown()
        counts, self._counts = self._counts, {}
        if counts:
            with suppress(JournalError):
                self._write_counted(counts)
        self._journal.close()


log = structlog.get_logger()


class LateJournal:
    """The journal of a data directory; opened later if it cannot be opened at first.

    After it is made, only one thread at a time may use it.
    """

    def __init__(self, directory: Path) -> None:
        """Open the journal, if possible now.

        :class:`UnusableFileError` if a retry cannot help.
        """
        self._directory = directory
        self._journal: Journal | None = None
        try:
            self._open()
        except UnusableFileError:
            raise
        except StoreError as error:
            log.warning("journal_unavailable", reason=str(error))

    def append(self, items: Items, *, received_at: datetime) -> None:
        """Open the journal if it is not open, and append to it."""
        self._opened().append(items, received_at=received_at)

    def count_notifications(self, counts: Sequence[NotificationCount]) -> None:
        """Open the journal if it is not open, and add to its counts."""
        self._opened().count_notifications(counts)

    def check(self) -> None:
        """Open the journal if it is not open, and write to it."""
        self._opened().check()

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._journal is not None:
            self._journal.close()

    def _opened(self) -> Journal:
        try:
            return self._open()
        except StoreError as error:
            raise JournalError(f"the journal cannot be opened: {error}") from error

    def _open(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self._directory)
        return self._journal
