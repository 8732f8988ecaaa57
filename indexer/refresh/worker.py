"""The worker of one registry: runs the refreshes of the queue, in order, a few at a time."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from opentelemetry import trace

from indexer.clock import Clock
from indexer.errors import (
    DamagedRowError,
    RegistryError,
    StoreError,
    UnreachableError,
    UnusableFileError,
)
from indexer.extract import KindTable
from indexer.model import RepositoryName
from indexer.refresh.looks import Looks
from indexer.refresh.pull_through import PullThroughRefresher, expire_pulled
from indexer.refresh.refresher import CONFIRMED_MAX, Refresher, everything
from indexer.refresh.removal import decide_removal
from indexer.refresh.schedule import is_crawl_due, is_full_due
from indexer.registry import RegistryClient, with_meaning
from indexer.store import (
    Crawl,
    Priority,
    Refresh,
    RefreshKind,
    RefreshTarget,
    RegistryRow,
    Store,
    StoreThread,
)

log = structlog.get_logger()
_TRACER = trace.get_tracer("regsearch")

REFRESHES_PER_REQUEST = 2
"""A refresh spends half its time at the store; two a connection keep all connections busy."""
ASKED_REMEMBERED = 10_000
"""Repositories with such places that are remembered."""
TICK_SECONDS = 0.1
"""How often to look for refreshes that became due."""
LOOK_AFTER_SECONDS = 0.5
"""How often requests are counted in the store and finished crawls are noticed."""
EXPIRE_EVERY = timedelta(seconds=10)
"""How often to look for what was not pulled through a cache for too long."""
TRIES_MAX = 8
"""Tries of a refresh with wrong answers before it is set aside."""
TRIES_UNDOUBTED = 2
"""Tries of a refresh without an answer before another request tells who is at fault."""
ASKED_UNDOUBTED = 2
"""Pauses that the places of a repository may ask for, before another request tells the same."""
PAUSE_MAX = timedelta(minutes=1)
PAUSE_MIN = timedelta(seconds=1)
RETRY_MAX = timedelta(minutes=5)
ASKED_PAUSE_MAX = timedelta(minutes=5)
"""How long a registry is left alone at most because it asks for that."""
FAILURES_IN_A_ROW = 5
"""After this number of failures in a row the registry is at fault, not the target."""


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """The settings of a worker."""

    crawl_interval: timedelta
    max_in_flight: int
    kinds: KindTable
    includes: Callable[[str], bool] = everything
    confirmed_max: int = CONFIRMED_MAX
    learns: bool = False
    """Whether to look between crawls at tags that have probably moved."""


class RegistryWorker:
    """Runs the refreshes of one registry until cancelled, and begins its crawls.

    A registry that fails is left alone for a while, longer each time, up to a minute, or as long
    as it asks for, up to five minutes. The store says until when, and because of what. It does not
    delay others, because each registry has a worker of its own.
    """

    def __init__(
        self,
        *,
        registry: RegistryRow,
        plan: RegistryPlan,
        client: RegistryClient,
        store: StoreThread,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._plan = plan
        self._client = client
        self._store = store
        self._clock = clock
        self._on_change = on_change
        ttl = registry.pull_through_ttl
        self._refresher = (Refresher if ttl is None else PullThroughRefresher)(
            registry=registry,
            client=client,
            store=store,
            clock=clock,
            includes=plan.includes,
            kinds=plan.kinds,
            confirmed_max=plan.confirmed_max,
        )
        self._looks = Looks(registry, store=store, interval=plan.crawl_interval)
        self._taken: deque[Refresh] = deque()
        self._running: dict[asyncio.Task[None], Refresh] = {}
        self._failures = 0
        self._pauses = 0
        self._resume_at = clock.now()
        # A pause of the last run may still be in the store.
        self._is_pause_shown = True
        self._pause_reason = ""
        self._asked_pauses: Counter[RepositoryName] = Counter()
        self._retried_at: datetime | None = None
        self._looked_after_at: datetime | None = None
        self._expired_at: datetime | None = None
        self._counted_requests = 0
        # The end of the last run is not known, so the first success clears its errors.
        self._answered = False
        self._told = ""
        self._any_set_aside = True
        self._woken = asyncio.Event()
        self._stirred = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._look_after()
                await self._start_refreshes()
                await self._wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self, *, at_once: bool) -> None:
        """Look into the queue now; with ``at_once`` even if the registry fails."""
        if at_once:
            self._resume_at = self._clock.now()
        self._woken.set()
        self._stirred.set()

    async def _wait(self) -> None:
        """Return after the end of a refresh, after a call of :meth:`wake`, or after a tick."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await self._stirred.wait()
        self._stirred.clear()
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            task.result()

    async def _start_refreshes(self) -> None:
        if self._clock.now() < self._resume_at:
            self._taken.clear()
            self._woken.clear()
            return
        if self._is_pause_shown:
            self._is_pause_shown = False
            await self._store.write(lambda store: store.registries.end_pause(self._registry.id))
        if self._woken.is_set() or not self._taken:
            self._woken.clear()
            await self._take()
        while self._taken and len(self._running) < REFRESHES_PER_REQUEST * self._plan.max_in_flight:
            refresh = self._taken.popleft()
            task = asyncio.create_task(self._run_one(refresh))
            # To wait for one event costs less than to wait for all of the tasks, each time.
            task.add_done_callback(lambda _: self._stirred.set())
            self._running[task] = refresh

    async def _take(self) -> None:
        """Read the due refreshes from the queue again, so that a new push comes first."""
        running = {refresh.id for refresh in self._running.values()}
        limit = 4 * self._plan.max_in_flight
        found = await self._store.read(
            lambda store: store.queue.due(
                self._registry.id, self._clock.now(), limit=limit, taken=running
            )
        )
        self._taken = deque(found)

    async def _run_one(self, refresh: Refresh) -> None:
        target = refresh.target
        attributes = {
            "regsearch.registry": self._registry.name,
            "regsearch.repository": target.repository,
            "regsearch.reference": target.reference,
        }
        with _TRACER.start_as_current_span(f"refresh {target.kind}", attributes=attributes):
            await self._refresh(refresh)

    async def _refresh(self, refresh: Refresh) -> None:
        try:
            await self._refresher.run(refresh)
        except RegistryError as error:
            await self._failed(refresh, error)
        except (DamagedRowError, UnusableFileError):
            # No fault of this target: it is read again after the store was put right.
            raise
        except Exception as error:
            # A defect with one target must not stop the work on all others.
            log.exception("refresh_failed", target=refresh.target)
            await self._keep_for_later(
                refresh,
                reason=f"{type(error).__name__}: {error}",
                give_up=not isinstance(error, StoreError) or refresh.tries + 1 >= TRIES_MAX,
                is_lasting=False,
                due_at=self._clock.now() + _delay(refresh, RETRY_MAX),
            )
        else:
            await self._succeeded()
        self._on_change()

    async def _succeeded(self) -> None:
        """Note that the registry answers; from time to time retry refreshes that are set aside."""
        now = self._clock.now()
        before = self._retried_at
        retry = self._any_set_aside and (
            self._failures >= FAILURES_IN_A_ROW or before is None or now - before >= RETRY_MAX
        )
        self._failures = self._pauses = 0
        self._told = ""
        if self._answered and not retry:
            return
        if not self._answered:
            log.info("registry_answers", registry=self._registry.name)
        self._answered = True
        if retry:
            self._any_set_aside, self._retried_at = False, now

        def save(store: Store) -> None:
            store.registries.set_answered(self._registry.id)
            if retry:
                store.queue.retry_set_aside(self._registry.id, due_at=now)

        await self._store.write(save)

    async def _failed(self, refresh: Refresh, error: RegistryError) -> None:
        """Requeue a failed refresh, or set it aside after too many failures, and slow down."""
        unreachable = isinstance(error, UnreachableError)
        asked = error.retry_after if isinstance(error, UnreachableError) else None
        at_fault = not isinstance(error, UnreachableError) or await self._is_at_fault(
            refresh, error
        )
        if error.temporary and not (unreachable and at_fault):
            self._failures += 1
            if asked is not None:
                if len(self._asked_pauses) >= ASKED_REMEMBERED:
                    self._asked_pauses.clear()
                self._asked_pauses[refresh.target.repository] += 1
            self._slow_down(error)
        tried_enough = refresh.tries + 1 >= TRIES_MAX
        give_up = at_fault and (not error.temporary or tried_enough)
        delay = _delay(refresh, RETRY_MAX if at_fault else PAUSE_MAX)
        if asked is not None:
            # The place waits as long as it asks for, whatever its registry does.
            delay = max(delay, timedelta(seconds=asked))
        due_at = self._clock.now() + delay
        reason = str(error)
        if not at_fault or refresh.target.kind is RefreshKind.CATALOG:
            reason = self._explain(error)
        await self._keep_for_later(
            refresh,
            reason=reason,
            give_up=give_up,
            is_lasting=unreachable or not error.temporary,
            due_at=due_at if at_fault else max(due_at, self._resume_at),
        )
        # While a registry fails, each of its places does, and all for the same reason.
        (log.warning if at_fault else log.debug)(
            "refresh_postponed",
            registry=self._registry.name,
            kind=refresh.target.kind.value,
            repository=refresh.target.repository,
            reference=refresh.target.reference,
            tries=refresh.tries + 1,
            set_aside=give_up,
            reason=str(error),
        )

    def _explain(self, error: RegistryError) -> str:
        """Return what an error of the whole registry means; log that once, until it answers."""
        failure = self._client.explain(error)
        if failure.remedy != self._told:
            self._told = failure.remedy
            log.warning(
                "registry_fails",
                registry=self._registry.name,
                problem=failure.problem,
                remedy=failure.remedy,
                reason=str(error),
            )
        return with_meaning(error, failure)

    async def _keep_for_later(
        self, refresh: Refresh, *, reason: str, give_up: bool, is_lasting: bool, due_at: datetime
    ) -> None:
        now = self._clock.now()
        self._answered = False
        self._any_set_aside = self._any_set_aside or give_up
        resume_at, pause_reason = self._resume_at, self._pause_reason
        self._is_pause_shown = self._is_pause_shown or resume_at > now

        def save(store: Store) -> None:
            store.registries.set_error(self._registry.id, reason, at=now)
            if resume_at > now:
                store.registries.pause(self._registry.id, until=resume_at, reason=pause_reason)
            if refresh.is_look:
                # Not tried again: the next look or crawl is soon enough.
                store.queue.finish(refresh)
            elif give_up and refresh.target.kind is RefreshKind.CATALOG:
                # Not set aside: the next crawl shall begin and ask for the catalog again.
                if not (is_lasting and self._refresher.go_without_catalog(store, refresh, reason)):
                    store.registries.end_crawl(self._registry.id, at=now)
                store.queue.finish(refresh)
            elif give_up:
                store.queue.set_aside(refresh, reason=reason)
            else:
                store.queue.requeue(refresh, due_at=due_at, reason=reason)

        await self._store.write(save)

    async def _is_at_fault(self, refresh: Refresh, error: UnreachableError) -> bool:
        """Tell whether only this target is broken, because the registry answers another request."""
        target, asks = refresh.target, error.retry_after is not None
        is_doubted = asks and self._asked_pauses[target.repository] >= ASKED_UNDOUBTED
        if refresh.tries < TRIES_UNDOUBTED and not is_doubted:
            return False
        listing: AsyncIterator[object]
        # Behind a cache, a list of tags would be asked of the other registry. Who asks for a pause
        # may ask so for all of a repository.
        is_cache = self._registry.pull_through_ttl is not None
        asks = asks and target.kind is not RefreshKind.CATALOG
        if target.kind is RefreshKind.REPOSITORY or is_cache or asks:
            listing = self._client.repositories()
        else:
            repository = target.repository or await self._store.read(self._some_repository)
            if not repository:
                return False
            listing = self._client.tags(repository)
        try:
            await anext(listing)
        except UnreachableError:
            self._asked_pauses.clear()
            return False
        except RegistryError:
            return True
        return True

    def _some_repository(self, store: Store) -> RepositoryName:
        known = store.repositories.list_visible(self._registry.id)
        return known[0] if known else RepositoryName("")

    def _slow_down(self, error: RegistryError) -> None:
        """Pause, longer each time, or as long as the registry asked for, within a limit.

        What another host asks for is for its own place alone.
        """
        now = self._clock.now()
        asked = None
        if isinstance(error, UnreachableError) and not error.is_elsewhere:
            asked = error.retry_after
        if asked is not None:
            pause = min(ASKED_PAUSE_MAX, max(PAUSE_MIN, timedelta(seconds=asked)))
        elif now < self._resume_at:
            # It began before the pause: many failures at once are one failure of the registry.
            return
        elif isinstance(error, UnreachableError) or self._failures >= FAILURES_IN_A_ROW:
            pause = min(PAUSE_MAX, PAUSE_MIN * 2 ** min(self._pauses, 10))
            self._pauses += 1
        else:
            return
        if now + pause > self._resume_at:
            self._resume_at, self._pause_reason = now + pause, str(error)

    async def _look_after(self) -> None:
        """Begin and end crawls, count requests and look at tags, twice a second."""
        now = self._clock.now()
        before = self._looked_after_at
        if before is not None and (now - before).total_seconds() < LOOK_AFTER_SECONDS:
            return
        is_start = before is None
        requests = self._client.requests - self._counted_requests
        self._looked_after_at, self._counted_requests = now, self._client.requests
        measures = self._client.traffic.take_new()

        def save(store: Store) -> tuple[bool, bool]:
            if requests:
                store.registries.count_requests(self._registry.id, requests)
            store.measures.add(self._registry.id, measures)
            ended = store.registries.finish_crawls(self._registry.id, at=now)
            for crawl in ended:
                log.info(
                    "crawl_finished",
                    registry=self._registry.name,
                    repositories=crawl.repositories,
                    refreshes=crawl.refreshes,
                    set_aside=crawl.set_aside,
                )
            expired = self._expire(store, now)
            is_over = ended or store.absences.are_left_over(self._registry.id)
            hidden = bool(is_over) and decide_removal(store, self._registry, at=now)
            return self._begin_crawl(store, is_start=is_start), hidden or expired

        begun, hidden = await self._store.write(save)
        if self._plan.learns and now >= self._resume_at:
            begun = await self._looks.ask(now) or begun
        if begun:
            self._woken.set()
        if hidden:
            self._on_change()

    def _expire(self, store: Store, now: datetime) -> bool:
        """Show what a cache may have dropped as that; True if anything changed."""
        ttl, before = self._registry.pull_through_ttl, self._expired_at
        if ttl is None or (before is not None and now - before < EXPIRE_EVERY):
            return False
        self._expired_at = now
        if before is None:
            store.pulled.adopt(self._registry.id, at=now)
        return expire_pulled(store, self._registry, ttl=ttl, at=now)

    def _begin_crawl(self, store: Store, *, is_start: bool) -> bool:
        """Ask for a crawl if one is due; True if this call asked."""
        latest = store.registries.latest_crawl(self._registry.id)
        now = self._clock.now()
        due = is_crawl_due(
            latest,
            interval=self._plan.crawl_interval,
            now=now,
            is_start=is_start,
            events_lost_at=self._events_lost_at(store),
        )
        target = RefreshTarget(RefreshKind.CATALOG)
        if not due or store.queue.contains(self._registry.id, target):
            return False
        store.queue.add(self._registry.id, [target], priority=Priority.CRAWL, due_at=now)
        if self._plan.learns and not self._is_full(store, latest, now):
            store.registries.start_crawl(self._registry.id, at=now, is_full=False)
        return True

    def _is_full(self, store: Store, latest: Crawl | None, now: datetime) -> bool:
        """Tell whether the crawl that begins now asks for every tag."""
        if latest is None or (latest.is_full and not latest.complete):
            return True
        return is_full_due(
            store.registries.full_crawl(self._registry.id),
            interval=self._plan.crawl_interval,
            now=now,
            events_lost_at=self._events_lost_at(store),
        )

    def _events_lost_at(self, store: Store) -> datetime | None:
        """Return when events were last lost, if that may cause a crawl.

        It may not while something is held back. A registry without its disk may restart again and
        again, and one of the crawls would confirm that everything is gone.
        """
        if store.absences.count_quarantined(self._registry.id):
            return None
        return store.registries.events_lost_at(self._registry.id)


def _delay(refresh: Refresh, most: timedelta) -> timedelta:
    # While a registry is down the number of tries has no limit; the power needs one.
    return min(most, timedelta(seconds=2 ** min(refresh.tries, 10)))
