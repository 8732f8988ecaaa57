"""Reading content: a manifest with its config and, of an index, its children.

Only what the store does not have is asked for; what an earlier refresh could not read is tried
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from indexer.errors import AbsentError, DeniedError, RegistryError, TooLargeError
from indexer.extract import KindTable, config_descriptor
from indexer.model import Content, Descriptor, Digest, RepositoryName
from indexer.registry import RegistryClient
from indexer.store import RegistryRow, Store, StoreThread

log = structlog.get_logger()

INDEX_DEPTH_MAX = 4
CONTENT_MAX = 1_000
"""Children of an index that are read at most, over all depths."""


@dataclass(slots=True)
class FetchedContent:
    """What one refresh has read so far; ``linked`` is what the store has from elsewhere."""

    repository: RepositoryName
    manifests: dict[Digest, Content] = field(default_factory=dict)
    configs: list[tuple[Digest, bytes]] = field(default_factory=list)
    linked: list[Digest] = field(default_factory=list)
    seen: set[Digest] = field(default_factory=set)


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
    ) -> None:
        self._registry = registry
        self._client = client
        self._store = store
        self._kinds = kinds

    async def read(
        self, repository: RepositoryName, digest: Digest, manifest: Content | None
    ) -> FetchedContent:
        """Take in a manifest with all below it, or what is missing of one that is unchanged.

        None for ``manifest`` says that the store has it. :class:`RegistryError` when the registry
        did not say.
        """
        fetched = FetchedContent(repository)
        if manifest is None:
            await self._complete(fetched, digest, depth=0)
        else:
            await self._read_manifest(fetched, manifest)
        return fetched

    async def read_listed(
        self, repository: RepositoryName, listed: Sequence[Descriptor]
    ) -> FetchedContent:
        """Take in what a list of referrers names and the store does not have."""
        fetched = FetchedContent(repository)
        for one in listed:
            await self._read_child(fetched, one, depth=1)
        return fetched

    async def _read_manifest(
        self, fetched: FetchedContent, content: Content, *, depth: int = 0
    ) -> None:
        """Take in a manifest with its config and, of an index, its children."""
        fetched.manifests[content.digest] = content
        fetched.seen.add(content.digest)
        config = config_descriptor(content.manifest, kinds=self._kinds)
        if config is not None:
            await self._read_config(fetched, config)
        if depth < INDEX_DEPTH_MAX:
            for child in content.manifest.children:
                await self._read_child(fetched, child, depth=depth + 1)

    async def _read_config(self, fetched: FetchedContent, config: Descriptor) -> None:
        known = any(digest == config.digest for digest, _ in fetched.configs)
        if known or await self._store.read(lambda store: store.content.has_config(config.digest)):
            return
        try:
            body = config.data or await self._client.blob(fetched.repository, config)
        except (AbsentError, TooLargeError) as error:
            # The manifest is still found by what it says itself.
            log.warning("config_unread", repository=fetched.repository, reason=str(error))
            return
        fetched.configs.append((config.digest, body))

    async def _read_child(self, fetched: FetchedContent, child: Descriptor, *, depth: int) -> None:
        if child.digest in fetched.seen or len(fetched.seen) >= CONTENT_MAX:
            return
        fetched.seen.add(child.digest)
        repository = fetched.repository
        linked, whole = await self._store.read(
            lambda store: (
                is_linked(store, self._registry, repository, child.digest),
                self._is_whole(store, repository, child.digest),
            )
        )
        if linked:
            await self._complete(fetched, child.digest, depth=depth)
            return
        try:
            content = await self._client.manifest(
                repository, child.digest, known=child.digest if whole else None
            )
        except RegistryError as error:
            if error.temporary or isinstance(error, DeniedError):
                raise
            # Indexes with children that are missing, too large or of a type that the registry
            # does not hand out are common; the others still count.
            log.warning("child_unread", repository=repository, reason=str(error))
            return
        if content is None:
            fetched.linked.append(child.digest)
            return
        content = replace(content, media_type=child.media_type)
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
