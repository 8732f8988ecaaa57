"""One unit of work: read one place of a registry again and store what is there.

A refresh never trusts the hint it came from. It removes something only when the registry itself
said that this very thing is absent; every other failure leaves the store as it is.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from indexer.clock import Clock
from indexer.errors import AbsentError
from indexer.extract import KindTable
from indexer.model import Digest, RepositoryName, TagName, is_system_tag
from indexer.refresh.content import ContentReader, FetchedContent, is_linked
from indexer.refresh.referrers import ReferrerLists
from indexer.refresh.removal import doubt_catalog, hide_tags
from indexer.registry import CatalogPage, RegistryClient
from indexer.store import (
    Place,
    ReadContent,
    Refresh,
    RefreshKind,
    RegistryRow,
    Store,
    StoreThread,
)

log = structlog.get_logger()

PLACES_PER_WRITE = 1_000
CONFIRMED_MAX = 1_000
"""Manifests without a tag that one crawl asks one repository for; the others are next."""
SECOND_LOOKS = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2.0, 5.0))
"""How long after a push that was not seen to look again, and again."""


def everything(_: str) -> bool:
    """Include every repository."""
    return True


class Refresher:
    """Runs the refreshes of one registry."""

    def __init__(
        self,
        *,
        registry: RegistryRow,
        client: RegistryClient,
        store: StoreThread,
        clock: Clock,
        kinds: KindTable,
        includes: Callable[[str], bool] = everything,
    ) -> None:
        """Take what is needed, which repositories are read, by their names, and known kinds."""
        self._includes = includes
        self._kinds = kinds
        self._registry = registry
        self._client = client
        self._store = store
        self._clock = clock
        self._reader = ContentReader(registry=registry, client=client, store=store, kinds=kinds)
        self._lists = ReferrerLists(
            registry=registry, client=client, store=store, clock=clock, kinds=kinds
        )

    async def run(self, refresh: Refresh) -> None:
        """Read a place, store what is there and take the refresh out of the queue.

        Raises :class:`indexer.errors.RegistryError` when the registry did not say; then nothing
        was removed and the refresh is still in the queue.
        """
        repository = refresh.place.repository
        if repository and not self._includes(repository):
            await self._finish(refresh, lambda store: self._leave_out(store, repository))
            return
        match refresh.place.kind:
            case RefreshKind.CATALOG:
                await self._refresh_catalog(refresh)
            case RefreshKind.REPOSITORY:
                await self._refresh_repository(refresh)
            case RefreshKind.TAG:
                await self._refresh_tag(refresh)
            case RefreshKind.DIGEST:
                await self._refresh_digest(refresh)
            case RefreshKind.REFERRERS:
                await self._refresh_referrers(refresh)

    # The whole registry

    async def _refresh_catalog(self, refresh: Refresh) -> None:
        """Ask for a refresh of every repository: those we know of and those listed.

        The known ones come with the first page, so that a crawl that goes on after a kill does
        not ask for them again.
        """
        started = self._clock.now()
        registry_id = self._registry.id
        crawl_id = await self._store.write(
            lambda store: store.registries.start_crawl(registry_id, at=started)
        )
        crawl = await self._store.read(lambda store: store.registries.latest_crawl(registry_id))
        resume = crawl.resume if crawl else ""
        wanted: set[RepositoryName] = set()
        if not resume:
            wanted.update(await self._store.read(self._known_repositories))
        asked: set[RepositoryName] = set()
        async for page in self._client.repositories(resume=resume):
            wanted = (wanted | set(filter(self._includes, page.names))) - asked
            asked |= wanted
            places = [Place(RefreshKind.REPOSITORY, name) for name in sorted(wanted)]
            wanted = set()

            def save(store: Store, places: list[Place] = places, page: CatalogPage = page) -> None:
                self._ask_for(store, places, refresh=refresh, crawl_id=crawl_id)
                store.registries.save_catalog_page(
                    crawl_id, resume=page.resume, repositories=len(places)
                )
                store.registries.mark_listed(crawl_id, page.names)
                if not page.resume:
                    doubt_catalog(store, self._registry, crawl_id=crawl_id)

            if page.resume:
                await self._store.write(save)
            else:
                # With the last page, or a kill in between would have the catalog read again.
                await self._finish(refresh, save)

    def go_without_catalog(self, store: Store, refresh: Refresh, reason: str) -> bool:
        """Let a crawl whose catalog is refused read what is known; False when that is nothing.

        Many registries list nothing to anybody. Belongs into a transaction.
        """
        registry_id = self._registry.id
        known = filter(self._includes, self._known_repositories(store))
        places = [Place(RefreshKind.REPOSITORY, name) for name in sorted(known)]
        if places:
            crawl_id = store.registries.start_crawl(registry_id, at=self._clock.now())
            self._ask_for(store, places, refresh=refresh, crawl_id=crawl_id)
            store.registries.refuse_catalog(crawl_id, reason=reason, repositories=len(places))
        return bool(places)

    def _known_repositories(self, store: Store) -> set[RepositoryName]:
        """Return the repositories that have something in the search, be it without a tag."""
        registry_id = self._registry.id
        return {
            *store.content.visible_repositories(registry_id),
            *store.untagged.repositories(registry_id),
        }

    async def _refresh_repository(self, refresh: Refresh) -> None:
        """Ask for a refresh of every tag: those listed and those we know of.

        A tag, or a repository, that is missing from a listing is not thereby absent: each known tag
        is asked for by its name.
        """
        repository = refresh.place.repository
        listed: set[TagName] = set()
        async for tags in self._listed_tags(repository):
            listed.update(tags)
        known = await self._store.read(lambda store: self._known_tags(store, repository))
        places = [Place(RefreshKind.TAG, repository, tag) for tag in sorted(listed | known)]
        # No listing tells of these, so a crawl would never miss them.
        untold = await self._store.read(lambda store: self._to_confirm(store, repository))
        places += [Place(RefreshKind.DIGEST, repository, digest) for digest in untold]
        for start in range(0, len(places), PLACES_PER_WRITE):
            chunk = places[start : start + PLACES_PER_WRITE]

            def save(store: Store, chunk: list[Place] = chunk) -> None:
                self._ask_for(store, chunk, refresh=refresh, crawl_id=refresh.crawl_id)

            await self._store.write(save)
        await self._finish(refresh)

    async def _listed_tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        try:
            async for page in self._client.tags(repository):
                yield page
        except AbsentError:
            log.debug("repository_absent", repository=repository)

    def _known_tags(self, store: Store, repository: RepositoryName) -> set[TagName]:
        repository_id = store.content.find_repository(self._registry.id, repository)
        return set(store.content.tags(repository_id)) if repository_id else set()

    def _to_confirm(self, store: Store, repository: RepositoryName) -> list[Digest]:
        repository_id = store.content.find_repository(self._registry.id, repository)
        has_api = store.referrers.has_api(self._registry.id)
        return store.presence.to_confirm(repository_id or 0, has_api=has_api, limit=CONFIRMED_MAX)

    def _ask_for(
        self, store: Store, places: list[Place], *, refresh: Refresh, crawl_id: int | None
    ) -> None:
        store.queue.add(
            self._registry.id,
            places,
            priority=refresh.priority,
            due_at=self._clock.now(),
            newest_event_at=refresh.newest_event_at,
            crawl_id=crawl_id,
        )

    # One tag, one digest

    async def _refresh_tag(self, refresh: Refresh) -> None:
        repository, tag = refresh.place.repository, TagName(refresh.place.reference)
        known = await self._store.read(lambda store: self._known_digest(store, repository, tag))
        try:
            manifest = await self._client.manifest(repository, tag, known=known)
        except AbsentError:
            if not await self._look_again(refresh):
                await self._finish(
                    refresh, lambda store: self._take_absence(store, refresh, repository, tag)
                )
            return
        digest = known if manifest is None else manifest.digest
        assert digest is not None  # noqa: S101 - only what is known is answered with nothing
        fetched = await self._reader.read(repository, digest, manifest)

        def save(store: Store) -> None:
            repository_id = self._keep(store, fetched)
            store.content.put_tag(repository_id, tag, digest, seen_at=self._clock.now())
            if not is_system_tag(tag):
                self._ask_for_referrers(store, refresh, digest)

        if digest == refresh.expected_digest or not await self._look_again(refresh):
            await self._finish(refresh, save)

    async def _refresh_digest(self, refresh: Refresh) -> None:
        repository, digest = refresh.place.repository, Digest(refresh.place.reference)
        linked = await self._store.read(
            lambda store: is_linked(store, self._registry, repository, digest)
        )
        try:
            manifest = await self._client.manifest(
                repository, digest, known=digest if linked else None
            )
        except AbsentError:
            if not await self._look_again(refresh):
                await self._finish(
                    refresh, lambda store: self._forget_digest(store, refresh, repository, digest)
                )
            return
        fetched = await self._reader.read(repository, digest, manifest)

        def save(store: Store) -> None:
            repository_id = self._keep(store, fetched)
            store.presence.confirm(repository_id, digest, at=self._clock.now())
            if refresh.expected_digest is None:
                # It was deleted and is there again; its tags need not have come back with it.
                self._ask_for_tags(store, refresh, repository_id)

        await self._finish(refresh, save)

    def _known_digest(
        self, store: Store, repository: RepositoryName, tag: TagName
    ) -> Digest | None:
        repository_id = store.content.find_repository(self._registry.id, repository)
        if repository_id is None:
            return None
        digest = store.content.tag_digest(repository_id, tag)
        return digest if digest and store.content.is_linked(repository_id, digest) else None

    def _leave_out(self, store: Store, repository: RepositoryName) -> None:
        """Take a repository out of search that the settings leave out; its history is kept."""
        repository_id = store.content.find_repository(self._registry.id, repository)
        if repository_id is not None:
            for tag in store.content.tags(repository_id):
                store.content.hide_tag(repository_id, tag, seen_at=self._clock.now())
            store.untagged.leave_out(repository_id, left_out=True)

    def _take_absence(
        self, store: Store, refresh: Refresh, repository: RepositoryName, tag: TagName
    ) -> None:
        """A tag is gone: hidden at once if an event told of it, else at the end of the crawl."""
        repository_id = store.content.find_repository(self._registry.id, repository)
        if repository_id is None:
            return
        now = self._clock.now()
        if refresh.is_of_event:
            hide_tags(store, self._registry, repository_id, [tag], at=now)
        else:
            store.absences.add(repository_id, tag, crawl_id=refresh.crawl_id, seen_at=now)

    def _forget_digest(
        self, store: Store, refresh: Refresh, repository: RepositoryName, digest: Digest
    ) -> None:
        """A digest is gone: its tags may be gone with it, or have moved on. Each is asked for.

        One that no event told of is kept for a while, as tags are; in a crawl, till its end.
        """
        repository_id = store.content.find_repository(self._registry.id, repository)
        if repository_id is None or not store.content.is_linked(repository_id, digest):
            return
        self._ask_for_tags(store, refresh, repository_id)
        if refresh.is_of_event:
            store.content.unlink_manifest(repository_id, digest)
        else:
            is_final = refresh.crawl_id is None
            store.presence.miss(repository_id, digest, at=self._clock.now(), is_final=is_final)

    def _ask_for_tags(self, store: Store, refresh: Refresh, repository_id: int) -> None:
        """Ask for every tag that we know to point at the digest of a refresh."""
        place = refresh.place
        tags = store.content.tags_of_digest(repository_id, Digest(place.reference))
        places = [Place(RefreshKind.TAG, place.repository, tag) for tag in tags]
        self._ask_for(store, places, refresh=refresh, crawl_id=refresh.crawl_id)

    # What is attached to a digest

    def _ask_for_referrers(self, store: Store, refresh: Refresh, digest: Digest) -> None:
        """Ask for the list of what is attached to a digest, where there may be one."""
        now = self._clock.now()
        priority = store.referrers.priority(self._registry.id, refresh.priority, now=now)
        if priority is not None:
            place = Place(RefreshKind.REFERRERS, refresh.place.repository, digest)
            asked = replace(refresh, priority=priority)
            self._ask_for(store, [place], refresh=asked, crawl_id=refresh.crawl_id)

    async def _refresh_referrers(self, refresh: Refresh) -> None:
        """Read what a list of referrers names, and ask for what else it makes to be read."""
        listed = await self._lists.read(refresh)
        if listed is None:
            await self._finish(refresh)
            return
        fetched = await self._reader.read_listed(refresh.place.repository, listed)

        def save(store: Store) -> None:
            repository_id = self._keep(store, fetched)
            places = self._lists.next_places(store, refresh, repository_id, listed)
            # No event told of these.
            asked = replace(refresh, newest_event_at=None)
            self._ask_for(store, places, refresh=asked, crawl_id=refresh.crawl_id)

        await self._finish(refresh, save)

    def _keep(self, store: Store, fetched: FetchedContent) -> int:
        now = self._clock.now()
        repository_id = store.content.repository_id(
            self._registry.id, fetched.repository, seen_at=now
        )
        store.untagged.leave_out(repository_id, left_out=False)
        content = ReadContent(tuple(fetched.manifests.values()), tuple(fetched.configs))
        store.content.put_content(repository_id, content, kinds=self._kinds, seen_at=now)
        for digest in fetched.linked:
            store.content.link_manifest(repository_id, digest, seen_at=now)
        return repository_id

    async def _look_again(self, refresh: Refresh) -> bool:
        """Put the refresh back when a push is not to be seen yet; False when it is not waited for.

        The distribution registry sends the event of a push before it writes the tag, so whoever is
        quick finds the tag where it was, or not at all. That is not stored: it would stand in the
        history behind the push. A push that was overtaken by another looks the same; it is not
        waited for long.
        """
        if refresh.expected_digest is None or refresh.tries >= len(SECOND_LOOKS):
            return False
        due_at = self._clock.now() + SECOND_LOOKS[refresh.tries]

        def put_back(store: Store) -> None:
            reason = f"{refresh.expected_digest} was pushed and is not to be seen yet"
            store.queue.put_back(refresh, due_at=due_at, reason=reason)

        await self._store.write(put_back)
        return True

    async def _finish(
        self, refresh: Refresh, change: Callable[[Store], object] = lambda _: None
    ) -> None:
        """Store a change and take the refresh out of the queue, in one transaction."""

        def finish(store: Store) -> None:
            change(store)
            store.queue.finish(refresh)
            if refresh.newest_event_at is not None:
                store.registries.set_event_applied(self._registry.id, refresh.newest_event_at)
            if refresh.crawl_id is not None:
                store.registries.count_crawl_work(refresh.crawl_id, refreshes=1)

        await self._store.write(finish)
