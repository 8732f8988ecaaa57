"""A journal that cannot be opened yet refuses, and is opened by the first append that can."""

from pathlib import Path

import pytest
import structlog

from indexer.errors import JournalError, UnusableFileError
from indexer.model.names import RepositoryName
from indexer.model.notification import Action, Event
from tests.fakes.clock import START
from tests.webhooks.journals import kept_entries
from webhooks.late_journal import LateJournal

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
    assert [entry.event for entry in kept_entries(tmp_path)] == [ITEM[1]]


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
