"""Rows that cannot be read: found, named, set aside, and what they told is read again.

A disk may change bits that SQLite does not notice, because it keeps no checksums of rows. What was
written is known well enough to notice most of it: texts are UTF-8, columns have a type, bodies are
compressed with a checksum, times and digests have a form. A row that breaks this is deleted, its
place is read again from the registry, and the rest stays as it is.
"""

# ruff: noqa: S608 - statements are made of names in the schema; values are bound

import json
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.errors import InvalidValueError
from indexer.model import Action, Command, RepositoryName, parse_digest
from indexer.store.changes import ChangeKind
from indexer.store.extraction import ExtractionTables
from indexer.store.index_state import RebuildProgress, SearchIndexTables
from indexer.store.notifications import NotificationResult
from indexer.store.parts import PART_TABLES, PartTables
from indexer.store.queue import Priority, Queue, RefreshKind, RefreshTarget
from indexer.store.registries import RegistryTables

KEPT_MAX = 1_000
"""Damaged rows that are remembered."""
_NAME_SHOWN = 200
_TYPES: Mapping[str, type] = {"TEXT": str, "INTEGER": int, "BLOB": bytes}
_TIMES = ("_at", "_until", "readable_from")
_DIGESTS = frozenset(
    {"digest", "child_digest", "config_digest", "expected_digest", "previous_digest", "subject"}
)
_PACKED = frozenset(
    {("manifests", "body"), ("configs", "body")}
    | {("extracted", "found"), ("repository_parts", "found")}
)
_LISTS = frozenset({("registries", "source")})
_CHOICES: Mapping[tuple[str, str], Collection[str]] = {
    ("queue", "kind"): {kind.value for kind in RefreshKind},
    ("changes", "kind"): {kind.value for kind in ChangeKind},
    ("entries", "action"): {one.value for one in (*Action, *Command)},
    ("notifications", "result"): {result.value for result in NotificationResult},
}
_CHAINS = (
    *("manifest_chains", "diff_chains", "blob_chains", "diff_prefixes", "blob_prefixes"),
    "changed_bases",
)
_DERIVED = frozenset({*_CHAINS, "index_children", "subjects", "extraction"})
"""What follows from stored bodies."""
_HARMLESS = frozenset(
    {
        *PART_TABLES,
        *("extracted", "changes", "changes_start", "forgotten_changes"),
        *("alive", "search_index", "rebuild", "measures", "arrivals"),
    }
)
"""What is made again as soon as it is missed, or what nothing follows from."""
_BEGUN_AGAIN: Mapping[str, str] = {
    "extraction": "INSERT INTO extraction (one, version) VALUES (1, 0)",
    "changes_start": "INSERT INTO changes_start"
    " SELECT 1, coalesce(max(sequence), 0), random() FROM changes",
    # Whose row is gone is not known: all before counts as forgotten.
    "forgotten_changes": "INSERT OR REPLACE INTO forgotten_changes"
    " SELECT 0, '', sequence, mark FROM changes_start",
    "open_batch": "INSERT INTO open_batch VALUES (CAST(strftime('%s', 'now') AS INTEGER))",
    "reached": "INSERT INTO reached SELECT seq FROM sqlite_sequence WHERE name = 'entries'",
}
"""What tables begin with that are never empty."""


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row that could not be read: its table, what is left of its key, and the reason."""

    table: str
    row: str
    reason: str
    found_at: str = ""


@dataclass(frozen=True, slots=True)
class _Undecoded:
    """A text that is no UTF-8."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class _TableColumn:
    name: str
    type: str
    is_needed: bool
    key: int
    """Its place in the primary key, from 1; 0 outside it."""


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A damaged row as it is in the file."""

    table: str
    key: Mapping[str, object]
    values: Mapping[str, object]
    reasons: Mapping[str, str]
    """By column."""

    def named(self) -> DamagedRow:
        """Return how it is named to an operator."""
        key = ", ".join(f"{name}={_shown(value)}" for name, value in self.key.items())
        reason = ", ".join(f"{column}: {reason}" for column, reason in self.reasons.items())
        return DamagedRow(self.table, key, reason)


def find_damaged(connection: sqlite3.Connection) -> list[FoundRow]:
    """Return the damaged rows of a database: all tables are read, some 20 MB a second."""
    with _undecoded(connection):
        return [
            found
            for table, definition in _tables(connection)
            for found in _find_in(connection, table, definition)
        ]


def delete_damaged(connection: sqlite3.Connection, found: Sequence[FoundRow]) -> None:
    """Delete rows; joins the caller's transaction. :class:`sqlite3.Error` if that cannot be."""
    if found:
        # An index that still has what was there before would refuse to lose it.
        connection.execute("REINDEX")
    for row in found:
        condition, values = _condition(row.key)
        cursor = connection.execute(f"DELETE FROM {row.table} WHERE {condition}", values)
        if not cursor.rowcount and _is_there(connection, row):
            raise sqlite3.DatabaseError(f"row {row.named().row} of {row.table} cannot be deleted")
        if row.table in _BEGUN_AGAIN:
            connection.execute(_BEGUN_AGAIN[row.table])


