"""The journal keeps every acknowledged event once, in order."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.clock import rfc3339
from indexer.errors import JournalError, StoreError
from indexer.model.event import Action, Command, Event, Rejected
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.store import (
    Entry,
    Journal,
    JournalCounts,
    NotificationCount,
    NotificationResult,
)
from indexer.store.journal import PRUNED_AT_ONCE, REJECTED_BODY_MAX
from indexer.store.notifications import REFUSALS_MAX
from tests.indexer.store.stored import NOW, at

PUSH = Event(
    action=Action.PUSH,
    repository=RepositoryName("team/web"),
    tag=TagName("latest"),
    digest=Digest("sha256:" + "a" * 64),
    event_id="one",
    occurred_at=at(-1),
    actor="ada",
    source="process-1",
)
REFUSED = Rejected("no list of events", b"{}")

APPEND_AND_DIE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from indexer.model.event import Action, Event
from indexer.store import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(20):
    event = Event(Action.PUSH, event_id=str(number))
    journal.append([("default", event)], received_at=datetime.now(UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""
FILL_THE_DISK = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from indexer.errors import JournalError
from indexer.model.event import Action, Event
from indexer.store import Journal
journal = Journal(Path(sys.argv[1]))
def append(*numbers):
    events = [("default", Event(Action.PUSH, event_id=str(number))) for number in numbers]
    journal.append(events, received_at=datetime.now(UTC))
append("before")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = Path(sys.argv[1], "journal.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8192, hard))
try:
    append(*range(1000))
except JournalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
append("after")
journal.close()
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def append(journal: Journal, *items: Event | Command | Rejected, registry: str = "default") -> None:
    journal.append([(registry, item) for item in items], received_at=NOW)


def events(journal: Journal, position: int = 0) -> list[Event]:
    return events_in(journal.entries_after(position, limit=10_000)[0])


def events_in(entries: Sequence[Entry]) -> list[Event]:
    return [entry.item for entry in entries if isinstance(entry.item, Event)]


def push(event_id: str) -> Event:
    return Event(Action.PUSH, event_id=event_id)


def ids(journal: Journal, position: int = 0, *, limit: int = 10_000) -> list[str]:
    entries, _ = journal.entries_after(position, limit=limit)
    return [event.event_id for event in events_in(entries)]


@pytest.mark.parametrize(
    "event",
    [
        PUSH,
        replace(PUSH, action=Action.DELETE, tag=None, actor="", source="", occurred_at=None),
        replace(PUSH, actor="naïve \x00 \U0001f600", source="'; DROP TABLE entries --"),
    ],
)
def test_an_event_comes_back_as_it_went_in(journal: Journal, event: Event) -> None:
    append(journal, event)
    (entry,), _ = journal.entries_after(0, limit=10)
    assert (entry.registry, entry.received_at, entry.item) == ("default", NOW, event)


@pytest.mark.parametrize("command", Command)
def test_a_command_is_stored_as_its_value_and_comes_back(
    journal: Journal, tmp_path: Path, command: Command
) -> None:
    """These values are in journals of other versions, which an upgrade or its undoing reads."""
    append(journal, command, registry="")
    (entry,), _ = journal.entries_after(0, limit=10)
    assert (entry.registry, entry.item) == ("", command)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        row = connection.execute(
            "SELECT action, repository, tag, digest, event_id, occurred_at, actor, source,"
            " rejected_reason, rejected_body FROM entries"
        ).fetchone()
    assert row == (command.name.lower(), *(None,) * 5, "", "", None, None)


def test_an_event_of_the_year_one_comes_back_too(journal: Journal) -> None:
    """Regression: what Go prints for "no time" was written as ``1-01-01`` and not read again."""
    zero = replace(PUSH, occurred_at=datetime(1, 1, 1, tzinfo=UTC))
    append(journal, zero)
    assert events(journal) == [zero]


def test_entries_come_in_the_order_they_were_appended_a_part_at_a_time(journal: Journal) -> None:
    names = [str(number) for number in range(25)]
    append(journal, *map(push, names[:10]))
    append(journal, *map(push, names[10:]))
    position, found = 0, list[str]()
    while True:
        entries, reached = journal.entries_after(position, limit=4)
        if reached == position:
            break
        assert len(entries) <= 4
        position, found = reached, found + [event.event_id for event in events_in(entries)]
    assert found == names
    assert position == journal.newest()


def test_an_event_that_is_sent_again_is_kept_once(journal: Journal) -> None:
    append(journal, PUSH, PUSH)
    append(journal, replace(PUSH, actor="somebody else"), push("two"))
    assert events(journal) == [PUSH, push("two")]


def test_the_same_id_from_another_registry_is_another_event(journal: Journal) -> None:
    append(journal, PUSH)
    append(journal, PUSH, registry="other")
    entries, _ = journal.entries_after(0, limit=10)
    assert [entry.registry for entry in entries] == ["default", "other"]


def test_events_without_an_id_and_rejected_ones_are_never_taken_for_the_same(
    journal: Journal,
) -> None:
    append(journal, push(""), push(""), REFUSED, REFUSED)
    assert ids(journal) == ["", ""]
    assert journal.counts(0) == {"default": JournalCounts(waiting=2, rejected=2)}


def test_a_row_that_breaks_another_rule_is_an_error_and_not_passed_over(journal: Journal) -> None:
    """Regression: ``INSERT OR IGNORE`` acknowledges and drops whatever does not fit a column."""
    with pytest.raises(JournalError, match="NOT NULL"):
        append(journal, push("one"), replace(PUSH, actor=None))  # type: ignore[arg-type]
    assert ids(journal) == []


def test_rejected_entries_are_kept_with_reason_and_capped_body(
    tmp_path: Path, journal: Journal
) -> None:
    append(journal, Rejected("r" * 2_000, b"x" * (REJECTED_BODY_MAX + 1)))
    append(journal, REFUSED, registry="other")
    shown = journal.rejected(limit=10)
    assert [(row[0], row[2]) for row in shown] == [
        ("other", "no list of events"),
        ("default", "r" * 1_000),
    ]
    assert {row[1] for row in shown} == {"2026-03-01T12:00:00.000000Z"}
    assert len(journal.rejected(limit=1)) == 1
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        bodies = connection.execute("SELECT rejected_body FROM entries ORDER BY id").fetchall()
    assert bodies == [(b"x" * REJECTED_BODY_MAX,), (b"{}",)]


def test_the_position_moves_past_rejected_entries(journal: Journal) -> None:
    append(journal, REFUSED, REFUSED, REFUSED, push("one"), REFUSED)
    entries, reached = journal.entries_after(0, limit=2)
    assert entries == []
    assert ids(journal, reached, limit=2) == ["one"]
    _, end = journal.entries_after(reached, limit=10)
    assert journal.entries_after(end, limit=10) == ([], end)
    assert end == journal.newest()


def test_counts_are_of_each_registry_and_behind_the_position(journal: Journal) -> None:
    append(journal, push("1"), REFUSED)
    position = journal.newest()
    append(journal, push("2"), push("3"))
    append(journal, push("4"), registry="other")
    assert journal.counts(position) == {
        "default": JournalCounts(waiting=2, rejected=1),
        "other": JournalCounts(waiting=1, rejected=0),
    }
    assert journal.counts(journal.newest()) == {"default": JournalCounts(waiting=0, rejected=1)}


def test_pruning_drops_only_what_is_old_and_was_taken_in(journal: Journal) -> None:
    for number in range(4):
        journal.append([("default", push(str(number)))], received_at=at(number))
    position = journal.newest() - 2
    assert journal.prune(position, received_before=at(1)) == 1
    assert ids(journal) == ["1", "2", "3"]
    assert journal.prune(position, received_before=at(100)) == 1
    assert ids(journal) == ["2", "3"]


def test_pruning_drops_the_oldest_a_few_at_a_time_so_that_nobody_waits_for_long(
    journal: Journal,
) -> None:
    """Regression: a week's entries went in one transaction, and senders waited all that time."""
    append(journal, *[push(str(number)) for number in range(PRUNED_AT_ONCE + 2)])
    position = journal.newest()
    assert journal.prune(position, received_before=at(1)) == PRUNED_AT_ONCE
    assert ids(journal) == [str(PRUNED_AT_ONCE), str(PRUNED_AT_ONCE + 1)]
    assert journal.prune(position, received_before=at(1)) == 2
    assert journal.prune(position, received_before=at(1)) == 0


