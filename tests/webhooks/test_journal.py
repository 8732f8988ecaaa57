"""Many requests share a transaction, and each is answered only when its entries are on disk."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from indexer.errors import JournalError, UnusableFileError
from indexer.model.event import Action, Event, Rejected
from indexer.model.names import RepositoryName
from indexer.store import Journal, NotificationResult
from tests.fakes.clock import START, ManualClock
from tests.webhooks.journals import (
    WatchedJournal,
    break_journal,
    broken_journal,
    kept_entries,
    kept_events,
    kept_notifications,
    kept_rejected,
    repair_journal,
)
from webhooks.journal import JournalWriter, LateJournal

pytestmark = pytest.mark.anyio


@pytest.fixture
def journal(tmp_path: Path) -> WatchedJournal:
    return WatchedJournal(tmp_path)


@pytest.fixture
def writer(journal: WatchedJournal) -> Iterator[JournalWriter]:
    made = JournalWriter(journal, clock=ManualClock())
    yield made
    journal.gate.set()
    made.close()


def item(number: int, *, actor: str = "") -> tuple[str, Event]:
    name = RepositoryName(f"r{number}")
    return "main", Event(Action.DELETE, name, event_id=f"e{number}", actor=actor)


async def waiting(
    writer: JournalWriter, journal: WatchedJournal, numbers: range
) -> asyncio.Task[list[BaseException | None]]:
    """Append one item each, all at once, behind one that is being written and held up."""
    journal.gate.clear()
    appends = [asyncio.create_task(writer.append([item(number)])) for number in numbers]
    while not journal.groups:
        await asyncio.sleep(0)
    return asyncio.create_task(_all(appends))


async def _all(appends: list[asyncio.Task[None]]) -> list[BaseException | None]:
    return await asyncio.gather(*appends, return_exceptions=True)


def kept_names(directory: Path) -> list[str | None]:
    return [event.repository for event in kept_events(directory)]


async def test_an_append_is_on_disk_when_it_returns(writer: JournalWriter, tmp_path: Path) -> None:
    await writer.append([item(1), ("main", Rejected("odd", b"body")), item(2)])
    entries = kept_entries(tmp_path)
    assert [entry.item for entry in entries] == [item(1)[1], item(2)[1]]
    assert {entry.received_at for entry in entries} == {START}
    assert kept_rejected(tmp_path) == [("main", "odd", b"body")]


async def test_nothing_to_append_costs_nothing(
    writer: JournalWriter, journal: WatchedJournal
) -> None:
    await writer.append([])
    assert journal.groups == []


async def test_what_arrives_while_one_is_written_shares_the_next_transaction(
    writer: JournalWriter, journal: WatchedJournal, tmp_path: Path
) -> None:
    all_done = await waiting(writer, journal, range(100))
    late = asyncio.create_task(writer.append([item(100)]))
    await asyncio.sleep(0)
    assert not late.done()
    assert not all_done.done()
    journal.gate.set()
    assert await all_done == [None] * 100
    await late
    assert sum(journal.groups) == 101
    assert len(journal.groups) <= 2
    # In the order in which they came.
    assert kept_names(tmp_path) == [f"r{number}" for number in range(101)]


async def test_a_failing_group_fails_all_of_its_requests_and_the_next_works(
    writer: JournalWriter, journal: WatchedJournal, tmp_path: Path
) -> None:
    with broken_journal(tmp_path):
        all_done = await waiting(writer, journal, range(20))
        journal.gate.set()
        errors = await all_done
    assert {type(error) for error in errors} == {JournalError}
    assert len({id(error) for error in errors}) == 20, "each request raises an error of its own"
    assert "cannot be written" in str(errors[0])
    assert kept_names(tmp_path) == []
    await writer.append([item(7)])
    assert kept_names(tmp_path) == ["r7"]


async def test_a_request_that_goes_away_takes_no_other_with_it(
    writer: JournalWriter, journal: WatchedJournal, tmp_path: Path
) -> None:
    journal.gate.clear()
    appends = [asyncio.create_task(writer.append([item(number)])) for number in range(3)]
    while not journal.groups:
        await asyncio.sleep(0)
    appends[0].cancel()
    appends[2].cancel()
    await asyncio.sleep(0)
    journal.gate.set()
    results = await _all(appends)
    assert [type(result) for result in results] == [
        asyncio.CancelledError,
        type(None),
        asyncio.CancelledError,
    ]
    assert "r1" in kept_names(tmp_path)


async def test_a_request_that_goes_away_from_a_failing_group_is_let_go(
    writer: JournalWriter, journal: WatchedJournal, tmp_path: Path
) -> None:
    with broken_journal(tmp_path):
        journal.gate.clear()
        append = asyncio.create_task(writer.append([item(1)]))
        while not journal.groups:
            await asyncio.sleep(0)
        append.cancel()
        await asyncio.sleep(0)
        journal.gate.set()
        await _all([append])
        with pytest.raises(JournalError):
            await writer.append([item(2)])
    assert append.cancelled()


async def test_an_item_that_sqlite_cannot_take_is_an_error_and_not_a_wait_for_ever(
    writer: JournalWriter, tmp_path: Path
) -> None:
    """After any failure of a group, no request waits for ever, and the next group is written."""
    with pytest.raises(JournalError):
        await writer.append([item(1, actor="\ud800")])
    await writer.append([item(2)])
    assert kept_names(tmp_path) == ["r2"]


async def test_an_event_that_comes_again_is_kept_once(
    writer: JournalWriter, tmp_path: Path
) -> None:
    same_id_elsewhere = ("second", item(1)[1])
    await asyncio.gather(writer.append([item(1)]), writer.append([item(1)]))
    await writer.append([item(1), same_id_elsewhere])
    assert [entry.registry for entry in kept_entries(tmp_path)] == ["main", "second"]


async def test_closing_waits_for_what_is_written_and_refuses_the_rest(tmp_path: Path) -> None:
    journal = WatchedJournal(tmp_path)
    writer = JournalWriter(journal, clock=ManualClock())
    append = asyncio.create_task(writer.append([item(1)]))
    while not journal.groups:
        await asyncio.sleep(0)
    writer.close()
    await append
    assert kept_names(tmp_path) == ["r1"]
    with pytest.raises(JournalError):
        await writer.append([item(2)])


# Counts of notifications


class WaitingClock(ManualClock):
    """A clock whose sleepers wait until the test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait for the test, then move the time on."""
        await self.go_on.wait()
        await super().sleep(seconds)


async def until_counted(journal: WatchedJournal, transactions: int) -> None:
    async with asyncio.timeout(10):
        while len(journal.counted) < transactions:
            await asyncio.sleep(0)


REFUSED, ACCEPTED = NotificationResult.REFUSED, NotificationResult.ACCEPTED


async def test_a_flood_of_notifications_is_counted_once_a_second(
    journal: WatchedJournal, tmp_path: Path
) -> None:
    clock = WaitingClock()
    writer = JournalWriter(journal, clock=clock)
    writer.count("main", REFUSED, sender="first")
    await until_counted(journal, 1)
    for number in range(1_000):
        writer.count("main", REFUSED, sender=f"10.0.0.{number % 7}")
    writer.count("main", ACCEPTED, sender="good")
    assert journal.counted == [1], "the first at once, the others together"
    clock.go_on.set()
    await until_counted(journal, 2)
    assert journal.counted == [1, 1_001]
    writer.close()
    kept = kept_notifications(tmp_path)
    assert (kept.total(REFUSED), kept.total(ACCEPTED)) == (1_001, 1)
    assert kept.by_result[REFUSED].sender == "10.0.0.5"


async def test_what_is_not_counted_yet_is_written_at_the_end(
    journal: WatchedJournal, tmp_path: Path
) -> None:
    writer = JournalWriter(journal, clock=WaitingClock())
    for _ in range(3):
        writer.count("main", REFUSED, sender="x")
        await until_counted(journal, 1)
    writer.close()
    assert journal.counted == [1, 2]
    assert kept_notifications(tmp_path).total(REFUSED) == 3


async def test_counts_outlast_a_full_disk(journal: WatchedJournal, tmp_path: Path) -> None:
    clock = WaitingClock()
    writer = JournalWriter(journal, clock=clock)
    journal.is_full = True
    writer.count("main", REFUSED, sender="x")
    journal.gate.clear()
    await asyncio.sleep(0.01)
    writer.count("main", REFUSED, sender="y")
    journal.gate.set()
    await asyncio.sleep(0.01)
    journal.is_full = False
    clock.go_on.set()
    await until_counted(journal, 1)
    writer.close()
    kept = kept_notifications(tmp_path)
    assert (kept.total(REFUSED), kept.by_result[REFUSED].sender) == (2, "y")


ITEM = ("main", Event(Action.DELETE, RepositoryName("a")))


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    """Give a folder where the lock file of the journal would be."""
    path = tmp_path / "journal.lock"
    path.mkdir()
    return path


def test_a_journal_that_can_be_opened_is_there_at_once(tmp_path: Path) -> None:
    journal = LateJournal(tmp_path)
    assert kept_entries(tmp_path) == []
    journal.append([ITEM], received_at=START)
    journal.close()
    assert kept_events(tmp_path) == [ITEM[1]]


def test_appends_are_refused_until_the_journal_can_be_opened(
    tmp_path: Path, in_the_way: Path
) -> None:
    with structlog.testing.capture_logs() as logged:
        journal = LateJournal(tmp_path)
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("journal_unavailable", "warning")
    ]
    for _ in range(2):
        with pytest.raises(JournalError, match=r"cannot be opened: .*journal\.lock"):
            journal.append([ITEM], received_at=START)
    in_the_way.rmdir()
    journal.append([ITEM], received_at=START)
    journal.close()
    assert len(kept_entries(tmp_path)) == 1


def test_one_that_was_never_opened_can_be_closed(tmp_path: Path, in_the_way: Path) -> None:
    LateJournal(tmp_path).close()


def test_a_damaged_journal_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(UnusableFileError, match=r"journal\.db"):
        LateJournal(tmp_path)


async def test_a_check_says_why_nothing_can_be_appended(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = JournalWriter(LateJournal(tmp_path), clock=clock)
    assert await writer.find_problem() is None
    break_journal(tmp_path)
    with pytest.raises(JournalError):
        await writer.append([item(1)])
    assert "entries" in (await writer.find_problem() or "")
    repair_journal(tmp_path)
    await writer.append([item(1)])
    assert await writer.find_problem() is None
    writer.close()
    clock.advance(2)
    assert await writer.find_problem() is not None


async def test_a_check_writes_at_most_once_a_second(tmp_path: Path) -> None:
    clock = ManualClock()
    writer, other = JournalWriter(LateJournal(tmp_path), clock=clock), Journal(tmp_path)
    before = other.version()
    for _ in range(5):
        await writer.find_problem()
    after = other.version()
    assert after > before
    await writer.find_problem()
    assert other.version() == after
    clock.advance(2)
    await writer.find_problem()
    assert other.version() > after
    writer.close()
    other.close()