class DamageTables:
    """Damaged rows of the store; its methods join the caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        extraction: ExtractionTables,
        parts: PartTables,
        queue: Queue,
        registries: RegistryTables,
        search_index: SearchIndexTables,
    ) -> None:
        self._database = database
        self._extraction = extraction
        self._parts = parts
        self._queue = queue
        self._registries = registries
        self._search_index = search_index

    def set_aside(self, *, at: datetime) -> list[DamagedRow]:
        """Find and delete damaged rows, ask for all that they may have told, and return them."""
        found = find_damaged(self._database.conn)
        with _undecoded(self._database.conn):
            for row in found:
                self._follow(row, at=at)
            # Registries are told apart by number in all tables, so these stay.
            gone = [row for row in found if row.table not in {"registries", *_CHAINS}]
            delete_damaged(self._database.conn, gone)
            if found:
                # What is gone was not marked as stale.
                self._parts.forget()
                self._ask_for_missing(at=at)
        named = [row.named() for row in found]
        self.remember(named, at=at)
        return named

    def remember(self, rows: Sequence[DamagedRow], *, at: datetime) -> None:
        """Note damaged rows for the status; the oldest of very many are forgotten."""
        self._database.conn.executemany(
            "INSERT INTO damaged_rows (found_at, of_table, row, reason) VALUES (?, ?, ?, ?)",
            [(rfc3339(at), row.table, row.row, row.reason) for row in rows],
        )
        self._database.execute(
            "DELETE FROM damaged_rows WHERE id <= (SELECT max(id) - ? FROM damaged_rows)",
            [KEPT_MAX],
        )

    def list_newest(self, *, limit: int) -> list[DamagedRow]:
        """Return the damaged rows that were found last, newest first."""
        rows = self._database.execute(
            "SELECT of_table, row, reason, found_at FROM damaged_rows ORDER BY id DESC LIMIT ?",
            [limit],
        )
        return [DamagedRow(*row) for row in rows]

    def count(self) -> int:
        """Return how many were ever found."""
        row = self._database.execute("SELECT coalesce(max(id), 0) FROM damaged_rows").fetchone()
        return int(row[0])

    def _follow(self, row: FoundRow, *, at: datetime) -> None:
        """Ask for what a row may have told, while it is still there."""
        if row.table in _HARMLESS:
            return
        if row.table in _DERIVED:
            self._extraction.ask()
            if row.table in _CHAINS:
                # Their numbers lead from one to the other: some of them cannot be made again.
                for table in _CHAINS:
                    self._database.execute(f"DELETE FROM {table}")
        elif row.table == "manifests":
            self._drop_links("digest = ?", [row.values["digest"]], at=at)
        elif row.table == "configs":
            users = "digest IN (SELECT digest FROM manifests WHERE config_digest = ?)"
            self._read_again(users, [row.values["digest"]], at=at)
        elif row.table == "registries":
            self._reset(row)
            self._registries.set_lost(at=at)
        else:
            if row.table == "repositories":
                self._forget_repository(row.key["id"])
            self._search_index.set_rebuild(RebuildProgress(0, 0))
            if not self._ask_for_repository(row.values.get("repository_id"), at=at):
                self._registries.set_lost(at=at)

    def _ask_for_missing(self, *, at: datetime) -> None:
        """Ask for content whose row is gone, where its key was damaged too."""
        self._drop_links("digest NOT IN (SELECT digest FROM manifests)", [], at=at)
        self._read_again(
            "digest IN (SELECT digest FROM manifests WHERE config_digest IS NOT NULL"
            " AND config_digest NOT IN (SELECT digest FROM configs))",
            [],
            at=at,
        )

    def _drop_links(self, condition: str, values: Sequence[object], *, at: datetime) -> None:
        """Forget which repositories have a manifest, for what is known is not read again."""
        self._read_again(condition, values, at=at)
        self._database.execute(
            f"DELETE FROM repository_manifests WHERE {condition}", [*map(_bound, values)]
        )

    def _read_again(self, condition: str, values: Sequence[object], *, at: datetime) -> None:
        links = self._database.execute(
            "SELECT registry_id, name, digest FROM repository_manifests"
            f" JOIN repositories ON repositories.id = repository_id WHERE {condition}",
            [*map(_bound, values)],
        ).fetchall()
        for registry_id, name, digest in links:
            if not isinstance(name, str) or not isinstance(digest, str):
                continue  # Its row is damaged too, and is followed by itself.
            target = RefreshTarget(RefreshKind.DIGEST, RepositoryName(name), digest)
            self._queue.add(registry_id, [target], priority=Priority.CRAWL, due_at=at)

    def _ask_for_repository(self, repository_id: object, *, at: datetime) -> bool:
        """Have a repository read again; False if it is not known which."""
        row = self._database.execute(
            "SELECT registry_id, name FROM repositories WHERE id = ?",
            [repository_id if isinstance(repository_id, int) else None],
        ).fetchone()
        if row is None or not isinstance(row[1], str):
            return False
        target = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName(row[1]))
        self._queue.add(row[0], [target], priority=Priority.CRAWL, due_at=at)
        return True

    def _forget_repository(self, repository_id: object) -> None:
        """Delete what belongs to a repository whose name is lost; a crawl finds it anew."""
        for table, columns in _tables(self._database.conn):
            if any(column.name == "repository_id" for column in columns):
                self._database.execute(
                    f"DELETE FROM {table} WHERE repository_id = ?", [repository_id]
                )

    def _reset(self, row: FoundRow) -> None:
        """Give columns of a registry their first values; the next start writes those it knows."""
        _, columns = next(one for one in _tables(self._database.conn) if one[0] == row.table)
        for column in columns:
            if column.name not in row.reasons:
                continue
            value: object = None
            if column.is_needed:
                value = 0 if column.type == "INTEGER" else ""
            if column.name == "name":
                value = f"damaged-{row.key['id']}"
            condition, values = _condition(row.key)
            self._database.execute(
                f"UPDATE {row.table} SET {column.name} = ? WHERE {condition}", [value, *values]
            )


@contextmanager
def _undecoded(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts that are no UTF-8 as :class:`_Undecoded`, where SQLite would refuse the row."""
    before = connection.text_factory
    connection.text_factory = _decode
    try:
        yield
    finally:
        connection.text_factory = before


