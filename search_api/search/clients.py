"""Who waits for a search: searches take turns by client, and end when their client is gone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the service."""

    caller: str
    """Who it is for the turns."""
    gone: Callable[[], Awaitable[None]]
    """Returns when the client has closed its connection."""