def test_numbers_go_on_after_everything_was_pruned(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    append(journal, push("1"), push("2"))
    before = journal.newest()
    assert journal.prune(before, received_before=at(1)) == 2
    assert journal.newest() == before
    journal.close()
    journal = Journal(tmp_path)
    append(journal, push("3"))
    assert ids(journal, before) == ["3"]
    journal.close()


def test_entries_of_a_journal_that_replaces_a_lost_one_are_behind_the_old_position(
    tmp_path: Path,
) -> None:
    """Regression: a damaged journal that was put away made the store pass over as many entries.

    The store remembers the position in the old journal; a new one must not begin at 1.
    """
    Journal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection, connection:
        # As if the old journal had been made a minute ago, and had no entry yet.
        connection.execute("UPDATE sqlite_sequence SET seq = seq - 60 * 1000000")
    journal = Journal(tmp_path)
    append(journal, *map(push, "abc"))
    position = journal.newest()
    journal.close()
    for file in tmp_path.glob("journal.*"):
        file.unlink()
    journal = Journal(tmp_path)
    append(journal, push("first of the new one"))
    assert ids(journal, position) == ["first of the new one"]
    journal.close()


def test_appending_is_all_or_nothing(journal: Journal) -> None:
    with pytest.raises(JournalError):
        append(journal, push("1"), replace(PUSH, source=None))  # type: ignore[arg-type]
    append(journal, push("1"))
    assert ids(journal) == ["1"]


def test_every_commit_is_flushed_to_disk(tmp_path: Path, journal: Journal) -> None:
    """2 is FULL: with WAL, anything less may lose the last commits with the power."""
    assert journal._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_was_appended_survives_a_kill(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", APPEND_AND_DIE, str(tmp_path)], check=False)
    assert dead.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    assert ids(journal) == [str(number) for number in range(20)]
    journal.close()


def test_a_full_disk_refuses_the_whole_append_and_later_ones_work(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "the journal cannot be written: " in done.stdout
    journal = Journal(tmp_path)
    assert ids(journal) == ["before", "after"]
    journal.close()


def test_a_file_that_may_not_grow_refuses_and_keeps_what_it_has(journal: Journal) -> None:
    append(journal, push("before"))
    pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
    journal._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full"):
        append(journal, *[push(str(number)) for number in range(5_000)])
    journal._database.execute("PRAGMA max_page_count = 100000")
    append(journal, push("after"))
    assert ids(journal) == ["before", "after"]


def test_a_locked_file_refuses_to_append_and_to_prune_until_it_is_free(
    tmp_path: Path, journal: Journal
) -> None:
    append(journal, push("before"))
    journal._database.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            append(journal, push("refused"))
        with pytest.raises(JournalError, match="locked"):
            journal.prune(journal.newest(), received_before=at(1))
        assert ids(journal) == ["before"]
        other.execute("ROLLBACK")
    append(journal, push("after"))
    assert ids(journal) == ["before", "after"]


def test_a_read_only_journal_refuses_to_append_and_sees_what_others_append(
    tmp_path: Path, journal: Journal
) -> None:
    reader = Journal(tmp_path, read_only=True)
    with pytest.raises(JournalError, match="readonly"):
        append(reader, PUSH)
    append(journal, PUSH)
    assert events(reader) == [PUSH]
    reader.close()


def test_a_file_that_is_damaged_while_it_is_open_is_named(tmp_path: Path, journal: Journal) -> None:
    append(journal, *[push(str(number)) for number in range(2_000)])
    journal.close()
    path = tmp_path / "journal.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 2))
    damaged = Journal(tmp_path, read_only=True)
    with pytest.raises(StoreError, match=r"journal\.db: "):
        damaged.entries_after(0, limit=10_000)
    damaged.close()


# Notifications


def count(
    number: int, second: float, *, sender: str = "x", registry: str = "main"
) -> NotificationCount:
    return NotificationCount(
        registry, NotificationResult.REFUSED, number, rfc3339(at(second)), sender
    )


def test_refused_notifications_are_counted_since_a_time_and_over_restarts(tmp_path: Path) -> None:
    for counted in (count(3, 1), count(4, 2, sender="y"), count(5, 2, registry="second")):
        with closing(Journal(tmp_path)) as journal:
            journal.count_notifications([counted])
    with closing(Journal(tmp_path, read_only=True)) as journal:
        for since, refused in ((None, 7), (at(1), 7), (at(2), 4), (at(3), 0)):
            found = journal.notifications({"main": rfc3339(since) if since else None})["main"]
            assert found.refused_since == refused
        assert found.total(NotificationResult.REFUSED) == 7
        assert found.by_result[NotificationResult.REFUSED].sender == "y"
        assert (found.received_at, found.total(NotificationResult.ACCEPTED)) == (None, 0)


def test_a_flood_of_refused_notifications_is_kept_in_few_rows(tmp_path: Path) -> None:
    """Those of the last seconds; the total stays."""
    with closing(Journal(tmp_path)) as journal:
        seconds = range(REFUSALS_MAX + 50)
        for second in seconds:
            journal.count_notifications([count(100, second)])
        (rows,) = journal._read("SELECT count(*) FROM refusals")[0]
        found = journal.notifications({"main": rfc3339(at(seconds[-2]))})["main"]
    assert rows == REFUSALS_MAX
    assert found.refused_since == 200
    assert found.total(NotificationResult.REFUSED) == 100 * len(seconds)
