"""Every error that regsearch raises on purpose.

::

    RegsearchError
    ├── InvalidValueError      a name, tag, digest or number from outside does not fit its grammar
    ├── SettingsError          the settings are unusable
    ├── QueryError             a query has a mistake at a column
    ├── CursorExpiredError     what a caller kept a place in is not kept any more
    ├── NotFoundError          a caller names something that is not there
    ├── CredentialError        a caller's credential is missing or wrong
    ├── UnknownRegistryError   a caller names a registry that the settings do not
    ├── IndexerRunningError    another indexer holds the lock of this data directory
    ├── JournalError           the journal cannot be written; the sender should try again
    ├── StoreError             the store cannot be read or written now
    │   ├── OutdatedStoreError the store is older than this version until the indexer migrates it
    │   └── UnusableFileError  a file is damaged or made by a newer version: trying again is no use
    ├── EngineError            the search index cannot be read or written
    └── RegistryError          a registry did not give what was asked for
        ├── AbsentError        the registry itself said that this very thing does not exist
        ├── DeniedError        401 or 403: not allowed, or hidden
        ├── UnreachableError   no answer, 408, 429 or 5xx: nothing is known
        ├── UnusableAnswerError  an answer that is not the registry's or not what was asked
        └── TooLargeError      the content is over a limit; it exists and is not read
"""

import functools


class RegsearchError(Exception):
    """The root of every error raised on purpose."""


class InvalidValueError(RegsearchError):
    """A name, tag, digest or number from outside does not fit its grammar."""


class SettingsError(RegsearchError):
    """The settings are unusable; the message names the setting and the value."""


class QueryError(RegsearchError):
    """A query has a mistake; ``column`` counts from 1."""

    def __init__(self, message: str, *, column: int) -> None:
        super().__init__(message)
        self.column = column

    def __reduce__(self) -> tuple[object, tuple[str]]:
        # From process to process; else only what is given by position would go along.
        return functools.partial(QueryError, column=self.column), (str(self),)


class CursorExpiredError(RegsearchError):
    """What a caller kept a place in is not kept any more; a new listing gives a new place."""


class NotFoundError(RegsearchError):
    """A caller names something that is not there, or that is not shown."""


class CredentialError(RegsearchError):
    """A caller's credential is missing or wrong."""


class UnknownRegistryError(RegsearchError):
    """A caller names a registry that the settings do not."""


class IndexerRunningError(RegsearchError):
    """Another indexer holds the lock of this data directory."""


class JournalError(RegsearchError):
    """The journal cannot be written; the sender should try again."""


class StoreError(RegsearchError):
    """The store cannot be read or written now."""


class OutdatedStoreError(StoreError):
    """The store is older than this version: the indexer migrates it at its start."""


class UnusableFileError(StoreError):
    """A file is damaged or made by a newer version: trying again is no use."""


class EngineError(RegsearchError):
    """The search index cannot be read or written."""


class RegistryError(RegsearchError):
    """A registry did not give what was asked for; ``temporary`` says whether to ask again soon."""

    temporary = False


class AbsentError(RegistryError):
    """The registry itself said that this very thing does not exist."""


class DeniedError(RegistryError):
    """401 or 403: not allowed, or hidden; says nothing about existence."""


class UnreachableError(RegistryError):
    """No answer, 408, 429 or 5xx: nothing is known; ``retry_after`` is in seconds."""

    temporary = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnusableAnswerError(RegistryError):
    """An answer that is not the registry's or not what was asked: HTML, a wrong digest."""

    temporary = True


class TooLargeError(RegistryError):
    """The content is over a limit; it exists and is not read."""
