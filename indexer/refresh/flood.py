"""Finding the real ones among too many events, by the lists of the registry."""

from datetime import timedelta

import structlog

from indexer.clock import Clock
from indexer.errors import RegistryError
from indexer.model import RepositoryName
from indexer.refresh.pace import LISTED_EVERY, listed_after
from indexer.registry import RegistryClient
from indexer.store import Priority, Refresh, Store, StoreThread

log = structlog.get_logger()

HASTENED_AT_ONCE = 100
"""Refreshes that one list makes due at once; another one follows after a second."""
PAUSE_MAX = timedelta(minutes=1)


async def hasten_listed(
    refresh: Refresh, *, client: RegistryClient, store: StoreThread, clock: Clock
) -> None:
    """Hasten the refreshes that wait and are in a list; names that are not may be invented.

    Known tags are hastened too, because one that is not listed may have been deleted. The list is
    read again, later each time, while any wait: what was pushed last may not be listed yet. What is
    never listed keeps its turn.
    """
    repository = refresh.target.repository
    listed = await _listed(client, repository)

    def save(opened: Store) -> None:
        later = opened.queue.later(refresh.registry_id, repository)
        real = _real(opened, refresh.registry_id, repository, listed)
        found = [number for number, name in later if name in real]
        now = clock.now()
        opened.queue.hasten(found[:HASTENED_AT_ONCE], due_at=now)
        if len(found) > HASTENED_AT_ONCE:
            opened.queue.finish(refresh)
            opened.queue.add(
                refresh.registry_id,
                [refresh.target],
                priority=Priority.EVENT,
                due_at=now + LISTED_EVERY,
                newest_event_at=refresh.newest_event_at,
            )
        elif later:
            pause = min(PAUSE_MAX, listed_after(repository) * 2 ** min(refresh.tries, 10))
            opened.queue.requeue(refresh, due_at=now + pause, reason="many events wait")
        else:
            opened.queue.finish(refresh)

    await store.write(save)


async def _listed(client: RegistryClient, repository: RepositoryName) -> set[str]:
    """Return the names of tags, or without a repository of repositories, that are listed."""
    names: set[str] = set()
    try:
        if repository:
            async for tags in client.tags(repository):
                names.update(tags)
        else:
            async for page in client.repositories():
                names.update(page.names)
    except RegistryError as error:
        # Whether the registry is at fault is seen by what is read itself.
        log.debug("not_listed", repository=repository, reason=str(error))
    return names


def _real(store: Store, registry_id: int, repository: RepositoryName, listed: set[str]) -> set[str]:
    """Return the tags that are listed or known, or the listed repositories that are not known."""
    if not repository:
        # Known ones have a list of their own.
        return listed - set(store.repositories.list_visible(registry_id))
    repository_id = store.repositories.find(registry_id, repository)
    return listed | set(store.content.tags(repository_id) if repository_id else ())
