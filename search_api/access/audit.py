"""The audit log: who searched for what, from where, and how much was found."""

from contextvars import ContextVar
from typing import Any, Protocol

from search_api.access.caller import Caller
from search_api.processes import REQUEST_ID

QUERY_MAX = 2_000
"""Characters of a query in the log."""


class AuditLog(Protocol):
    """Where lines of the audit log go."""

    def info(self, event: str, **pairs: Any) -> Any:
        """Write a line."""


AUDITED: ContextVar[tuple[AuditLog, Caller] | None] = ContextVar("audited", default=None)
"""The log and the caller of the request that is being answered; None if nothing is logged."""


def note_search(query: str, results: int) -> None:
    """Write that the present caller searched, and how many results there are, if that is logged."""
    if (audited := AUDITED.get()) is None:
        return
    log, caller = audited
    log.info(
        "search",
        caller=caller.name,
        source=caller.source,
        address=caller.address,
        query=query[:QUERY_MAX],
        results=results,
        request_id=REQUEST_ID.get(),
    )
