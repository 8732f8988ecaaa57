"""The brake: what a whole crawl did not find any more is hidden at its end, unless it is too much.

A registry whose disk was not mounted, or another one behind the same address, says in a registry's
own words and for every single tag that it does not exist. Nothing tells that from a removal but how
much it is at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from indexer.model import Digest, TagName
from indexer.store import Absence, Place, Priority, RefreshKind, RegistryRow, Store

log = structlog.get_logger()

LOST_MIN = 5
"""Fewer repositories are never too many: to remove one of three by hand is ordinary."""
LOST_MAX = 100
"""More repositories are always too many, however large the registry is."""
LOST_SHARE = 5
"""More than one in so many of the visible repositories is too many."""
SECOND_LOOK_AFTER = timedelta(minutes=10)
"""How long something must have been absent for a second crawl to confirm it."""


def is_suspicious(lost: int, *, visible: int) -> bool:
    """Tell whether so many of a registry's visible repositories are not lost without a doubt."""
    return lost > LOST_MAX or (lost >= LOST_MIN and lost * LOST_SHARE > visible)


def decide_removal(store: Store, registry: RegistryRow, *, at: datetime) -> bool:
    """Hide what a crawl that is over did not find, or hold back all of it; True when it was hidden.

    Belongs into the transaction that ends the crawl.
    """
    absent = store.absences.of_registry(registry.id, held=False)
    if not absent:
        return store.presence.decide(registry.id, is_held=False)
    found = store.absences.found(registry.id)
    lost = sum(one.is_lost for one in absent)
    visible = store.content.count_repositories(registry.id)
    is_held = is_suspicious(lost, visible=visible) and not _is_second_look(found)
    if is_held:
        store.absences.hold(found)
        log.warning(
            "crawl_held_back",
            registry=registry.name,
            repositories=lost,
            visible=visible,
            accept=f"regsearch reconcile --accept {registry.name}",
        )
    else:
        for repository_id, tags in _by_repository(found).items():
            hide_tags(store, registry, repository_id, tags, at=at)
    # What no tag leads to has no say in how much is lost, and shares what becomes of the rest.
    store.presence.decide(registry.id, is_held=is_held)
    # Some may be held back still that this crawl could not ask for.
    held_back = store.absences.count_held_back(registry.id)
    store.registries.set_held_back(registry.id, held_back)
    return bool(found) and not is_held


def _is_second_look(found: Sequence[Absence]) -> bool:
    """Tell whether an earlier crawl that was held back did not find any of this either."""
    return all(one.held_at and one.seen_at - one.held_at >= SECOND_LOOK_AFTER for one in found)


def _by_repository(found: Sequence[Absence]) -> dict[int, list[TagName]]:
    tags: dict[int, list[TagName]] = {}
    for absence in found:
        tags.setdefault(absence.repository_id, []).append(absence.tag)
    return tags


def accept(store: Store, registry: RegistryRow, *, at: datetime) -> None:
    """Hide what is held back of a registry, on an operator's word."""
    held = store.absences.of_registry(registry.id, held=True)
    for repository in held:
        hide_tags(store, registry, repository.repository_id, repository.tags, at=at)
    log.info(
        "held_back_accepted",
        registry=registry.name,
        repositories=sum(one.is_lost for one in held),
        tags=sum(len(one.tags) for one in held),
    )


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


def is_doubtful(*, known: int, unlisted: int) -> bool:
    """Tell whether a catalog leaves out so much of what we know that it is hardly true."""
    return 0 < known == unlisted or is_suspicious(unlisted, visible=known)


def check_catalog(store: Store, registry: RegistryRow, *, crawl_id: int) -> None:
    """Keep how much the whole catalog of a crawl left out, and say so where it is doubtful.

    Belongs into the transaction that keeps its last page.
    """
    listed = store.registries.count_unlisted(crawl_id)
    if is_doubtful(known=listed.known, unlisted=listed.unlisted):
        log.warning(
            "catalog_not_believed",
            registry=registry.name,
            known=listed.known,
            unlisted=listed.unlisted,
        )
