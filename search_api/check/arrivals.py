"""Whether what a registry has now arrived here, and whether its notifications do."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from indexer.clock import parse_rfc3339
from indexer.errors import StoreError
from indexer.model import RepositoryName, is_system_tag
from indexer.settings import RegistrySettings, Settings
from indexer.store import STORE_FILE, NotificationResult, Store
from search_api.check.findings import Finding, ok, warning, wrong
from search_api.check.registry import SeenContent, area_of
from search_api.search import ServiceStatus

_SHOWN_MAX = 3


def missing_here(directory: Path, registry: str, seen: SeenContent) -> list[str]:
    """Return what a registry showed and the store does not hold as it is, such as ``team/web:1``.

    Nothing without a store.
    """
    if not (directory / STORE_FILE).exists():
        return []
    try:
        with closing(Store(directory, read_only=True)) as store:
            return list(_missing(store, registry, seen))
    except StoreError:
        # Whoever looks at the store says it.
        return []


def _missing(store: Store, registry: str, seen: SeenContent) -> Iterator[str]:
    number = store.registries.registry_id(registry)
    known = set(store.repositories.list_visible(number)) if number is not None else set()
    for name in seen.names:
        # Some list repositories without a tag; those that were not looked at count as having one.
        if name not in known and seen.tags.get(name) != []:
            yield name
    for name, tags in seen.tags.items():
        if name not in known or number is None:
            continue
        row = store.repositories.find(number, RepositoryName(name))
        held = store.content.tags(row) if row is not None else {}
        for tag in tags:
            digest = seen.digests.get((name, tag))
            is_other = digest is not None and tag in held and held[tag] != digest
            if is_other or (tag not in held and not is_system_tag(tag)):
                yield f"{name}:{tag}"


def check_arrivals(
    settings: Settings,
    registry: RegistrySettings,
    seen: SeenContent,
    status: ServiceStatus | None,
    *,
    now: datetime,
) -> Iterator[Finding]:
    """Yield whether all arrived that a registry showed, and how its notifications do.

    ``status`` is None without a store.
    """
    if status is None:
        return
    missing = missing_here(settings.data_dir, registry.name, seen)
    if registry.notifications:
        yield from _check_notifications(settings, registry, seen, status, missing=missing, now=now)
    yield from _check_missing(registry, seen, status, missing)


def _check_notifications(
    settings: Settings,
    registry: RegistrySettings,
    seen: SeenContent,
    status: ServiceStatus,
    *,
    missing: list[str],
    now: datetime,
) -> Iterator[Finding]:
    area = area_of(registry)
    received = status.freshness.notifications(registry.name)
    block = f"`regsearch notifications {registry.name}`"
    if number := received.refused_since:
        last = received.by_result[NotificationResult.REFUSED]
        yield wrong(
            area,
            "webhook secret",
            f"{number} notifications were refused because of a wrong secret, the last one"
            f" {_ago(last.newest_at, now)}, from {last.sender}",
            f"put what {block} prints into the configuration of the registry, and restart it",
        )
    elif received.received_at is None:
        yield _never_notified(settings, registry, seen, block)
    elif missing:
        yield warning(
            area,
            "notifications",
            f"the last one came {_ago(received.received_at, now)}; of"
            f" {', '.join(missing[:_SHOWN_MAX])} none told, or it is not taken in yet",
            f"look into the log of the registry; compare its configuration with {block}",
        )
    else:
        yield ok(area, "notifications", f"the last one came {_ago(received.received_at, now)}")


def _never_notified(
    settings: Settings, registry: RegistrySettings, seen: SeenContent, block: str
) -> Finding:
    area, host = area_of(registry), settings.address()[0]
    if not any(seen.tags.values()):
        return ok(area, "notifications", "none came yet, and nothing was pushed yet")
    if _is_loopback(host) and not _is_loopback(urlsplit(registry.url).hostname or ""):
        return warning(
            area,
            "notifications",
            f"none ever came: {settings.listen} takes connections only from this host, and the"
            " registry may be on another",
            f'set listen = "0.0.0.0:{settings.address()[1]}", or let a proxy pass /webhooks/ on;'
            f" then put what {block} prints into the configuration of the registry",
        )
    return warning(
        area,
        "notifications",
        "none ever came, though the registry holds images",
        f"put what {block} prints into the configuration of the registry, restart it and push;"
        " set notifications = false if it cannot send any",
    )


def _check_missing(
    registry: RegistrySettings, seen: SeenContent, status: ServiceStatus, missing: list[str]
) -> Iterator[Finding]:
    area = area_of(registry)
    rows = [row for row in status.freshness.registries if row.name == registry.name]
    if not missing:
        if seen.tags:
            yield ok(area, "content", "what the registry has now is known here")
        return
    named = ", ".join(missing[:_SHOWN_MAX])
    value = f"{len(missing)} things that it has are not known here as they are, such as {named}"
    counts = status.freshness.journal.get(registry.name)
    waiting = sum(row.refreshes_waiting for row in rows) + (counts.waiting if counts else 0)
    if waiting:
        yield warning(
            area, "content", value, f"wait: {waiting} refreshes and events are to be done"
        )
    elif not rows or rows[0].last_complete_crawl_at is None:
        yield warning(area, "content", value, "wait for the first crawl: start regsearch serve")
    else:
        yield wrong(
            area, "content", value, f"`regsearch backfill {registry.name}` reads all of it now"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ago(moment: str, now: datetime) -> str:
    seconds = max(timedelta(), now - parse_rfc3339(moment)).total_seconds()
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"
