"""The store for somebody who may not see everything: what they may not see is not there.

Views stand before the tables that lead to repositories. SQLite takes a name for the view first, so
the queries of this package stay as they are and none of them can forget a condition; what is not
about a caller says ``main.`` before the name of its table. Views are read as a part of the query
around them, and by the same indexes. ``tags`` and what else belongs to one repository have none:
they are asked for with its number, which comes from a view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database
from typing_extensions import override

from indexer.model import Rights
from indexer.store.changes import Change, ChangeCursor, ChangePlace, Changes
from indexer.store.store import Store

NAMES_KEPT_MAX = 100_000
"""Names of repositories, of all rights together, that are kept for who asks again."""
WALKED_MAX = 10_000
"""Changes that are looked at one after the other, before those that are seen are asked for."""

_NOW = "(SELECT number FROM temp.present_rights)"
_IS_SEEN = f"""(
    EXISTS (SELECT 1 FROM temp.seen_registries AS seen
        WHERE seen.rights = {_NOW} AND seen.registry_id = own.registry_id AND is_whole)
    OR EXISTS (SELECT 1 FROM temp.seen_names AS seen
        WHERE seen.rights = {_NOW} AND seen.registry_id = own.registry_id
        AND seen.name = own.{{name}}))"""  # noqa: S608 - texts of this module

_VIEWS = {
    "registries": f"""EXISTS (SELECT 1 FROM temp.seen_registries AS seen
        WHERE seen.rights = {_NOW} AND seen.registry_id = own.id)""",  # noqa: S608
    "repositories": _IS_SEEN.format(name="name"),
    "repository_manifests": """EXISTS (
        SELECT 1 FROM temp.repositories AS place WHERE place.id = own.repository_id)""",
    "manifest_chains": """EXISTS (
        SELECT 1 FROM temp.repository_manifests AS linked WHERE linked.digest = own.digest)""",
    # By name: a repository may be gone, and its changes are kept.
    "changes": _IS_SEEN.format(name="repository"),
}
"""The condition of the rows of each table that are there."""

_START = f"""
CREATE TEMP VIEW changes_start AS SELECT 1 AS one, sequence, mark FROM main.forgotten_changes AS own
WHERE registry_id = 0 OR {_IS_SEEN.format(name="repository")}
ORDER BY sequence DESC LIMIT 1"""  # noqa: S608 - texts of this module

_TABLES = (
    "CREATE TEMP TABLE present_rights (number INTEGER NOT NULL)",
    "INSERT INTO present_rights VALUES (0)",
    """CREATE TEMP TABLE seen_registries (
        rights INTEGER NOT NULL, registry_id INTEGER NOT NULL, is_whole INTEGER NOT NULL,
        PRIMARY KEY (rights, registry_id)) WITHOUT ROWID""",
    """CREATE TEMP TABLE seen_names (
        rights INTEGER NOT NULL, registry_id INTEGER NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (rights, registry_id, name)) WITHOUT ROWID""",
)

# Few of each place, so that it is no more work than there are places.
_OF_PLACES = f"""
SELECT one.sequence FROM temp.seen_names AS seen CROSS JOIN main.changes AS one ON one.sequence IN (
    SELECT sequence FROM main.changes AS own INDEXED BY changes_repository
    WHERE own.repository = seen.name AND own.registry_id = seen.registry_id
    AND sequence {{sign}} ?1 ORDER BY sequence {{order}} LIMIT ?2)
WHERE seen.rights = {_NOW}
UNION ALL
SELECT one.sequence FROM temp.seen_registries AS seen
CROSS JOIN main.changes AS one ON one.sequence IN (
    SELECT sequence FROM main.changes AS own INDEXED BY changes_registry
    WHERE own.registry_id = seen.registry_id
    AND sequence {{sign}} ?1 ORDER BY sequence {{order}} LIMIT ?2)
