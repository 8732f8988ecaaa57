"""Hiding tags, and the mass-removal guard.

At the end of a crawl, hide what disappeared, unless suspiciously much did: then hold it back. A
registry whose disk is not mounted, or another registry at the same address, also answers 404 for
every single tag. Only the amount tells such a failure from a removal.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from indexer.model import Digest, TagName
from indexer.store import Absence, Priority, RefreshKind, RefreshTarget, RegistryRow, Store

log = structlog.get_logger()

LOST_MIN = 5
"""Fewer repositories are never suspicious: removing one of three by hand is ordinary."""
LOST_MAX = 100
"""More repositories are always suspicious, however large the registry is."""
LOST_SHARE = 5
"""Suspicious is more than one of this number of visible repositories: a fifth."""
SECOND_LOOK_AFTER = timedelta(minutes=10)
"""A second crawl confirms an absence if at least this time has passed since the first."""


def is_suspicious(lost: int, *, visible: int) -> bool:
    """Tell whether suspiciously many of the visible repositories of a registry are lost."""
    return lost > LOST_MAX or (lost >= LOST_MIN and lost * LOST_SHARE > visible)


def decide_removal(store: Store, registry: RegistryRow, *, at: datetime) -> bool:
    """Hide what a finished crawl did not find, or hold back all of it. True if it was hidden.

    The caller holds the transaction that ends the crawl.
    """
    absent = store.absences.list_in(registry.id, quarantined=False)
    if not absent:
        return store.presence.decide(registry.id, is_quarantined=False)
    found = store.absences.found(registry.id)
    lost = sum(one.is_lost for one in absent)
    visible = store.repositories.count_visible(registry.id)
    is_quarantined = is_suspicious(lost, visible=visible) and not _is_second_look(found)
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
        if found:
            store.registries.set_untold(registry.id, at=at)
    # Manifests without a tag do not count as lost; they share the decision about the tags.
    store.presence.decide(registry.id, is_quarantined=is_quarantined)
    # Some that this crawl could not ask for may still be held back.
    quarantined = store.absences.count_quarantined(registry.id)
    store.registries.set_quarantined(registry.id, quarantined)
    return bool(found) and not is_quarantined


def _is_second_look(found: Sequence[Absence]) -> bool:
    """Tell whether an earlier crawl, which was held back, found none of this either."""
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
    """Hide everything of a registry that is held back, because an operator confirmed it."""
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
    """Hide tags of a repository that do not exist, as the registry said.

    Some registries keep a manifest without tags and some do not, so each digest is asked for. The
    caller holds a transaction.
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
    """Tell whether a catalog leaves out suspiciously many of the known repositories."""
    return 0 < known == unlisted or is_suspicious(unlisted, visible=known)


def check_catalog(store: Store, registry: RegistryRow, *, crawl_id: int) -> None:
    """Count the known repositories that the catalog of a crawl left out; warn if suspicious.

    The caller holds the transaction that stores the last page of the catalog.
    """
    listed = store.registries.count_unlisted(crawl_id)
    if is_doubtful(known=listed.known, unlisted=listed.unlisted):
        log.warning(
            "catalog_not_believed",
            registry=registry.name,
            known=listed.known,
            unlisted=listed.unlisted,
        )
