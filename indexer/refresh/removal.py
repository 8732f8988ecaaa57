"""The brake: what a whole crawl did not find any more is hidden at its end, unless it is too much.

A registry whose disk was not mounted, or another one behind the same address, says in a registry's
own words and for every single tag that it does not exist. Nothing tells that from a removal but how
much it is at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from indexer.model import Digest, TagName
from indexer.store import Absence, Priority, RefreshKind, RefreshTarget, RegistryRow, Store

log = structlog.get_logger()

LOST_MIN = 5
"""Fewer repositories are never too many: to remove one of three by hand is ordinary."""
LOST_MAX = 100
"""More repositories are always too many, however large the registry is."""
LOST_SHARE = 5
"""More than one in so many of the visible repositories is too many."""
SECOND_LOOK_AFTER = timedelta(minutes=10)
"""How long something must have been absent for a second crawl to confirm it."""


def is_too_much(lost: int, *, visible: int) -> bool:
    """Tell whether so many of a registry's visible repositories are not lost without a doubt."""
    return lost > LOST_MAX or (lost >= LOST_MIN and lost * LOST_SHARE > visible)


def decide(store: Store, registry: RegistryRow, *, at: datetime) -> bool:
    """Hide what a crawl that is over did not find, or quarantine all of it.

    True when it was hidden. Belongs into the transaction that ends the crawl.
    """
    absent = store.absences.list_in(registry.id, quarantined=False)
    if not absent:
        return store.presence.decide(registry.id, is_quarantined=False)
    found = store.absences.found(registry.id)
    lost = sum(one.is_lost for one in absent)
    visible = store.repositories.count_visible(registry.id)
    is_quarantined = is_too_much(lost, visible=visible) and not _is_second_look(found)
    if is_quarantined:
        store.absences.quarantine(found)
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
    store.presence.decide(registry.id, is_quarantined=is_quarantined)
    # Some may be quarantined still that this crawl could not ask for.
    quarantined = store.absences.count_quarantined(registry.id)
    store.registries.set_quarantined(registry.id, quarantined)
    return bool(found) and not is_quarantined


def _is_second_look(found: Sequence[Absence]) -> bool:
    """Tell whether an earlier crawl that was quarantined did not find any of this either."""
    return all(
        one.quarantined_at and one.seen_at - one.quarantined_at >= SECOND_LOOK_AFTER
        for one in found
    )


def _by_repository(found: Sequence[Absence]) -> dict[int, list[TagName]]:
    tags: dict[int, list[TagName]] = {}
    for absence in found:
        tags.setdefault(absence.repository_id, []).append(absence.tag)
    return tags


def accept(store: Store, registry: RegistryRow, *, at: datetime) -> None:
    """Hide what is quarantined of a registry, on an operator's word."""
    quarantined = store.absences.list_in(registry.id, quarantined=True)
    for repository in quarantined:
        hide_tags(store, registry, repository.repository_id, repository.tags, at=at)
    log.info(
        "held_back_accepted",
        registry=registry.name,
        repositories=sum(one.is_lost for one in quarantined),
        tags=sum(len(one.tags) for one in quarantined),
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
    name = store.repositories.get(repository_id).name
    targets = [
        RefreshTarget(RefreshKind.DIGEST, name, digest)
        for digest in left
        if store.untagged.find(repository_id, digest)
    ]
    store.queue.add(registry.id, targets, priority=Priority.CRAWL, due_at=at)


def is_doubtful(*, known: int, unlisted: int) -> bool:
    """Tell whether a catalog leaves out so much of what we know that it is hardly true."""
    return 0 < known == unlisted or is_too_much(unlisted, visible=known)


def doubt_catalog(store: Store, registry: RegistryRow, *, crawl_id: int) -> None:
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
