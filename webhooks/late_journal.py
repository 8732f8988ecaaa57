"""A journal that is opened as soon as it can be.

A disk that is full or read-only when web starts, or a file that somebody holds, must not keep
searches from being answered; notifications are refused meanwhile, and their senders try again.
"""

from datetime import datetime
from pathlib import Path

import structlog

from indexer.errors import JournalError, StoreError, UnusableFileError
from indexer.store import Journal
from webhooks.group_commit import Items

log = structlog.get_logger()


class LateJournal:
    """The journal of a data directory, of one thread at a time after its making."""

    def __init__(self, directory: Path) -> None:
        """Open the journal if that can be.

        :class:`UnusableFileError` where it is no use to try again.
        """
        self._directory = directory
        self._journal: Journal | None = None
        try:
            self._opened()
        except UnusableFileError:
            raise
        except StoreError as error:
            log.warning("journal_unavailable", reason=str(error))

    def append(self, items: Items, *, received_at: datetime) -> None:
        """Append as :meth:`indexer.store.Journal.append`, having opened the journal if need be."""
        try:
            journal = self._opened()
        except StoreError as error:
            raise JournalError(f"the journal cannot be opened: {error}") from error
        journal.append(items, received_at=received_at)

    def close(self) -> None:
        """Close the file, if it was ever opened."""
        if self._journal is not None:
            self._journal.close()

    def _opened(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self._directory)
        return self._journal