def _tables(connection: sqlite3.Connection) -> Iterator[tuple[str, Sequence[_TableColumn]]]:
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        r" AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '\_sqlite%' ESCAPE '\'"
        " AND name <> 'damaged_rows' ORDER BY name"
    )
    for (name,) in names.fetchall():
        rows = connection.execute(f"PRAGMA table_info({name})").fetchall()
        yield name, [_TableColumn(row[1], row[2], bool(row[3] or row[5]), row[5]) for row in rows]


def _find_in(
    connection: sqlite3.Connection, table: str, columns: Sequence[_TableColumn]
) -> Iterator[FoundRow]:
    keys = [column.name for column in sorted(columns, key=lambda one: one.key) if column.key]
    keys = keys or ["rowid"]
    names = [column.name for column in columns]
    checks = [(column, _checks(table, column.name)) for column in columns]
    rows = connection.execute(f"SELECT {', '.join([*keys, *names])} FROM {table} NOT INDEXED")
    for row in rows:
        values = row[len(keys) :]
        reasons = {
            column.name: reason
            for (column, check), value in zip(checks, values, strict=True)
            if (reason := _reason(column, value, check))
        }
        if reasons:
            key = dict(zip(keys, row, strict=False))
            yield FoundRow(table, key, dict(zip(names, values, strict=True)), reasons)


def _reason(column: _TableColumn, value: object, check: Callable[[Any], object] | None) -> str:
    """Return why a value cannot be what was written; empty if it can."""
    if value is None:
        return "it is missing" if column.is_needed else ""
    if isinstance(value, _Undecoded):
        return "it is no UTF-8"
    expected = _TYPES.get(column.type)
    if expected is not None and not isinstance(value, expected):
        return f"it is of another type than {column.type}"
    if check is None or value == "":
        return ""
    try:
        check(value)
    except (ValueError, InvalidValueError, zlib.error) as error:
        return str(error)[:_NAME_SHOWN]
    return ""


def _checks(table: str, column: str) -> Callable[[Any], object] | None:
    """Return what fails for a value that a column cannot have."""
    if (table, column) in _PACKED:
        return zlib.decompress
    if (table, column) in _LISTS:
        return json.loads
    if choices := _CHOICES.get((table, column)):
        return lambda value: _choose(value, choices)
    if column == "at" or column.endswith(_TIMES):
        return parse_rfc3339
    return parse_digest if column in _DIGESTS else None


def _choose(value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ValueError(f"{value[:_NAME_SHOWN]!r} is none of {', '.join(sorted(choices))}")


def _decode(raw: bytes) -> str | _Undecoded:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _Undecoded(raw)


def _is_there(connection: sqlite3.Connection, row: FoundRow) -> bool:
    """Tell whether a row that is not where its key should be is somewhere else in its table.

    It may have gone together with its repository.
    """
    condition, values = _condition(row.key, prefix="+")
    query = f"SELECT 1 FROM {row.table} NOT INDEXED WHERE {condition}"
    return connection.execute(query, values).fetchone() is not None


def _condition(key: Mapping[str, object], *, prefix: str = "") -> tuple[str, list[object]]:
    """Return the SQL that finds a row by its key, be it as damaged as it is.

    A plus as ``prefix`` has SQLite look at each row, in whatever order they are.
    """
    parts = (
        f"{prefix}{name} IS {'CAST(? AS TEXT)' if isinstance(value, _Undecoded) else '?'}"
        for name, value in key.items()
    )
    return " AND ".join(parts), [*map(_bound, key.values())]


def _bound(value: object) -> object:
    return value.raw if isinstance(value, _Undecoded) else value


def _shown(value: object) -> str:
    text = value.raw.decode(errors="replace") if isinstance(value, _Undecoded) else value
    return repr(text)[:_NAME_SHOWN]
