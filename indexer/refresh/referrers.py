"""Lists of referrers: whether a registry has them, and what to read because of a list.

No list proves that something is absent. It only says what to ask for.
"""

from collections.abc import Sequence

import structlog

from indexer.clock import Clock
from indexer.errors import AbsentError, RegistryError
from indexer.extract import ClaimType, KindTable, read_attachment
from indexer.model import Descriptor, Digest, Manifest, ManifestKind
from indexer.registry import RegistryClient
from indexer.store import Refresh, RefreshKind, RefreshTarget, RegistryRow, Store, StoreThread

log = structlog.get_logger()

TRIES_MAX = 2
"""Tries of a list with wrong answers, before the registry counts as one without lists."""


class ReferrerLists:
    """The lists of referrers of one registry."""

    def __init__(
        self,
        *,
        registry: RegistryRow,
        client: RegistryClient,
        store: StoreThread,
        clock: Clock,
        kinds: KindTable,
    ) -> None:
        self._registry = registry
        self._client = client
        self._store = store
        self._clock = clock
        self._kinds = kinds

    async def read(self, refresh: Refresh) -> tuple[Descriptor, ...] | None:
        """Return the referrers of the digest of a refresh, as the registry lists them.

        None if the registry has no lists, which is remembered for a day, or does not know the
        digest. :class:`RegistryError` if a retry may help. A registry whose lists always fail
        counts as one without lists, so that everything else is read.
        """
        if not await self._store.read(self._is_due):
            return None
        digest, listed = Digest(refresh.target.reference), None
        try:
            listed = await self._client.referrers(refresh.target.repository, digest)
        except RegistryError as error:
            if error.temporary and refresh.tries < TRIES_MAX:
                raise
            if isinstance(error, AbsentError) and await self._store.read(self._has_api):
                return None
            log.warning("referrers_unread", registry=self._registry.name, reason=str(error))
        if listed is None:
            await self._store.write(lambda store: self._set_api(store, has_api=False))
        return listed

    def next_targets(
        self, store: Store, refresh: Refresh, repository_id: int, listed: Sequence[Descriptor]
    ) -> list[RefreshTarget]:
        """Store what a list says, and return what to read because of it:

        - known attachments that the list leaves out;
        - the lists of its entries; we look no deeper;
        - all other lists, if this is the first one.

        The caller holds a transaction.
        """
        repository, digest = refresh.target.repository, Digest(refresh.target.reference)
        for one in listed:
            store.presence.restore(repository_id, one.digest)
        names = {one.digest for one in listed}
        targets = [
            RefreshTarget(RefreshKind.DIGEST, repository, one)
            for one in store.referrers.unlisted(repository_id, digest, names)
        ]
        if not store.referrers.is_attached(digest):
            targets += [
                RefreshTarget(RefreshKind.REFERRERS, repository, one.digest)
                for one in listed
                if not self._is_signature(one)
            ]
        if self._set_api(store, has_api=True):
            # Without this one: a registry that has lists only sometimes would be asked for ever.
            everything = store.referrers.list_targets(self._registry.id)
            targets += [target for target in everything if target != refresh.target]
        return targets

    def _is_due(self, store: Store) -> bool:
        return store.referrers.is_due(self._registry.id, now=self._clock.now())

    def _has_api(self, store: Store) -> bool:
        return store.referrers.has_api(self._registry.id)

    def _set_api(self, store: Store, *, has_api: bool) -> bool:
        now = self._clock.now()
        return store.referrers.set_api(self._registry.id, has_api=has_api, at=now)

    def _is_signature(self, listed: Descriptor) -> bool:
        """Tell whether a list says that something is a signature, which nobody signs."""
        seen = Manifest(
            ManifestKind.IMAGE,
            listed.media_type,
            artifact_type=listed.artifact_type,
            annotations=listed.annotations,
        )
        attachment = read_attachment(seen, kinds=self._kinds)
        return attachment is not None and attachment.claims[0].type is ClaimType.SIGNATURE
