"""Reading content: a manifest with its config and, of an index, its children.

Only what the store does not have is asked for, and once: refreshes that run side by side share
their reads. What an earlier refresh could not read is tried again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from indexer.errors import AbsentError, DeniedError, RegistryError, TooLargeError
from indexer.extract import KindTable, config_descriptor
from indexer.model import Content, Descriptor, Digest, RepositoryName, TagName
from indexer.refresh.aliases import (
    HEADS_IN_VAIN_MAX,
    RepositoryTags,
    TagEvidence,
    split_likely_aliases,
)
from indexer.refresh.shared import HeldReads, SharedReads
from indexer.registry import RegistryClient
from indexer.store import RegistryRow, Store, StoreThread

log = structlog.get_logger()

INDEX_DEPTH_MAX = 4
LARGE_BODY = 64 * 1_024
"""Bytes of a manifest that is parsed in a thread; those of usual size take less than that costs."""
FEW_TAGS = 100
"""Tags that are put in order in less time than a thread costs."""
CONTENT_MAX = 1_000
"""Children of an index that are read at most, over all depths."""
CONTENT_BYTES_MAX = 32 * 1_024 * 1_024
"""Bytes that one refresh reads before it leaves further children to the next one."""


@dataclass(slots=True)
class FetchedContent:
    """What one refresh has read so far; ``linked`` is what the store has from elsewhere."""

    repository: RepositoryName
    manifests: dict[Digest, Content] = field(default_factory=dict)
    configs: list[tuple[Digest, bytes]] = field(default_factory=list)
    linked: list[Digest] = field(default_factory=list)
    left_out: list[Digest] = field(default_factory=list)
    """What must not be read, or not yet."""
    seen: set[Digest] = field(default_factory=set)
    held_manifests: HeldReads[Content | None] = field(default_factory=HeldReads)
    held_configs: HeldReads[bytes] = field(default_factory=HeldReads)
    size_bytes: int = 0
    """The bytes of all bodies that were read."""


MayRead = Callable[[Store, RepositoryName, Digest], bool]
"""Tells whether the registry may be asked for the content of a digest."""


def is_linked(
    store: Store, registry: RegistryRow, repository: RepositoryName, digest: Digest
) -> bool:
    """Tell whether a repository served a manifest, as far as we know."""
    repository_id = store.repositories.find(registry.id, repository)
    return repository_id is not None and store.content.is_linked(repository_id, digest)


class ContentReader:
    """Reads the content of one registry."""

    def __init__(
        self,
        *,
        registry: RegistryRow,
        client: RegistryClient,
        store: StoreThread,
        kinds: KindTable,
        may_read: MayRead,
    ) -> None:
        self._may_read = may_read
        self._registry = registry
        self._client = client
        self._store = store
        self._kinds = kinds
        self._manifests: SharedReads[Content | None] = SharedReads()
        self._configs: SharedReads[bytes] = SharedReads()
        self._evidence = TagEvidence()
        self._heads_in_vain = 0
        self._parsing = asyncio.Lock()

    @contextmanager
    def open(self, repository: RepositoryName) -> Iterator[FetchedContent]:
        """Give what one refresh reads. Others share it until the end, when the store has it."""
        fetched = FetchedContent(repository)
        try:
            yield fetched
        finally:
            self._manifests.release(fetched.held_manifests)
            self._configs.release(fetched.held_configs)

    async def order_tags(
        self, repository: RepositoryName, tags: Collection[TagName]
    ) -> list[TagName]:
        """Return tags in the order to read them in: probable aliases of others come last."""
        if len(tags) <= FEW_TAGS:
            own, likely_aliases = split_likely_aliases(tags)
        else:
            # In a thread, because no other registry shall wait while many are put in order.
            own, likely_aliases = await asyncio.to_thread(split_likely_aliases, tags)
        self._evidence.expect(repository, likely_aliases)
        return [*own, *likely_aliases]

    async def read_tag(
        self, fetched: FetchedContent, tag: TagName, *, known: Digest | None, in_crawl: bool
    ) -> Digest:
        """Take in what a tag points at with all below it, and return its digest.

        ``known`` is where the store says it points. The many new tags of a crawl are read with the
        fewest bodies. :class:`RegistryError` when the registry did not say.
        """
        if known is not None or not in_crawl:
            digest = await self._get_tag(fetched, tag, known=known)
        else:
            digest = await self._find_new_tag(fetched, tag)
        try:
            await self._read_digest(fetched, digest)
        except AbsentError:
            # The tag moved since the registry told this digest without a body.
            digest = await self._get_tag(fetched, tag, known=None)
            await self._read_digest(fetched, digest)
        return digest

    async def _find_new_tag(self, fetched: FetchedContent, tag: TagName) -> Digest:
        """Return where a tag that is not in the store points; share the body if one came."""
        tags = self._evidence.find(fetched.repository)
        if tags.newest is None:
            async with tags.first:
                if tags.newest is None:
                    tags.newest = await self._get_tag(fetched, tag, known=None)
                    return tags.newest
        if tags.prefers_head(tag):
            digest = await self._client.digest(fetched.repository, tag)
            if digest is None:
                tags.heads_in_vain += 1
            else:
                await self._learn_from_head(fetched.repository, digest, tags)
                return digest
        guess = tags.newest
        with tags.getting():
            content = await self._client.manifest(fetched.repository, tag, known=guess)
            is_alias = content is None or await self._is_known(fetched.repository, content.digest)
            digest = self._share(fetched, content, known=guess)
        tags.learn(digest, is_alias=is_alias, by_head=False)
        return digest

    async def _learn_from_head(
        self, repository: RepositoryName, digest: Digest, tags: RepositoryTags
    ) -> None:
        is_alias = await self._is_known(repository, digest)
        if not is_alias:
            # One of the GETs that run may be about to tell the same digest.
            await tags.wait_for_gets()
            is_alias = await self._is_known(repository, digest)
        tags.learn(digest, is_alias=is_alias, by_head=True)

    async def _get_tag(
        self, fetched: FetchedContent, tag: TagName, *, known: Digest | None
    ) -> Digest:
        """Return where a tag points; share the body if one came."""
        if known is not None and await self._still_points(fetched.repository, tag, known):
            return known
        content = await self._client.manifest(fetched.repository, tag, known=known)
        return self._share(fetched, content, known=known)

    async def _still_points(self, repository: RepositoryName, tag: TagName, known: Digest) -> bool:
        """Tell whether HEAD says that a tag has not moved, where GET would send the whole body.

        False if it does not say so. Some registries do not tell the digest then, and are not asked
        like this for long.
        """
        if not self._client.ignores_conditions or self._heads_in_vain >= HEADS_IN_VAIN_MAX:
            return False
        digest = await self._client.digest(repository, tag)
        self._heads_in_vain = self._heads_in_vain + 1 if digest is None else 0
        return digest == known

    def _share(
        self, fetched: FetchedContent, content: Content | None, *, known: Digest | None
    ) -> Digest:
        if content is None:
            assert known is not None  # noqa: S101 - only what is known is answered with nothing
            return known
        key = (fetched.repository, content.digest)
        self._manifests.put(key, content, held=fetched.held_manifests)
        return content.digest

    async def _is_known(self, repository: RepositoryName, digest: Digest) -> bool:
        """Tell whether a manifest was read in this repository, be it a moment ago."""
        return (repository, digest) in self._manifests or await self._store.read(
            lambda store: is_linked(store, self._registry, repository, digest)
        )

    async def read_digest(
        self, fetched: FetchedContent, digest: Digest, *, known: Digest | None, shares: bool
    ) -> None:
        """Take in a manifest with all below it, or what is missing of one that is unchanged.

        The registry is asked for it in any case, unless the refresh ``shares`` the answer that
        another one gets. :class:`RegistryError` when the registry did not say.
        """
        if shares and known is None:
            await self._read_digest(fetched, digest)
            return
        content = await self._client.manifest(fetched.repository, digest, known=known)
        if content is None:
            await self._complete(fetched, digest, depth=0)
        else:
            await self._read_manifest(fetched, content)

    async def read_listed(self, fetched: FetchedContent, listed: Sequence[Descriptor]) -> None:
        """Take in what a list of referrers names and the store does not have."""
        for one in listed:
            await self._read_child(fetched, one, depth=1)

    async def _read_manifest(
        self, fetched: FetchedContent, content: Content, *, depth: int = 0
    ) -> None:
        """Take in a manifest with its config and, of an index, its children."""
        if len(content.body) > LARGE_BODY:
            # One after the other in a thread: otherwise all registries would wait for each.
            async with self._parsing:
                await asyncio.to_thread(content.parse)
        fetched.manifests[content.digest] = content
        fetched.size_bytes += len(content.body)
        fetched.seen.add(content.digest)
        config = config_descriptor(content.manifest, kinds=self._kinds)
        if config is not None:
            await self._read_config(fetched, config)
        if depth < INDEX_DEPTH_MAX:
            for child in content.manifest.children:
                await self._read_child(fetched, child, depth=depth + 1)

    async def _read_config(self, fetched: FetchedContent, config: Descriptor) -> None:
        repository, digest = fetched.repository, config.digest
        if any(known == digest for known, _ in fetched.configs):
            return
        known, may_read = await self._store.read(
            lambda store: (
                store.content.has_config(digest),
                bool(config.data) or self._may_read(store, repository, digest),
            )
        )
        if known:
            return
        if not may_read:
            fetched.left_out.append(digest)
            return
        try:
            body = config.data or await self._get_config(fetched, config)
        except (AbsentError, TooLargeError) as error:
            # The manifest is still found by what it says itself.
            log.warning("config_unread", repository=fetched.repository, reason=str(error))
            return
        fetched.configs.append((config.digest, body))
        fetched.size_bytes += len(body)

    async def _get_config(self, fetched: FetchedContent, config: Descriptor) -> bytes:
        async def get() -> bytes:
            return await self._client.blob(fetched.repository, config)

        is_shared = config.digest in self._configs
        try:
            return await self._configs.get(config.digest, get, held=fetched.held_configs)
        except AbsentError:
            if not is_shared:
                raise
            # The other refresh may have asked a repository without it.
            return await get()

    async def _read_child(self, fetched: FetchedContent, child: Descriptor, *, depth: int) -> None:
        if child.digest in fetched.seen or len(fetched.seen) >= CONTENT_MAX:
            return
        if fetched.size_bytes >= CONTENT_BYTES_MAX:
            log.warning("child_left", repository=fetched.repository, digest=child.digest)
            return
        try:
            await self._read_digest(fetched, child.digest, depth=depth, media_type=child.media_type)
        except RegistryError as error:
            if error.temporary or isinstance(error, DeniedError):
                raise
            # Indexes with children that are missing, too large or of a type that the registry
            # does not hand out are common; the others still count.
            log.warning("child_unread", repository=fetched.repository, reason=str(error))

    async def _read_digest(
        self, fetched: FetchedContent, digest: Digest, *, depth: int = 0, media_type: str = ""
    ) -> None:
        """Take in a manifest with all below it, asking only for what is missing."""
        fetched.seen.add(digest)
        repository, key = fetched.repository, (fetched.repository, digest)
        is_whole = False
        if key not in self._manifests:
            linked, is_whole, may_read = await self._store.read(
                lambda store: (
                    is_linked(store, self._registry, repository, digest),
                    self._is_whole(store, repository, digest),
                    self._may_read(store, repository, digest),
                )
            )
            if linked:
                await self._complete(fetched, digest, depth=depth)
                return
            if not may_read:
                fetched.left_out.append(digest)
                return

        async def get() -> Content | None:
            return await self._client.manifest(
                repository, digest, known=digest if is_whole else None
            )

        content = await self._manifests.get(key, get, held=fetched.held_manifests)
        if content is None:
            fetched.linked.append(digest)
            return
        content = replace(content, media_type=media_type or content.media_type)
        await self._read_manifest(fetched, content, depth=depth)

    async def _complete(self, fetched: FetchedContent, digest: Digest, *, depth: int) -> None:
        """Read what earlier refreshes could not, of a manifest in the store and all below it."""
        unfinished = await self._store.read(
            lambda store: self._unfinished(store, fetched.repository, digest)
        )
        for below, stored in unfinished:
            if stored.digest not in fetched.manifests:
                await self._read_manifest(fetched, stored, depth=depth + below)

    def _unfinished(
        self, store: Store, repository: RepositoryName, digest: Digest
    ) -> list[tuple[int, Content]]:
        """Return what is not whole of a manifest and those below it, with how far below."""
        repository_id = store.repositories.find(self._registry.id, repository) or 0
        found: list[tuple[int, Content]] = []
        level, seen = [digest], {digest}
        for below in range(INDEX_DEPTH_MAX + 1):
            children: list[Digest] = []
            for one in level:
                stored = store.content.manifest(repository_id, one, depth=1)
                if stored is None:
                    continue
                if not store.content.is_whole(repository_id, one):
                    found.append((below, stored))
                children += [child.digest for child in stored.children]
            level = [child for child in dict.fromkeys(children) if child not in seen]
            seen.update(level)
        return found

    def _is_whole(self, store: Store, repository: RepositoryName, digest: Digest) -> bool:
        """Tell whether all of a manifest is in the store and, below it, in this repository."""
        repository_id = store.repositories.find(self._registry.id, repository) or 0
        return store.content.has_manifest(digest) and store.content.is_whole(repository_id, digest)
