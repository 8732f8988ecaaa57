"""Every error that regsearch raises on purpose.

::

    RegsearchError
    ├── InvalidValueError      a name, tag, digest or number from outside does not fit its grammar
    ├── SettingsError          the settings are unusable
    ├── QueryError             a query has a mistake at a column
    │   └── CostlyQueryError   a query would take too much work, so it is not begun
    ├── CursorExpiredError     a cursor is too old: the changes after it were deleted
    ├── NotFoundError          a caller names something that does not exist
    ├── CallerLimitError       a caller has as much as one caller may have
    │   └── GuessLimitError    a caller sent too many wrong passwords
    ├── CredentialError        a caller's credential is missing or wrong
    │   └── SignInError        the password or the token of a user is wrong
    ├── NotAllowedError        a caller asks for what is for operators
    ├── UnknownRegistryError   a caller names a registry that the settings do not
    ├── IndexerRunningError    another indexer holds the lock of this data directory
    ├── JournalError           the journal cannot be written; the sender should try again
    ├── StoreError             the store cannot be read or written now
    │   ├── OutdatedStoreError the store is older than this version until the indexer migrates it
    │   ├── DamagedRowError    a row cannot be read; the rest can
    │   └── UnusableFileError  a file is damaged, or a newer version made it: do not retry
    ├── EngineError            the search index cannot be read or written
    │   └── EngineAwayError    its server does not answer, or refuses for now: try again
    ├── NodeAwayError          an indexer node does not answer, or not as one: try again
    ├── SearchTimeoutError     a search was not finished at its deadline
    ├── BusyError              too many searches wait already
    ├── SearchCancelledError   nobody waits for a search any more
    └── RegistryError          a registry did not give what was asked for
        ├── AbsentError        the registry itself said that exactly this content does not exist
        ├── DeniedError        401 or 403: not allowed, or hidden
        ├── UnreachableError   no answer, 408, 429 or 5xx: nothing is known
        ├── UnusableAnswerError  an answer that is not from the registry or has other content
        │   └── AddressRefusedError  it leads to an address that it may not lead to
        ├── NoCatalogError     the registry works, and has no list of its repositories
        └── TooLargeError      the content exists, but is larger than a limit, and is not read
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
        # For pickling between processes, which passes on only positional arguments.
        return functools.partial(type(self), column=self.column), (str(self),)


class CostlyQueryError(QueryError):
    """A query would take too much work; the message has the number and the limit."""


class CursorExpiredError(RegsearchError):
    """A cursor is too old: the changes after it were deleted. List again to get a new cursor."""


class NotFoundError(RegsearchError):
    """A caller names something that does not exist, or is not shown."""


class CallerLimitError(RegsearchError):
    """A caller has as much as one caller may have at the same time."""


class GuessLimitError(CallerLimitError):
    """A caller sent too many wrong passwords; ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialError(RegsearchError):
    """A caller's credential is missing or wrong; ``challenge`` says how to send one."""

    challenge = 'Bearer realm="webhooks"'


class SignInError(CredentialError):
    """The password or the token of a user is wrong, or nothing here can check it."""

    challenge = 'Basic realm="regsearch", charset="UTF-8"'


class NotAllowedError(RegsearchError):
    """A caller, who is known, asks for what is for operators."""


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


class DamagedRowError(StoreError):
    """A row of a file cannot be read. The indexer sets it aside and reads its content again."""


class UnusableFileError(StoreError):
    """A file is damaged, or a newer version made it. Do not retry."""


class EngineError(RegsearchError):
    """The search index cannot be read or written."""


class EngineAwayError(EngineError):
    """The server of the search index does not answer, or refuses for now: try again.

    Nothing that succeeded before is lost, and the search index need not be made anew.
    """


class NodeAwayError(RegsearchError):
    """An indexer node does not answer, or something else does in its place: try again."""


class SearchTimeoutError(RegsearchError):
    """A search was not finished at its deadline; the message says what to shorten."""


class BusyError(RegsearchError):
    """Too many searches wait already; try again later."""


class SearchCancelledError(RegsearchError):
    """Nobody waits for a search any more: the client closed its connection."""


class RegistryError(RegsearchError):
    """A registry did not give the requested content; ``temporary`` says whether to retry soon.

    ``status`` is that of its answer, 0 without one. ``origin`` is the other host that answered or
    should have, such as a token service, "" for the registry itself. ``location`` is where it
    redirected to, if that was not followed.
    """

    temporary = False
    status = 0
    origin = ""
    location = ""


class AbsentError(RegistryError):
    """The registry itself said that exactly this content does not exist."""


class DeniedError(RegistryError):
    """401 or 403: not allowed, or hidden. It does not say whether the content exists."""


class UnreachableError(RegistryError):
    """No answer, 408, 429 or 5xx: nothing is known; ``retry_after`` is in seconds.

    ``is_elsewhere``: a host to which the registry redirected said so, not the registry.
    """

    temporary = True

    def __init__(
        self, message: str, *, retry_after: float | None = None, is_elsewhere: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_elsewhere = is_elsewhere


class UnusableAnswerError(RegistryError):
    """An answer is not from the registry, or has other content: HTML, a wrong digest."""

    temporary = True


class AddressRefusedError(UnusableAnswerError):
    """A registry leads to an address that it may not lead to, and nothing was sent there.

    ``kind`` says what address it is, without naming it. ``host`` is the host and port to allow in
    the settings; "" if no setting allows it.
    """

    temporary = False

    def __init__(self, message: str, *, kind: str = "", host: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.host = host


class NoCatalogError(RegistryError):
    """The registry works, and has no list of its repositories.

    Its cause is the error that this means for a registry that is known to have one.
    """


class TooLargeError(RegistryError):
    """The content exists, but is larger than a limit, and is not read."""