WHERE seen.rights = {_NOW} AND is_whole"""  # noqa: S608 - texts of this module


@dataclass(slots=True)
class _Seen:
    """Rights whose names are in the tables, and the newest change that they let see.

    ``looked_to`` is the last change that was looked at for that.
    """

    number: int
    names: int
    looked_to: int = 0
    newest: ChangeCursor | None = None


class SeenViews:
    """The views of one connection, which show what the present rights let see."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registries: list[tuple[int, str]] = []
        self._kept: dict[str, _Seen] = {}
        self._last = 0
        self.present = _Seen(0, 0)
        """The present rights."""
        # Nothing of this is ever written to a disk, which may be read-only.
        database.execute("PRAGMA temp_store = MEMORY")
        with database.atomic():
            for statement in _TABLES:
                database.execute(statement)
            for table, condition in _VIEWS.items():
                database.execute(
                    f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} AS own"  # noqa: S608
                    f" WHERE {condition}"
                )
            database.execute(_START)

    def see(self, rights: Rights) -> None:
        """Show what these rights let see, and nothing else, from now on."""
        registries = self._database.execute("SELECT id, name FROM main.registries").fetchall()
        if registries != self._registries:
            # Names of registries are read once; one that comes later may have been asked for.
            self._forget(list(self._kept))
            self._registries = registries
        found = self._kept.pop(rights.key, None)
        if found is not None and found is self.present:
            self._kept[rights.key] = found
            return
        with self._database.atomic():
            found = found or self._fill(rights)
            self._database.execute("UPDATE temp.present_rights SET number = ?", [found.number])
        self._kept[rights.key] = self.present = found
        self._forget_oldest()

    def _fill(self, rights: Rights) -> _Seen:
        self._last += 1
        number, names = self._last, 0
        for registry_id, registry in self._registries:
            if not rights.sees_registry(registry):
                continue
            is_whole = rights.sees_all_of(registry)
            self._database.execute(
                "INSERT INTO temp.seen_registries VALUES (?, ?, ?)", [number, registry_id, is_whole]
            )
            listed = () if is_whole else sorted(rights.repositories[registry])
            names += len(listed)
            self._database.conn.executemany(
                "INSERT INTO temp.seen_names VALUES (?, ?, ?)",
                [(number, registry_id, name) for name in listed],
            )
        return _Seen(number, names)

    def _forget_oldest(self) -> None:
        """Forget those that were not asked with for longest, but for the present ones."""
        names = sum(seen.names for seen in self._kept.values())
        for key, seen in list(self._kept.items())[:-1]:
            if names <= NAMES_KEPT_MAX:
                return
            self._forget([key])
            names -= seen.names

    def _forget(self, keys: Sequence[str]) -> None:
        with self._database.atomic():
            for key in keys:
                number = [self._kept.pop(key).number]
                self._database.execute("DELETE FROM temp.seen_registries WHERE rights = ?", number)
                self._database.execute("DELETE FROM temp.seen_names WHERE rights = ?", number)


class SeenChanges(Changes):
    """The changes that may be seen, and cursors that tell nothing of others."""

    def __init__(self, database: Database, views: SeenViews) -> None:
        super().__init__(database)
        self._views = views

    @override
    def newest(self) -> ChangeCursor:
        present, top = self._views.present, self._top()
        if top > present.looked_to:
            # Whoever keeps up asks each second: what was looked at once is not looked at again.
            is_far = top - present.looked_to > WALKED_MAX
            more = _of_places(">", "DESC") if is_far else ""
            row = self._database.execute(
                f"SELECT sequence, mark FROM changes WHERE sequence > ?1{more}"  # noqa: S608
                " ORDER BY sequence DESC LIMIT ?2",
                [present.looked_to, 1],
            ).fetchone()
            present.newest = ChangeCursor(*row) if row else present.newest
            present.looked_to = top
        newest = present.newest
        return newest if newest and self._is_known(newest) else self.oldest()

    @override
    def _read(
        self, start: int, place: ChangePlace, *, sign: str, order: str, limit: int, more: str = ""
    ) -> list[Change]:
        if sign == ">" and start >= self.newest().sequence:
            return []
        if place.repository is not None:
            return super()._read(start, place, sign=sign, order=order, limit=limit)
        top = self._top()
        start = min(start, top + 1)
        end = start + WALKED_MAX if sign == ">" else start - WALKED_MAX
        near = f" AND sequence {'<=' if sign == '>' else '>='} {end}"
        found = super()._read(start, place, sign=sign, order=order, limit=limit, more=near)
        if len(found) < limit and 0 < end < top:
            # They are few among many: asked for by place, however much lies between them.
            more = _of_places(sign, order)
            found = super()._read(start, place, sign=sign, order=order, limit=limit, more=more)
        return found

    def _top(self) -> int:
        """Return the last number of any change, seen or not."""
        row = self._database.execute("SELECT max(sequence) FROM main.changes").fetchone()
        return row[0] or 0


def _of_places(sign: str, order: str) -> str:
    return f" AND sequence IN ({_OF_PLACES.format(sign=sign, order=order)})"


class SeenStore(Store):
    """The open store for who may not see everything; read only.

    Nothing is there before :meth:`see`.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, read_only=True)
        self._views = SeenViews(self._database)
        self.changes = SeenChanges(self._database, self._views)

    def see(self, rights: Rights) -> None:
        """Show what these rights let see, and nothing else, from now on."""
        self._views.see(rights)
