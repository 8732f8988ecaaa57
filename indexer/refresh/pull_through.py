"""Registries that cache another one: what is read of them without a request to the other one.

Such a registry asks the other one for every list and every tag, and for every digest whose copy
has expired. So a pull that somebody made is the only thing to go by: its digest is read from the
cache, and then its tag is believed as the event said it.
"""

from datetime import datetime, timedelta

from indexer.errors import AbsentError
from indexer.model import Digest, RepositoryName, TagName
from indexer.refresh.content import FetchedContent
from indexer.refresh.refresher import Refresher
from indexer.store import Refresh, RefreshKind, RefreshTarget, RegistryRow, Store

CACHE_FILLS_AFTER = timedelta(seconds=1)
"""A cache sends a blob on while it stores it; asked too soon it would get the blob once more."""
HIDDEN_AFTER = 2
"""What was not pulled for so many lifetimes of a copy is hidden; after one it is doubtful."""


class PullThroughRefresher(Refresher):
    """Runs the refreshes of a registry that caches another one.

    A crawl reads the catalog, and what pulls named and could not be read so far.
    """

    async def _refresh_repository(self, refresh: Refresh) -> None:
        def save(store: Store) -> None:
            repository = refresh.target.repository
            repository_id = store.repositories.find(self._registry.id, repository)
            digests = store.pulled.unread(repository_id or 0, now=self._clock.now(), ttl=self._ttl)
            targets = [RefreshTarget(RefreshKind.DIGEST, repository, one) for one in digests]
            self._ask_for(store, targets, refresh=refresh, crawl_id=refresh.crawl_id)

        await self._finish(refresh, save)

    async def _refresh_tag(self, refresh: Refresh) -> None:
        if refresh.expected_digest is None:
            # Asking for it would lead to the other registry.
            await self._finish(refresh)
        else:
            tag = TagName(refresh.target.reference)
            await self._read_named(refresh, refresh.expected_digest, tag)

    async def _refresh_digest(self, refresh: Refresh) -> None:
        await self._read_named(refresh, Digest(refresh.target.reference), None)

    async def _refresh_referrers(self, refresh: Refresh) -> None:
        await self._finish(refresh)

    async def _read_named(self, refresh: Refresh, digest: Digest, tag: TagName | None) -> None:
        """Read a digest that a pull named, and believe its tag once the digest was read."""
        repository = refresh.target.repository
        with self._reader.open(repository) as fetched:
            try:
                await self._reader.read_digest(fetched, digest, known=None, shares=True)
            except AbsentError:
                # It left the cache since then, which says nothing about its tags.
                await self._finish(refresh)
                return

            def save(store: Store) -> None:
                repository_id = self._keep(store, fetched)
                self._ask_for_late(store, refresh, repository_id, digest, fetched)
                if not store.content.is_linked(repository_id, digest):
                    return
                store.presence.confirm(repository_id, digest, at=self._clock.now())
                if tag is not None:
                    self._put_tag(store, refresh, repository_id, tag, digest)

            await self._finish(refresh, save)

    def _put_tag(
        self, store: Store, refresh: Refresh, repository_id: int, tag: TagName, digest: Digest
    ) -> None:
        """Let a tag point where a pull said, unless a later pull said something else."""
        now = self._clock.now()
        pulled_at = min(refresh.newest_event_at or now, now)
        confirmed_at = store.content.tag_confirmed_at(repository_id, tag)
        if confirmed_at is None or confirmed_at <= pulled_at:
            store.content.put_tag(repository_id, tag, digest, seen_at=pulled_at)

    def _ask_for_late(
        self,
        store: Store,
        refresh: Refresh,
        repository_id: int,
        digest: Digest,
        fetched: FetchedContent,
    ) -> None:
        """Read again if something was left out that a pull named meanwhile."""
        now, ttl = self._clock.now(), self._ttl
        if any(
            store.pulled.is_cached(repository_id, one, now=now, ttl=ttl) for one in fetched.left_out
        ):
            target = RefreshTarget(RefreshKind.DIGEST, fetched.repository, digest)
            # First, because a target that is in the queue keeps its earlier time.
            store.queue.finish(refresh)
            store.queue.add(
                self._registry.id,
                [target],
                priority=refresh.priority,
                due_at=now + CACHE_FILLS_AFTER,
            )

    def _may_read(self, store: Store, repository: RepositoryName, digest: Digest) -> bool:
        repository_id = store.repositories.find(self._registry.id, repository)
        return store.pulled.is_readable(
            repository_id or 0, digest, now=self._clock.now(), ttl=self._ttl
        )

    @property
    def _ttl(self) -> timedelta:
        assert self._registry.pull_through_ttl is not None  # noqa: S101 - that makes it one
        return self._registry.pull_through_ttl


def expire_pulled(store: Store, registry: RegistryRow, *, ttl: timedelta, at: datetime) -> bool:
    """Mark what was not pulled for a lifetime, and hide it after two. True if anything changed.

    The caller holds a transaction.
    """
    doubtful = store.pulled.mark_doubtful(registry.id, before=at - ttl)
    before = at - HIDDEN_AFTER * ttl
    hidden = store.pulled.expired_tags(registry.id, before=before)
    for repository_id, tag, digest in hidden:
        store.content.hide_tag(repository_id, tag, seen_at=at)
        # Else it would be shown as an image that lost its tags.
        store.presence.miss(repository_id, digest, at=at, is_final=True)
    store.pulled.forget(registry.id, before=before)
    return bool(doubtful or hidden)
