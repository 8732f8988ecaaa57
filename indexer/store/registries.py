"""What we know about each registry as a whole: how fresh our copy is, and its crawls."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import RepositoryName
from indexer.store.absences import AbsenceTables
from indexer.store.pulled import PulledTables
from indexer.store.queue import Priority
from indexer.store.stale import StaleDocuments

SOURCES_MAX = 32
"""Processes of one registry that are remembered."""
NO_CATALOG = "no catalog: only what notifications name is known"
"""Why a crawl goes on without a catalog, where the registry has none. It is no error."""


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """A registry that the settings name.

    ``pull_through_ttl`` is how long it keeps what it pulled from another registry; None if it is
    no such cache. ``token_origin`` is scheme, host and port of its token service, "" if unknown.
    """

    id: int
    name: str
    url: str
    registry_host: str
    pull_through_ttl: timedelta | None = None
    token_origin: str = ""


@dataclass(frozen=True, slots=True)
class Crawl:
    """One reading of a whole registry: how far it is and, at its end, whether it was complete.

    ``quarantined`` is how many repositories were still shown at its end that it did not find.
    ``unlisted`` counts the repositories that we know and that the catalog did not list; None until
    the catalog was read to its end. ``catalog_error`` is why the catalog cannot be read at all.
    """

    id: int
    registry_id: int
    started_at: str
    resume: str
    catalog_read: bool
    repositories: int
    refreshes: int
    waiting: int
    set_aside: int
    finished_at: str | None
    complete: bool | None
    quarantined: int
    unlisted: int | None = None
    catalog_error: str | None = None
    is_full: bool = True
    """Whether it asks for every tag; a short one leaves out the known ones that are listed."""


@dataclass(frozen=True, slots=True)
class FullCrawl:
    """When the newest full crawl of a registry began, and how many crawls began since."""

    started_at: datetime
    later: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What a whole catalog left out of the repositories that were known when its crawl began."""

    known: int
    unlisted: int


@dataclass(frozen=True, slots=True)
class RegistryFreshness:
    """How true answers about a registry are, as far as the store knows."""

    name: str
    newest_event_applied_at: str | None
    refreshes_waiting: int
    set_aside: int
    last_complete_crawl_at: str | None
    first_backfill_running: bool
    error: str | None
    error_at: str | None
    restarted_at: str | None
    requests: int
    quarantined: int
    last_complete_crawl_started_at: str | None = None
    """That crawl saw what happened before this time."""
    notifies: bool = True
    """Whether the settings say that the registry sends notifications."""
    untold_at: str | None = None
    """When a crawl last found a change of which no notification told."""
    lost_at: str | None = None
    """When events were last found to be lost, because store and journal do not fit."""
    paused_until: str | None = None
    """Until when it is left alone, because it failed or asked for that; None while it is read."""
    pause_reason: str | None = None
    """The answer because of which it is left alone; it names the place."""
    has_catalog: bool = True
    """Whether it has a list of its repositories, as far as the newest crawl told."""


_CRAWLS = """
SELECT id, registry_id, started_at, resume, catalog_read, repositories, refreshes,
    (SELECT count(*) FROM queue WHERE crawl_id = crawls.id AND queue.set_aside = 0),
    CASE WHEN finished_at IS NULL
        THEN (SELECT count(*) FROM queue WHERE crawl_id = crawls.id AND queue.set_aside = 1)
        ELSE set_aside END,
    finished_at, complete, held_back, unlisted, catalog_error, is_full
FROM crawls WHERE """


