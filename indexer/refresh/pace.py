"""How soon the refreshes of events are due: those of each repository only so many a second.

Whoever has the secret, or a broken script, can send thousands of events within a second. Their
refreshes must hold up neither those of other repositories nor the registry.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from indexer.model import RepositoryName
from indexer.store import NO_REPOSITORY, Priority

AT_ONCE = 100
"""Events of a repository whose refreshes are due at once."""
PER_SECOND = 50
"""Further ones that become so in each second."""
LATER_AFTER = timedelta(seconds=8)
"""The shortest wait of all others: by then a push is visible, so that one look is enough."""
LATER_MAX = timedelta(hours=1)
LISTED_AFTER = timedelta(seconds=0.5)
"""The time from an event that has to wait to the list that tells whether its tag is there."""
CATALOG_AFTER = timedelta(seconds=5)
"""The same for repositories that nothing was read of: a catalog is long."""
LISTED_EVERY = timedelta(seconds=1)
_KEYS_MAX = 1_000
_STEP = timedelta(seconds=1) / PER_SECOND


@dataclass(frozen=True, slots=True)
class Turn:
    """When a refresh is due, and before whom; ``listed_at`` says when to read a list, if at all."""

    priority: Priority
    due_at: datetime
    listed_at: datetime | None = None


@dataclass(slots=True)
class _Use:
    full_at: datetime
    """When as many events as at first may be due at once again."""
    listed_at: datetime | None = None


class Pace:
    """Gives each event its turn. It is not kept: after a restart all begin anew."""

    def __init__(self) -> None:
        self._uses: dict[tuple[int, RepositoryName], _Use] = {}

    def turn(self, registry_id: int, repository: RepositoryName, *, now: datetime) -> Turn:
        """Return the turn of the next event of a repository.

        All repositories that nothing was read of share one: the empty name.
        """
        use = self._use(registry_id, repository, now)
        # Not beyond an hour, be it that somebody set the clock back.
        start = min(max(use.full_at, now), now + LATER_MAX)
        use.full_at = start + _STEP
        wait = start - now - AT_ONCE * _STEP
        if wait < timedelta():
            return Turn(Priority.EVENT, now)
        listed_at = None
        if use.listed_at is None or not now - LISTED_EVERY < use.listed_at <= now:
            use.listed_at = now
            listed_at = now + listed_after(repository)
        return Turn(Priority.LATER, now + max(wait, LATER_AFTER), listed_at)

    def _use(self, registry_id: int, repository: RepositoryName, now: datetime) -> _Use:
        if len(self._uses) > _KEYS_MAX:
            self._uses = {key: use for key, use in self._uses.items() if use.full_at > now}
        return self._uses.setdefault((registry_id, repository), _Use(now))


def listed_after(repository: RepositoryName) -> timedelta:
    """Return how long after an event to read the list that its repository or tag may be in."""
    return CATALOG_AFTER if repository == NO_REPOSITORY else LISTED_AFTER
