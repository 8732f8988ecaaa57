"""Looks: requests for the tags that have most probably moved, between two crawls.

What a short crawl does not ask for is left to be spent here, evenly until the next crawls. The
history of each tag says how often it moves, and the next look is for the tag that it makes most
tags right for the longest time. That is not the one that moves most often: a tag that moves again
within minutes of a look is hardly ever right, whatever is spent on it. The rule is the condition
for the best allocation of Cho and Garcia-Molina, "Effective page refresh policies for web
crawlers", ACM Transactions on Database Systems 28 (4), 2003, asked of each tag at each time in
place of being solved for all tags together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from math import exp

from indexer.model import RepositoryName, TagName
from indexer.refresh.schedule import crawls_of_one_full
from indexer.store import (
    MovingTag,
    MovingTags,
    RefreshKind,
    RefreshTarget,
    RegistryRow,
    Store,
    StoreThread,
)

LOOK_EVERY = timedelta(minutes=1)
"""How often tags are chosen."""
LOOKS_IN_INTERVAL = 60
"""No tag is looked at more often between two crawls."""
LEARN_FROM = timedelta(days=30)
"""Older moves say nothing about the next ones."""
MOVING_MAX = 20_000
"""Tags that are remembered, those that move most often."""
REPOSITORIES_AT_ONCE = 100
"""Repositories whose history is read in one step, so that no event waits for all of them."""


def worth(moves_per_second: float, seconds: float) -> float:
    """Return what a look at a tag is worth, in seconds, that long after the last one.

    With ``x`` moves expected since then: ``(1 - (1 + x) / e^x)`` divided by the moves in a second.
    It grows with time, to no more than the time between two moves.
    """
    expected = moves_per_second * seconds
    return (1 - (1 + expected) * exp(-expected)) / moves_per_second


@dataclass(slots=True)
class _Moving:
    repository: RepositoryName
    tag: TagName
    moves_per_second: float
    seen_at: datetime


class Looks:
    """Chooses what to look at between the crawls of a registry; after a restart it learns anew."""

    def __init__(self, registry: RegistryRow, *, store: StoreThread, interval: timedelta) -> None:
        """Take the time between crawls, which says how many requests there are to spend."""
        self._registry = registry
        self._store = store
        self._interval = interval
        self._moving: list[_Moving] = []
        self._tags = 0
        self._learned_from: int | None = None
        self._asked_at: datetime | None = None
        self._left = 0.0

    async def ask(self, now: datetime) -> bool:
        """Ask for the refreshes that are worth it now; True if there are any.

        None while a crawl runs, or while looks wait: what could not be spent is lost.
        """
        before = self._asked_at
        if before is not None and timedelta() <= now - before < LOOK_EVERY:
            return False
        self._asked_at = now
        crawl_id = await self._store.read(self._ended_crawl)
        if crawl_id is None:
            return False
        if crawl_id != self._learned_from:
            await self._learn(now)
            self._learned_from = crawl_id
        passed = LOOK_EVERY if before is None else max(timedelta(), now - before)
        chosen = self._choose(now, passed=passed)
        if not chosen:
            return False
        targets = [RefreshTarget(RefreshKind.TAG, one.repository, one.tag) for one in chosen]
        await self._store.write(
            lambda store: store.queue.add_looks(self._registry.id, targets, due_at=now)
        )
        return True

    def _ended_crawl(self, store: Store) -> int | None:
        """Return the newest crawl, if it ended and no look waits."""
        latest = store.registries.latest_crawl(self._registry.id)
        if latest is None or latest.finished_at is None:
            return None
        return None if store.queue.has_looks(self._registry.id) else latest.id

    async def _learn(self, now: datetime) -> None:
        """Read how often tags move, again after each crawl."""
        moving: list[_Moving] = []
        tags = 0
        last: int | None = 0
        while last is not None:

            def read(store: Store, after: int = last) -> MovingTags:
                return store.moves.list(
                    self._registry.id,
                    after=after,
                    limit=REPOSITORIES_AT_ONCE,
                    since=now - LEARN_FROM,
                )

            found = await self._store.read(read)
            moving += [self._expect(one, now) for one in found.moving]
            moving = nlargest(MOVING_MAX, moving, key=lambda one: one.moves_per_second)
            tags += found.tags
            last = found.last
        self._moving, self._tags = moving, tags

    def _choose(self, now: datetime, *, passed: timedelta) -> list[_Moving]:
        """Return what to look at now, as many as there are requests for by now."""
        crawls = crawls_of_one_full(self._interval)
        per_interval = self._tags * (crawls - 1) / crawls
        # Not more at once because the clock was set, or because a crawl took long.
        pause = max(LOOK_EVERY, self._interval / LOOKS_IN_INTERVAL)
        self._left = min(
            self._left + per_interval * (passed / self._interval),
            max(1.0, 2 * per_interval * (pause / self._interval)),
        )
        due = [one for one in self._moving if now - one.seen_at >= pause]
        chosen = nlargest(
            int(self._left),
            due,
            key=lambda one: worth(one.moves_per_second, (now - one.seen_at).total_seconds()),
        )
        for one in chosen:
            one.seen_at = now
        self._left -= len(chosen)
        return chosen

    def _expect(self, tag: MovingTag, now: datetime) -> _Moving:
        """Expect that a tag moves as often as it did, for a while after it was seen first too."""
        known = max(now - tag.since, self._interval).total_seconds()
        return _Moving(tag.repository, tag.tag, tag.moves / known, tag.confirmed_at)
