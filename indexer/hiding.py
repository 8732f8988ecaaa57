"""Hiding tags that are gone, and asking whether what they pointed at is gone with them."""

from collections.abc import Iterable
from datetime import datetime

from indexer.model.names import Digest, TagName
from indexer.store import Place, Priority, RefreshKind, RegistryRow, Store


def hide_tags(
    store: Store,
    registry: RegistryRow,
    repository_id: int,
    tags: Iterable[TagName],
    *,
    at: datetime,
) -> None:
    """Hide tags of a repository that the registry said do not exist.

    Some registries keep a manifest without tags, which is then to be found as such, and some do
    not. Belongs into a transaction.
    """
    left: dict[Digest, None] = {}
    for tag in tags:
        digest = store.content.tag_digest(repository_id, tag)
        store.content.hide_tag(repository_id, tag, seen_at=at)
        if digest is not None:
            left[digest] = None
    name = store.content.repository(repository_id).name
    places = [
        Place(RefreshKind.DIGEST, name, digest)
        for digest in left
        if store.untagged.find(repository_id, digest)
    ]
    store.queue.add(registry.id, places, priority=Priority.CRAWL, due_at=at)
