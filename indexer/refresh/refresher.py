"""One refresh: read one target of a registry again and store the result.

A refresh never trusts the event that caused it. It removes content only if the registry itself
said that exactly this content is absent. After any other failure the store stays as it is.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from indexer.clock import Clock
from indexer.errors import AbsentError, NoCatalogError
from indexer.extract import KindTable
from indexer.model import Digest, RepositoryName, TagName, is_system_tag
from indexer.refresh.content import ContentReader, FetchedContent, is_linked
from indexer.refresh.flood import hasten_listed
from indexer.refresh.referrers import ReferrerLists
from indexer.refresh.removal import check_catalog, hide_tags
from indexer.registry import CatalogPage, RegistryClient
from indexer.store import (
    NO_CATALOG,
    LookResult,
    Priority,
    ReadContent,
    Refresh,
    RefreshKind,
    RefreshTarget,
    RegistryRow,
    Store,
    StoreThread,
)

log = structlog.get_logger()

TARGETS_PER_WRITE = 1_000
MANY_TAGS = 10_000
"""Repositories with more tags are read one after the other, because all of the tags are held."""
CONFIRMED_MAX = 1_000
"""Manifests without a tag that one crawl checks in one repository; the next one checks more."""
SECOND_LOOKS = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2.0, 5.0))
"""The pauses before a tag is read again, if a push is not visible yet."""


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
        confirmed_max: int = CONFIRMED_MAX,
    ) -> None:
        """Keep the parts; ``includes`` tells by name whether a repository is read."""
        self._includes = includes
        self._kinds = kinds
        self._confirmed_max = confirmed_max
        self._registry = registry
        self._client = client
        self._store = store
        self._clock = clock
        self._reader = ContentReader(
            registry=registry, client=client, store=store, kinds=kinds, may_read=self._may_read
        )
        self._many_tags = asyncio.Lock()
        self._lists = ReferrerLists(
            registry=registry, client=client, store=store, clock=clock, kinds=kinds
        )

    async def run(self, refresh: Refresh) -> None:
        """Read the target, store the result and take the refresh out of the queue.

        :class:`indexer.errors.RegistryError` if the registry gave no clear answer. Then nothing was
        removed, and the refresh is still in the queue.
        """
        repository = refresh.target.repository
        if repository and not self._includes(repository):
            await self._finish(refresh, lambda store: self._exclude(store, repository))
            return
        match refresh.target.kind:
            case RefreshKind.CATALOG:
                try:
                    await self._refresh_catalog(refresh)
                except NoCatalogError as error:
                    await self._refresh_known(refresh, error)
            case RefreshKind.REPOSITORY:
                await self._refresh_repository(refresh)
            case RefreshKind.TAG:
                await self._refresh_tag(refresh)
            case RefreshKind.DIGEST:
                await self._refresh_digest(refresh)
            case RefreshKind.REFERRERS:
                await self._refresh_referrers(refresh)
            case RefreshKind.LISTING:
                await hasten_listed(
                    refresh, client=self._client, store=self._store, clock=self._clock
                )

    def _may_read(self, _: Store, __: RepositoryName, ___: Digest) -> bool:
        """Tell whether the registry may be asked for the content of a digest."""
        return True

    # The whole registry

    async def _refresh_catalog(self, refresh: Refresh) -> None:
        """Ask for a refresh of every repository, known or listed.

        The known ones come with the first page, so that a crawl that continues after a kill does
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
            targets = [RefreshTarget(RefreshKind.REPOSITORY, name) for name in sorted(wanted)]
            wanted = set()

            def save(
                store: Store, targets: list[RefreshTarget] = targets, page: CatalogPage = page
            ) -> None:
                self._ask_for(store, targets, refresh=refresh, crawl_id=crawl_id)
                store.registries.save_catalog_page(
                    crawl_id, resume=page.resume, repositories=len(targets)
                )
                store.registries.mark_listed(crawl_id, page.names)
                if not page.resume and not page.is_chosen:
                    check_catalog(store, self._registry, crawl_id=crawl_id)

            if page.resume:
                await self._store.write(save)
            else:
                # Together with the last page: a kill in between would cause another reading.
                await self._finish(refresh, save)

    def go_without_catalog(self, store: Store, refresh: Refresh, reason: str) -> bool:
        """Let a crawl without a catalog read the known repositories; False if there are none.

        Many registries refuse their catalog to everybody. The caller holds a transaction.
        """
        targets = self._known_targets(store)
        if targets:
            self._ask_for_known(store, targets, refresh=refresh, reason=reason)
        return bool(targets)

    async def _refresh_known(self, refresh: Refresh, error: NoCatalogError) -> None:
        """Ask for a refresh of every known repository: there is no catalog, today or tomorrow.

        A registry that once had one fails, and its catalog is asked for again.
        """
        registry_id = self._registry.id
        if await self._store.read(lambda store: store.registries.had_catalog(registry_id)):
            raise error.__cause__ or error
        log.warning(
            "no_catalog",
            registry=self._registry.name,
            means=NO_CATALOG,
            remedy='to have others read too, name them: repositories = ["team/app"]',
            reason=str(error),
        )

        def save(store: Store) -> None:
            targets = self._known_targets(store)
            self._ask_for_known(store, targets, refresh=refresh, reason=NO_CATALOG)

        await self._finish(refresh, save)

    def _known_targets(self, store: Store) -> list[RefreshTarget]:
        known = filter(self._includes, self._known_repositories(store))
        return [RefreshTarget(RefreshKind.REPOSITORY, name) for name in sorted(known)]

    def _ask_for_known(
        self, store: Store, targets: list[RefreshTarget], *, refresh: Refresh, reason: str
    ) -> None:
        crawl_id = store.registries.start_crawl(self._registry.id, at=self._clock.now())
        self._ask_for(store, targets, refresh=refresh, crawl_id=crawl_id)
        store.registries.refuse_catalog(crawl_id, reason=reason, repositories=len(targets))

    def _known_repositories(self, store: Store) -> set[RepositoryName]:
        """Return the repositories with content in the search index, also without a tag."""
        registry_id = self._registry.id
        return {
            *store.repositories.list_visible(registry_id),
            *store.untagged.repositories(registry_id),
        }

    async def _refresh_repository(self, refresh: Refresh) -> None:
        """Ask for a refresh of every tag, known or listed.

        A tag or a repository that is missing in a listing may still exist. So each known tag is
        asked for by its name. A short crawl leaves out the tags that are both.
        """
        repository = refresh.target.repository
        async with AsyncExitStack() as alone:
            listed = await self._list_tags(repository, alone)
            known, untold, is_full = await self._store.read(
                lambda store: self._find_known(store, refresh)
            )
            wanted = listed | known if is_full else listed ^ known
            tags = await self._reader.order_tags(repository, wanted)
            waiting: list[RefreshTarget] = []

            def ask(store: Store, targets: list[RefreshTarget]) -> None:
                self._ask_for(store, targets, refresh=refresh, crawl_id=refresh.crawl_id)

            for kind, names in ((RefreshKind.TAG, tags), (RefreshKind.DIGEST, untold)):
                for start in range(0, len(names), TARGETS_PER_WRITE):
                    if waiting:
                        await self._store.write(partial(ask, targets=waiting))
                    chunk = names[start : start + TARGETS_PER_WRITE]
                    waiting = [RefreshTarget(kind, repository, name) for name in chunk]
        # The last ones come in the transaction of the end: most repositories need no other.
        await self._finish(refresh, partial(ask, targets=waiting))

    async def _list_tags(self, repository: RepositoryName, alone: AsyncExitStack) -> set[TagName]:
        """Return the tags that are listed. Nobody else reads many until ``alone`` is left."""
        listed: set[TagName] = set()
        is_alone = False
        async with aclosing(self._listed_tags(repository)) as pages:
            async for tags in pages:
                listed.update(tags)
                if len(listed) > MANY_TAGS and not is_alone:
                    await alone.enter_async_context(self._many_tags)
                    is_alone = True
        return listed

    async def _listed_tags(
        self, repository: RepositoryName
    ) -> AsyncGenerator[tuple[TagName, ...], None]:
        try:
            async for page in self._client.tags(repository):
                yield page
        except AbsentError:
            log.debug("repository_absent", repository=repository)

    def _find_known(
        self, store: Store, refresh: Refresh
    ) -> tuple[set[TagName], list[Digest], bool]:
        """Return the known tags of a repository, what else to confirm, and whether all are asked.

        No listing names what is to be confirmed, so a crawl would never notice its absence.
        """
        is_full = refresh.crawl_id is None or store.registries.is_full_crawl(refresh.crawl_id)
        repository_id = store.repositories.find(self._registry.id, refresh.target.repository)
        if repository_id is None:
            return set(), [], is_full
        known = set(store.content.tags(repository_id))
        if not is_full:
            return known, [], is_full
        has_api = store.referrers.has_api(self._registry.id)
        untold = store.presence.to_confirm(
            repository_id, has_api=has_api, limit=self._confirmed_max
        )
        return known, untold, is_full

    def _ask_for(
        self, store: Store, targets: list[RefreshTarget], *, refresh: Refresh, crawl_id: int | None
    ) -> None:
        store.queue.add(
            self._registry.id,
            targets,
            priority=refresh.priority,
            due_at=self._clock.now(),
            newest_event_at=refresh.newest_event_at,
            crawl_id=crawl_id,
            received_at=refresh.received_at,
        )

    # One tag, one digest

    async def _refresh_tag(self, refresh: Refresh) -> None:
        repository, tag = refresh.target.repository, TagName(refresh.target.reference)
        known = await self._store.read(lambda store: self._known_digest(store, repository, tag))
        with self._reader.open(repository) as fetched:
            try:
                digest = await self._reader.read_tag(
                    fetched, tag, known=known, in_crawl=not refresh.is_of_event
                )
            except AbsentError:
                if not await self._look_again(refresh):
                    await self._finish(
                        refresh, lambda store: self._note_absence(store, refresh, repository, tag)
                    )
                return

            def save(store: Store) -> None:
                repository_id = self._keep(store, fetched)
                is_moved = store.content.tag_digest(repository_id, tag) != digest
                if refresh.is_look:
                    result = LookResult.MOVED if is_moved else LookResult.UNCHANGED
                    store.measures.count_look(self._registry.id, result)
                if not is_system_tag(tag):
                    if is_moved:
                        self._note_untold(store, refresh)
                    # A look takes one request; a full crawl asks what else there is.
                    if is_moved or not refresh.is_look:
                        self._ask_for_referrers(store, refresh, digest)
                store.content.put_tag(repository_id, tag, digest, seen_at=self._clock.now())

            if digest == refresh.expected_digest or not await self._look_again(refresh):
                await self._finish(refresh, save)

    async def _refresh_digest(self, refresh: Refresh) -> None:
        repository, digest = refresh.target.repository, Digest(refresh.target.reference)
        is_push = refresh.expected_digest is not None
        linked = await self._store.read(
            lambda store: is_linked(store, self._registry, repository, digest)
        )
        with self._reader.open(repository) as fetched:
            try:
                await self._reader.read_digest(
                    fetched, digest, known=digest if linked else None, shares=is_push
                )
            except AbsentError:
                if not await self._look_again(refresh):
                    await self._finish(
                        refresh,
                        lambda store: self._forget_digest(store, refresh, repository, digest),
                    )
                return

            def save(store: Store) -> None:
                repository_id = self._keep(store, fetched)
                store.presence.confirm(repository_id, digest, at=self._clock.now())
                if not is_push:
                    # It was deleted and exists again, but perhaps not with its tags.
                    self._ask_for_tags(store, refresh, repository_id)

            await self._finish(refresh, save)

    def _note_untold(self, store: Store, refresh: Refresh) -> None:
        """Note a change if no event asked for the refresh that found it."""
        if not refresh.is_of_event:
            store.registries.set_untold(self._registry.id, at=self._clock.now())

    def _known_digest(
        self, store: Store, repository: RepositoryName, tag: TagName
    ) -> Digest | None:
        repository_id = store.repositories.find(self._registry.id, repository)
        if repository_id is None:
            return None
        digest = store.content.tag_digest(repository_id, tag)
        return digest if digest and store.content.is_linked(repository_id, digest) else None

    def _exclude(self, store: Store, repository: RepositoryName) -> None:
        """Take an excluded repository out of the search index; its history is kept."""
        repository_id = store.repositories.find(self._registry.id, repository)
        if repository_id is not None:
            for tag in store.content.tags(repository_id):
                store.content.hide_tag(repository_id, tag, seen_at=self._clock.now())
            store.untagged.exclude(repository_id, excluded=True)

    def _note_absence(
        self, store: Store, refresh: Refresh, repository: RepositoryName, tag: TagName
    ) -> None:
        """Hide an absent tag: at once after an event, else at the end of the crawl.

        A look leaves it to the next crawl, which alone sees whether suspiciously much is absent.
        """
        repository_id = store.repositories.find(self._registry.id, repository)
        if refresh.is_look:
            store.measures.count_look(self._registry.id, LookResult.ABSENT)
        if repository_id is None or refresh.is_look:
            return
        now = self._clock.now()
        if refresh.is_of_event:
            hide_tags(store, self._registry, repository_id, [tag], at=now)
        else:
            store.absences.add(repository_id, tag, crawl_id=refresh.crawl_id, seen_at=now)

    def _forget_digest(
        self, store: Store, refresh: Refresh, repository: RepositoryName, digest: Digest
    ) -> None:
        """Remove an absent digest, and ask for each of its tags: they may be gone or have moved.

        Without an event the digest is kept for a while, as tags are; in a crawl, until its end.
        """
        repository_id = store.repositories.find(self._registry.id, repository)
        if repository_id is None or not store.content.is_linked(repository_id, digest):
            return
        self._ask_for_tags(store, refresh, repository_id)
        if refresh.is_of_event:
            store.content.unlink_manifest(repository_id, digest)
        else:
            is_final = refresh.crawl_id is None
            store.presence.miss(repository_id, digest, at=self._clock.now(), is_final=is_final)

    def _ask_for_tags(self, store: Store, refresh: Refresh, repository_id: int) -> None:
        """Ask for every known tag that points at the digest of a refresh."""
        target = refresh.target
        tags = store.content.list_tags(repository_id, Digest(target.reference))
        targets = [RefreshTarget(RefreshKind.TAG, target.repository, tag) for tag in tags]
        self._ask_for(store, targets, refresh=refresh, crawl_id=refresh.crawl_id)

    # The attachments of a digest

    def _ask_for_referrers(self, store: Store, refresh: Refresh, digest: Digest) -> None:
        """Ask for the list of referrers of a digest, if there may be one."""
        now = self._clock.now()
        # What a look led to is no look: it is tried again until it is read.
        usual = Priority.CRAWL if refresh.is_look else refresh.priority
        priority = store.referrers.priority(self._registry.id, usual, now=now)
        if priority is not None:
            target = RefreshTarget(RefreshKind.REFERRERS, refresh.target.repository, digest)
            asked = replace(refresh, priority=priority)
            self._ask_for(store, [target], refresh=asked, crawl_id=refresh.crawl_id)

    async def _refresh_referrers(self, refresh: Refresh) -> None:
        """Read the manifests in a list of referrers, and ask for the next refreshes."""
        listed = await self._lists.read(refresh)
        if listed is None:
            await self._finish(refresh)
            return
        with self._reader.open(refresh.target.repository) as fetched:
            await self._reader.read_listed(fetched, listed)

            def save(store: Store) -> None:
                repository_id = self._keep(store, fetched)
                targets = self._lists.next_targets(store, refresh, repository_id, listed)
                # No event named these.
                asked = replace(refresh, newest_event_at=None, received_at=None)
                self._ask_for(store, targets, refresh=asked, crawl_id=refresh.crawl_id)

            await self._finish(refresh, save)

    def _keep(self, store: Store, fetched: FetchedContent) -> int:
        now = self._clock.now()
        repository_id = store.repositories.put(self._registry.id, fetched.repository, seen_at=now)
        store.untagged.exclude(repository_id, excluded=False)
        content = ReadContent(tuple(fetched.manifests.values()), tuple(fetched.configs))
        store.content.put_content(repository_id, content, kinds=self._kinds, seen_at=now)
        for digest in fetched.linked:
            store.content.link_manifest(repository_id, digest, seen_at=now)
        return repository_id

    async def _look_again(self, refresh: Refresh) -> bool:
        """Requeue the refresh if a push is not visible yet; False after the last try.

        The distribution registry sends the event of a push before it writes the tag. A quick
        reader finds the tag at its old digest, or no tag. That is not stored, because it would come
        after the push in the history. A push that another one replaced looks the same, so the
        tries end soon. What was for later has waited for as long as they take.
        """
        is_late = refresh.priority is Priority.LATER
        if refresh.expected_digest is None or is_late or refresh.tries >= len(SECOND_LOOKS):
            return False
        due_at = self._clock.now() + SECOND_LOOKS[refresh.tries]

        def requeue(store: Store) -> None:
            reason = f"{refresh.expected_digest} was pushed but is not visible yet"
            store.queue.requeue(refresh, due_at=due_at, reason=reason)

        await self._store.write(requeue)
        return True

    async def _finish(
        self, refresh: Refresh, change: Callable[[Store], object] = lambda _: None
    ) -> None:
        """Store a change and remove the refresh from the queue, in one transaction."""

        def finish(store: Store) -> None:
            change(store)
            store.queue.finish(refresh)
            store.measures.note_applied(refresh, at=self._clock.now())
            if refresh.newest_event_at is not None:
                store.registries.set_event_applied(self._registry.id, refresh.newest_event_at)
            if refresh.crawl_id is not None:
                store.registries.count_crawl_work(refresh.crawl_id, refreshes=1)

        await self._store.write(finish)
