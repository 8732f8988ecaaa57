"""Reading content: a manifest with its config and, of an index, its children.

Only what the store does not have is asked for; what an earlier refresh could not read is tried
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from indexer.errors import AbsentError, DeniedError, RegistryError, TooLargeError
from indexer.extract import BUILT_IN, KindTable, config_descriptor
from indexer.model import Descriptor, Digest, RepositoryName, StoredManifest, parse_manifest
from indexer.registry import FetchedManifest, RegistryClient
from indexer.store import ReadManifest, RegistryRow, Store, StoreThread

log = structlog.get_logger()

INDEX_DEPTH_MAX = 4
CONTENT_MAX = 1_000
"""Children of an index that are read at most, over all depths."""


@dataclass(slots=True)
class Reading:
    """What one refresh has read so far; ``linked`` is what the store has from elsewhere."""

    repository: RepositoryName
    manifests: dict[Digest, ReadManifest] = field(default_factory=dict)
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
        kinds: KindTable = BUILT_IN,
    ) -> None:
        self._registry = registry
        self._client = client
        self._store = store
        self._kinds = kinds

    async def read(
        self, repository: RepositoryName, digest: Digest, fetched: FetchedManifest | None
    ) -> Reading:
        """Take in a manifest with all below it, or what is missing of one that is unchanged.

        None for ``fetched`` says that the store has it. :class:`RegistryError` when the registry
        did not say.
        """
        reading = Reading(repository)
        if fetched is None:
            await self._complete(reading, digest, depth=0)
        else:
            await self._read_manifest(reading, fetched)
        return reading

    async def read_listed(
        self, repository: RepositoryName, listed: Sequence[Descriptor]
    ) -> Reading:
        """Take in what a list of referrers names and the store does not have."""
        reading = Reading(repository)
        for one in listed:
            await self._read_child(reading, one, depth=1)
        return reading

    async def _read_manifest(
        self, reading: Reading, fetched: FetchedManifest, *, media_type: str = "", depth: int = 0
    ) -> None:
        """Take in a manifest with its config and, of an index, its children."""
        manifest = parse_manifest(
            fetched.body, media_type=media_type, content_type=fetched.content_type
        )
        config = config_descriptor(manifest, kinds=self._kinds)
        reading.manifests[fetched.digest] = ReadManifest(
            digest=fetched.digest,
            content_type=fetched.content_type,
            body=fetched.body,
            manifest=manifest,
            config_digest=config.digest if config else None,
        )
        reading.seen.add(fetched.digest)
        if config is not None:
            await self._read_config(reading, config)
        if depth < INDEX_DEPTH_MAX:
            for child in manifest.children:
                await self._read_child(reading, child, depth=depth + 1)

    async def _read_config(self, reading: Reading, config: Descriptor) -> None:
        known = any(digest == config.digest for digest, _ in reading.configs)
        if known or await self._store.read(lambda store: store.content.has_config(config.digest)):
            return
        try:
            body = config.data or await self._client.blob(reading.repository, config)
        except (AbsentError, TooLargeError) as error:
            # The manifest is still found by what it says itself.
            log.warning("config_unread", repository=reading.repository, reason=str(error))
            return
        reading.configs.append((config.digest, body))

    async def _read_child(self, reading: Reading, child: Descriptor, *, depth: int) -> None:
        if child.digest in reading.seen or len(reading.seen) >= CONTENT_MAX:
            return
        reading.seen.add(child.digest)
        repository = reading.repository
        linked, whole = await self._store.read(
            lambda store: (
                is_linked(store, self._registry, repository, child.digest),
                self._is_whole(store, repository, child.digest),
            )
        )
        if linked:
            await self._complete(reading, child.digest, depth=depth)
            return
        try:
            fetched = await self._client.manifest(
                repository, child.digest, known=child.digest if whole else None
            )
        except RegistryError as error:
            if error.temporary or isinstance(error, DeniedError):
                raise
            # Indexes with children that are missing, too large or of a type that the registry
            # does not hand out are common; the others still count.
            log.warning("child_unread", repository=repository, reason=str(error))
            return
        if fetched is None:
            reading.linked.append(child.digest)
            return
        await self._read_manifest(reading, fetched, media_type=child.media_type, depth=depth)

    async def _complete(self, reading: Reading, digest: Digest, *, depth: int) -> None:
        """Read what earlier refreshes could not, of a manifest in the store and all below it."""
        unfinished = await self._store.read(
            lambda store: self._unfinished(store, reading.repository, digest)
        )
        for below, stored in unfinished:
            if stored.digest not in reading.manifests:
                fetched = FetchedManifest(stored.digest, stored.content_type, stored.body)
                await self._read_manifest(reading, fetched, depth=depth + below)

    def _unfinished(
        self, store: Store, repository: RepositoryName, digest: Digest
    ) -> list[tuple[int, StoredManifest]]:
        """Return what is not whole of a manifest and those below it, with how far below."""
        repository_id = store.repositories.find(self._registry.id, repository) or 0
        found: list[tuple[int, StoredManifest]] = []
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