class RegistryTables:
    """The registries and crawls inside the store; its methods join the caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        absences: AbsenceTables,
        pulled: PulledTables,
        stale: StaleDocuments,
    ) -> None:
        self._database = database
        self._absences = absences
        self._pulled = pulled
        self._stale = stale

    def put(
        self,
        name: str,
        *,
        url: str,
        registry_host: str,
        notifies: bool = True,
        pull_through_ttl: timedelta | None = None,
    ) -> RegistryRow:
        """Write a registry of the settings and return its row.

        Documents tell the registry host, so all are to be made again when it is another. A registry
        at another address may have another token service.
        """
        moved = self._database.execute(
            "SELECT 1 FROM registries WHERE name = ? AND (registry_host <> ? OR removed)",
            [name, registry_host],
        ).fetchone()
        if moved:
            self._stale.mark_registry(name)
        self._database.execute(
            "INSERT INTO registries (name, url, registry_host, notifies) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET"
            " token_origin = CASE url WHEN excluded.url THEN token_origin ELSE '' END,"
            " url = excluded.url, removed = 0,"
            " registry_host = excluded.registry_host, notifies = excluded.notifies",
            [name, url, registry_host, notifies],
        )
        row = self._database.execute(
            "SELECT id, token_origin FROM registries WHERE name = ?", [name]
        ).fetchone()
        if pull_through_ttl is None:
            self._pulled.forget(row[0])
        return RegistryRow(row[0], name, url, registry_host, pull_through_ttl, row[1])

    def set_token_origin(self, registry_id: int, origin: str) -> None:
        """Write which token service a registry has: scheme, host and port."""
        self._database.execute(
            "UPDATE registries SET token_origin = ? WHERE id = ?", [origin, registry_id]
        )

    def token_origin(self, name: str) -> str:
        """Return scheme, host and port of the token service of a registry; "" if unknown."""
        row = self._database.execute(
            "SELECT token_origin FROM registries WHERE name = ?", [name]
        ).fetchone()
        return row[0] if row else ""

    def remove(self, name: str) -> None:
        """Write that the settings do not name a registry any more; its history is kept."""
        self._stale.mark_registry(name)
        self._database.execute("UPDATE registries SET removed = 1 WHERE name = ?", [name])

    def set_answered(self, registry_id: int) -> None:
        """Write that a registry answers again as it should."""
        self._database.execute(
            "UPDATE registries SET error = NULL, error_at = NULL WHERE id = ?", [registry_id]
        )

    def set_error(self, registry_id: int, error: str, *, at: datetime) -> None:
        """Write why a registry could not be read."""
        self._database.execute(
            "UPDATE registries SET error = ?, error_at = ? WHERE id = ?",
            [error[:1_000], rfc3339(at), registry_id],
        )

    def pause(self, registry_id: int, *, until: datetime, reason: str) -> None:
        """Write until when a registry is left alone, and the answer because of which."""
        self._database.execute(
            "UPDATE registries SET paused_until = ?, pause_reason = ? WHERE id = ?",
            [rfc3339(until), reason[:1_000], registry_id],
        )

    def end_pause(self, registry_id: int) -> None:
        """Write that a registry is read again."""
        self._database.execute(
            "UPDATE registries SET paused_until = NULL, pause_reason = NULL"
            " WHERE id = ? AND paused_until IS NOT NULL",
            [registry_id],
        )

    def count_requests(self, registry_id: int, requests: int) -> None:
        """Count requests that were sent to a registry."""
        self._database.execute(
            "UPDATE registries SET requests = requests + ? WHERE id = ?", [requests, registry_id]
        )

    def set_event_applied(self, registry_id: int, event_at: datetime) -> None:
        """Move the time of the newest event whose effect is in the store."""
        self._database.execute(
            "UPDATE registries SET newest_event_applied_at ="
            " max(coalesce(newest_event_applied_at, ''), ?) WHERE id = ?",
            [rfc3339(event_at), registry_id],
        )

    def set_source(self, registry_id: int, source: str, *, at: datetime) -> bool:
        """Write which run of the registry process sent events; True when it is a new one.

        A registry may be several processes that send by turns, so the latest ones are remembered.
        """
        row = self._database.execute(
            "SELECT source FROM registries WHERE id = ?", [registry_id]
        ).fetchone()
        known: list[str] = json.loads(row[0] or "[]")
        if source in known:
            return False
        self._database.execute(
            "UPDATE registries SET source = ?, restarted_at ="
            " CASE WHEN source = '' THEN restarted_at ELSE ? END WHERE id = ?",
            [json.dumps([*known, source][-SOURCES_MAX:]), rfc3339(at), registry_id],
        )
        return bool(known)

    def set_untold(self, registry_id: int, *, at: datetime) -> None:
        """Write that a crawl found a change of which no notification told.

        Everything is new to the first complete crawl, and to the one after a loss of events.
        """
        self._database.execute(
            "UPDATE registries SET untold_at = ? WHERE id = ? AND EXISTS (SELECT 1 FROM crawls"
            " WHERE registry_id = registries.id AND complete = 1 AND is_full"
            " AND started_at > coalesce(lost_at, ''))",
            [rfc3339(at), registry_id],
        )

    def set_lost(self, *, at: datetime) -> int:
        """Write that events of each registry that was ever read may be lost; return how many."""
        cursor = self._database.execute(
            "UPDATE registries SET lost_at = ?"
            " WHERE EXISTS (SELECT 1 FROM crawls WHERE registry_id = registries.id)",
            [rfc3339(at)],
        )
        return cursor.rowcount

    def events_lost_at(self, registry_id: int) -> datetime | None:
        """Return when events of a registry were last lost; None for never.

        A new process of it was seen after another, or store and journal do not fit.
        """
        row = self._database.execute(
            "SELECT max(coalesce(restarted_at, ''), coalesce(lost_at, '')) FROM registries"
            " WHERE id = ?",
            [registry_id],
        ).fetchone()
        return parse_rfc3339(row[0]) if row[0] else None

    def start_crawl(self, registry_id: int, *, at: datetime, is_full: bool = True) -> int:
        """Begin a crawl and return its number; one that runs already goes on as it is.

        What was set aside is tried again as a part of it, also what no listing names any more.
        """
        row = self._database.execute(
            "SELECT id FROM crawls WHERE registry_id = ? AND finished_at IS NULL", [registry_id]
        ).fetchone()
        if row:
            return int(row[0])
        cursor = self._database.execute(
            "INSERT INTO crawls (registry_id, started_at, is_full) VALUES (?, ?, ?)",
            [registry_id, rfc3339(at), is_full],
        )
        self._database.execute(
            "UPDATE queue SET set_aside = 0, tries = 0, due_at = ?, crawl_id = ?"
            " WHERE registry_id = ? AND set_aside = 1",
            [rfc3339(at), cursor.lastrowid, registry_id],
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
        return cursor.lastrowid

    def save_catalog_page(self, crawl_id: int, *, resume: str, repositories: int) -> None:
        """Write how far the catalog of a crawl was read; an empty ``resume`` means to its end.

        A catalog that is read again from its beginning is counted anew.
        """
        self._database.execute(
            "UPDATE crawls SET resume = ?, catalog_read = ?,"
            " repositories = ? + CASE WHEN resume = '' THEN 0 ELSE repositories END WHERE id = ?",
            [resume, not resume, repositories, crawl_id],
        )

    def refuse_catalog(self, crawl_id: int, *, reason: str, repositories: int) -> None:
        """Write that a crawl goes on without a catalog, with the repositories that we know."""
        self._database.execute(
            "UPDATE crawls SET catalog_error = ?, repositories = ? WHERE id = ?",
            [reason, repositories, crawl_id],
        )

    def had_catalog(self, registry_id: int) -> bool:
        """Tell whether the catalog of a registry was ever read to its end."""
        found = self._database.execute(
            "SELECT 1 FROM crawls WHERE registry_id = ? AND unlisted IS NOT NULL LIMIT 1",
            [registry_id],
        ).fetchone()
        return found is not None

    def mark_listed(self, crawl_id: int, names: Iterable[RepositoryName]) -> None:
        """Write which repositories a page of a crawl's catalog listed; those we know are enough."""
        self._database.conn.executemany(
            "UPDATE repositories SET listed_in = ?1 WHERE name = ?2"
            " AND registry_id = (SELECT registry_id FROM crawls WHERE id = ?1)",
            [(crawl_id, name) for name in names],
        )

    def count_unlisted(self, crawl_id: int) -> Listed:
        """Count the visible repositories that the whole catalog of a crawl left out; keep that.

        What was first seen while the crawl ran may have come after its page.
        """
        known, unlisted = self._database.execute(
            "SELECT count(*), coalesce(sum(listed_in IS NOT crawls.id), 0) FROM crawls"
            " JOIN repositories USING (registry_id)"
            " WHERE crawls.id = ? AND first_seen_at < started_at AND EXISTS"
            " (SELECT 1 FROM tags WHERE repository_id = repositories.id AND hidden_at IS NULL)",
            [crawl_id],
        ).fetchone()
        self._database.execute("UPDATE crawls SET unlisted = ? WHERE id = ?", [unlisted, crawl_id])
        return Listed(known, unlisted)

    def count_omitted(self, crawl_id: int) -> int:
        """Count the repositories that the catalog of a crawl left out although they are there.

        Those that the crawl asked for in vain, because they are gone, do not count.
        """
        row = self._database.execute(
            "SELECT count(*) FROM crawls JOIN repositories USING (registry_id)"
            " WHERE crawls.id = ? AND first_seen_at < started_at AND listed_in IS NOT crawls.id"
            " AND EXISTS (SELECT 1 FROM tags WHERE repository_id = repositories.id"
            "  AND hidden_at IS NULL AND name NOT IN (SELECT tag FROM absences"
            "   WHERE absences.repository_id = repositories.id))",
            [crawl_id],
        ).fetchone()
        return int(row[0])

    def count_crawl_work(self, crawl_id: int, *, refreshes: int) -> None:
        """Count refreshes that a crawl finished."""
        self._database.execute(
            "UPDATE crawls SET refreshes = refreshes + ? WHERE id = ?", [refreshes, crawl_id]
        )

    def finish_crawls(self, registry_id: int, *, at: datetime) -> list[Crawl]:
        """End the crawls of a registry that have nothing left to do and return them.

        A crawl is complete when its catalog was read to the end and nothing was set aside.
        """
        running = (
            "registry_id = ? AND finished_at IS NULL"
            " AND (catalog_read = 1 OR catalog_error IS NOT NULL)"
        )
        ended = [crawl for crawl in self._crawls(running, [registry_id]) if crawl.waiting == 0]
        for crawl in ended:
            complete = crawl.catalog_read and crawl.set_aside == 0
            self._end(crawl.id, at=at, complete=complete, set_aside=crawl.set_aside)
        return ended

    def end_crawl(self, registry_id: int, *, at: datetime) -> None:
        """End the running crawl of a registry whose catalog cannot be read, as incomplete."""
        self._end_running(registry_id, "1", at=at)

    def end_short_crawl(self, registry_id: int, *, at: datetime) -> None:
        """End the running crawl of a registry as incomplete if it is a short one.

        So that who asks for a crawl gets a full one.
        """
        self._end_running(registry_id, "NOT is_full", at=at)

    def _end_running(self, registry_id: int, condition: str, *, at: datetime) -> None:
        running = f"registry_id = ? AND finished_at IS NULL AND {condition}"
        for crawl in self._crawls(running, [registry_id]):
            self._end(crawl.id, at=at, complete=False, set_aside=crawl.set_aside)

    def is_full_crawl(self, crawl_id: int) -> bool:
        """Tell whether a crawl asks for every tag, as one does of which nothing is known."""
        row = self._database.execute(
            "SELECT is_full FROM crawls WHERE id = ?", [crawl_id]
        ).fetchone()
        return row is None or bool(row[0])

    def full_crawl(self, registry_id: int) -> FullCrawl | None:
        """Return the newest full crawl of a registry that ended; None before the first."""
        row = self._database.execute(
            "SELECT started_at, (SELECT count(*) FROM crawls AS later"
            "  WHERE later.registry_id = crawls.registry_id AND later.id > crawls.id)"
            " FROM crawls WHERE registry_id = ? AND is_full AND finished_at IS NOT NULL"
            " AND (catalog_read = 1 OR catalog_error IS NOT NULL) ORDER BY id DESC LIMIT 1",
            [registry_id],
        ).fetchone()
        return FullCrawl(parse_rfc3339(row[0]), row[1]) if row else None

    def set_quarantined(self, registry_id: int, repositories: int) -> None:
        """Write how many repositories are quarantined at the end of the newest crawl."""
        self._database.execute(
            "UPDATE crawls SET held_back = ?"
            " WHERE id = (SELECT max(id) FROM crawls WHERE registry_id = ?)",
            [repositories, registry_id],
        )

    def _end(self, crawl_id: int, *, at: datetime, complete: bool, set_aside: int) -> None:
        self._database.execute(
            "UPDATE crawls SET finished_at = ?, complete = ?, set_aside = ? WHERE id = ?",
            [rfc3339(at), complete, set_aside, crawl_id],
        )
        self._database.execute("UPDATE queue SET crawl_id = NULL WHERE crawl_id = ?", [crawl_id])

    def latest_crawl(self, registry_id: int) -> Crawl | None:
        """Return the newest crawl of a registry, running or not; None before the first."""
        found = self._crawls(
            "crawls.id = (SELECT max(id) FROM crawls WHERE registry_id = ?)", [registry_id]
        )
        return found[0] if found else None

    def latest_crawls(self) -> dict[str, Crawl | None]:
        """Return the newest crawl of each registry of the settings, by name."""
        newest = self._crawls("crawls.id IN (SELECT max(id) FROM crawls GROUP BY registry_id)")
        by_registry = {crawl.registry_id: crawl for crawl in newest}
        rows = self._database.execute("SELECT name, id FROM registries WHERE NOT removed")
        return {name: by_registry.get(number) for name, number in rows}

    def registry_id(self, name: str) -> int | None:
        """Return the number of a registry, None when the store does not know it."""
        row = self._database.execute("SELECT id FROM registries WHERE name = ?", [name]).fetchone()
        return row[0] if row else None

    def freshness(self) -> list[RegistryFreshness]:
        """Return how fresh our copy of each registry of the settings is, by name.

        A catalog that is refused is an error until one is read, whatever else is answered. That
        there is none is no error. Looks at tags that may have moved are not waited for.
        """
        rows = self._database.execute(
            """
            SELECT name, newest_event_applied_at,
                (SELECT count(*) FROM queue WHERE registry_id = registries.id AND set_aside = 0
                 AND priority < :look),
                (SELECT count(*) FROM queue WHERE registry_id = registries.id AND set_aside = 1),
                whole.finished_at,
                EXISTS (SELECT 1 FROM crawls
                  WHERE registry_id = registries.id AND finished_at IS NULL),
                coalesce(error, nullif(latest.catalog_error, :none)),
                CASE WHEN error IS NOT NULL THEN error_at
                  WHEN latest.catalog_error IS NOT :none THEN latest.started_at END,
                restarted_at, requests, registries.id, whole.started_at, notifies, untold_at,
                lost_at, paused_until, pause_reason, latest.catalog_error IS NOT :none
            FROM registries LEFT JOIN crawls AS latest
                ON latest.catalog_error IS NOT NULL AND latest.id =
                (SELECT max(id) FROM crawls WHERE registry_id = registries.id)
            LEFT JOIN crawls AS whole ON whole.id =
                (SELECT id FROM crawls WHERE registry_id = registries.id AND complete = 1
                 AND is_full ORDER BY id DESC LIMIT 1)
            WHERE NOT removed ORDER BY name
            """,
            {"none": NO_CATALOG, "look": int(Priority.LOOK)},
        )
        return [
            RegistryFreshness(
                name=row[0],
                newest_event_applied_at=row[1],
                refreshes_waiting=row[2],
                set_aside=row[3],
                last_complete_crawl_at=row[4],
                first_backfill_running=bool(row[5]) and row[4] is None,
                error=row[6],
                error_at=row[7],
                restarted_at=row[8],
                requests=row[9],
                quarantined=self._absences.count_quarantined(row[10]),
                last_complete_crawl_started_at=row[11],
                notifies=bool(row[12]),
                untold_at=row[13],
                lost_at=row[14],
                paused_until=row[15],
                pause_reason=row[16],
                has_catalog=bool(row[17]),
            )
            for row in rows
        ]

    def _crawls(self, where: str, parameters: Sequence[object] = ()) -> list[Crawl]:
        rows = self._database.execute(_CRAWLS + where, parameters)
        return [
            Crawl(
                id=row[0],
                registry_id=row[1],
                started_at=row[2],
                resume=row[3],
                catalog_read=bool(row[4]),
                repositories=row[5],
                refreshes=row[6],
                waiting=row[7],
                set_aside=row[8],
                finished_at=row[9],
                complete=None if row[10] is None else bool(row[10]),
                quarantined=row[11],
                unlisted=row[12],
                catalog_error=row[13],
                is_full=bool(row[14]),
            )
            for row in rows
        ]
