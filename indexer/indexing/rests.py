"""The rests of large repositories between two makings of their own documents.

Such a document is made of parts, most of which stay as they are; but where nothing is kept yet, it
is made out of thousands of images. So it is made in a bounded share of the time: after each making
its repository rests for some times as long. Its images are written meanwhile, and found at once,
also if many are pushed. What is due and rests stays stale, and is made after the rest.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

RESTS_FROM_IMAGES = 500
"""The document of a repository with fewer images is made with each change."""
REST_TIMES = 9
"""A rest is so many times as long as the computing before it: a tenth of the time is spent."""
REST_MAX = timedelta(seconds=60)
"""No document is older than this and one making of it."""


class Rests:
    """Knows which repositories rest. It forgets them with its process: then they do not rest."""

    def __init__(self) -> None:
        self._until: dict[int, datetime] = {}

    def begin(self, repository_id: int, *, seconds: float, now: datetime) -> None:
        """Let a repository rest whose document took so many seconds of computing."""
        self._until[repository_id] = now + min(REST_MAX, timedelta(seconds=seconds * REST_TIMES))

    def resting(self, *, now: datetime) -> Collection[int]:
        """Return the repositories that rest now."""
        # Not for longer than the longest rest, be it that somebody set the clock back.
        self._until = {
            repository_id: until
            for repository_id, until in self._until.items()
            if timedelta() < until - now <= REST_MAX
        }
        return self._until.keys()
