"""The parts that the document of a large repository is made of, kept while they are right.

A part is of all images whose digests begin with the same characters, its name. There are parts
within parts: names have some lengths. Whatever marks the document of an image as stale marks the
parts with it, in the same transaction; so what is not marked is right. What is, is made again from
its images, when the document of their repository is.

What all blobs of a repository take together is a sum over the distinct ones, so it is not kept in
parts. For each blob the store counts the smallest parts that have it. A part that is marked still
says which blobs it was counted with, until another one takes its place.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from indexer.extract import EXTRACT_VERSION, greater_size, sum_sizes

NAME_LENGTHS = (8, 9, 10, 11)
"""Of the names of parts: ``sha256:`` and from one to four characters behind it."""
PART_TABLES = ("repository_parts", "repository_blobs", "repository_sizes")
"""They belong together: if a row of one of them is lost, all are forgotten."""
AFTER_DIGESTS = "\x7f"
"""Comes behind every character of a digest."""

_MARK = f"""
CREATE TRIGGER stale_parts AFTER INSERT ON stale_documents WHEN NEW.digest <> '' BEGIN
    UPDATE repository_parts SET found = NULL WHERE repository_id = NEW.repository_id
    AND name IN ({", ".join(f"substr(NEW.digest, 1, {length})" for length in NAME_LENGTHS)});
END"""  # noqa: S608 - numbers of this module

# From each beginning to the next one, without a look at the tags between them.
_NAMES = """
WITH RECURSIVE found (name) AS (
    SELECT substr(min(digest), 1, :length) FROM tags INDEXED BY tags_digest
    WHERE repository_id = :repository AND digest >= :beginning AND digest < :beginning || :after
    UNION ALL SELECT (
        SELECT substr(min(digest), 1, :length) FROM tags INDEXED BY tags_digest
        WHERE repository_id = :repository AND digest >= found.name || :after
        AND digest < :beginning || :after)
    FROM found WHERE name IS NOT NULL)
SELECT name FROM found WHERE name IS NOT NULL"""

_IS_MARKED_SINCE = """EXISTS (
    SELECT 1 FROM stale_documents WHERE stale_documents.repository_id = :repository
    AND digest >= name AND digest < name || :after AND sequence > :mark)"""
# What is stale and was not made again is no part any more, if all were.
_REPLACED = f"""
SELECT name, blobs FROM repository_parts WHERE repository_id = :repository
AND (name IN (SELECT value FROM json_each(:made)) OR :is_whole
    AND (found IS NULL OR version <> :version) AND NOT {_IS_MARKED_SINCE})"""  # noqa: S608
_UNMARKED = f"""
SELECT name FROM (SELECT value AS name FROM json_each(:made))
WHERE NOT {_IS_MARKED_SINCE}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part; ``found`` is None if it is to be made again, ``blobs`` if it has parts in it."""

    name: str
    found: bytes | None
    blobs: str | None


@dataclass(frozen=True, slots=True)
class MadeParts:
    """The parts of a repository that were made again, as of the mark of a stale document.

    ``is_whole`` says that these are all that was stale.
    """

    repository_id: int
    mark: int
    rows: Sequence[PartRow]
    is_whole: bool


def mark_parts(database: Database) -> None:
    """Have each mark of a stale image mark the parts with it."""
    database.execute(_MARK)


class PartTables:
    """The parts inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> int:
        """Return the number of the last mark of a stale document."""
        row = self._database.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'stale_documents'"
        ).fetchone()
        return row[0] if row else 0

    def names(self, repository_id: int, beginning: str, *, length: int) -> list[str]:
        """Return the names of this length that begin like this, of digests with a tag."""
        names = {
            "repository": repository_id,
            "beginning": beginning,
            "length": length,
            "after": AFTER_DIGESTS,
        }
        return [row[0] for row in self._database.execute(_NAMES, names)]

    def kept(self, repository_id: int, names: Sequence[str]) -> dict[str, bytes]:
        """Return those of some parts of a repository that are right, by their names."""
        rows = self._database.execute(
            "SELECT name, found FROM repository_parts WHERE repository_id = ? AND version = ?"
            " AND found IS NOT NULL AND name IN (SELECT value FROM json_each(?))",
            [repository_id, EXTRACT_VERSION, json.dumps(names)],
        )
        return dict(rows.fetchall())

    def stored_bytes(self, made: MadeParts) -> int | None:
        """Return what all blobs of a repository take; None where the size of one is unknown.

        ``made`` are all its parts that were stale; they need not be kept.
        """
        changes, _ = self._compare(made, made.rows)
        known, unknown = self._sum(made.repository_id, changes)
        return None if unknown else sum_sizes([known])

    def keep(self, made: MadeParts) -> None:
        """Keep parts, without those that may have changed since they were made."""
        unmarked = self._database.execute(_UNMARKED, _values(made))
        names = {row[0] for row in unmarked}
        rows = [row for row in made.rows if row.name in names]
        changes, gone = self._compare(made, rows)
        known, unknown = self._sum(made.repository_id, changes)
        self._database.execute(
            "INSERT OR REPLACE INTO repository_sizes VALUES (?, ?, ?)",
            [made.repository_id, str(known), unknown],
        )
        self._count(made.repository_id, changes)
        many = self._database.conn.executemany
        many(
            "DELETE FROM repository_parts WHERE repository_id = ? AND name = ?",
            [(made.repository_id, name) for name in gone],
        )
        many(
            "INSERT OR REPLACE INTO repository_parts (repository_id, name, version, found, blobs)"
            " VALUES (?, ?, ?, ?, ?)",
            [(made.repository_id, row.name, EXTRACT_VERSION, row.found, row.blobs) for row in rows],
        )

    def _compare(self, made: MadeParts, rows: Sequence[PartRow]) -> tuple[Counter[str], list[str]]:
        """Return what changes with these of the made parts, and the names of parts that go.

        That is in how many parts more, or fewer, each blob is.
        """
        all_made = {row.name for row in made.rows}
        new = {row.name: row.blobs for row in rows}
        changes, gone = Counter[str](), list[str]()
        for name, blobs in self._database.execute(_REPLACED, _values(made)):
            if name in all_made and name not in new:
                continue
            changes.subtract((blobs or "").split())
            if name not in new:
                gone.append(name)
        for blobs in new.values():
            changes.update((blobs or "").split())
        return Counter({blob: number for blob, number in changes.items() if number}), gone

    def _sum(self, repository_id: int, changes: Mapping[str, int]) -> tuple[int, int]:
        """Return the bytes of all blobs of known size, and the number of others, after changes."""
        row = self._database.execute(
            "SELECT bytes, unknown FROM repository_sizes WHERE repository_id = ?", [repository_id]
        ).fetchone()
        known, unknown = (int(row[0]), row[1]) if row else (0, 0)
        by_key: dict[str, Counter[str]] = {_key(blob): Counter() for blob in changes}
        for blob, number in self._database.execute(
            "SELECT blob, parts FROM json_each(?) CROSS JOIN repository_blobs"
            " ON repository_id = ? AND blob >= value || ':' AND blob < value || ';'",
            [json.dumps(list(by_key)), repository_id],
        ):
            by_key[_key(blob)][blob] = number
        before = {key: _size(counts) for key, counts in by_key.items()}
        for blob, number in changes.items():
            by_key[_key(blob)][blob] += number
        for key, counts in by_key.items():
            for sign, size in ((-1, before[key]), (1, _size(counts))):
                known += sign * (size or 0)
                unknown += sign * (size is None)
        return known, unknown

    def _count(self, repository_id: int, changes: Mapping[str, int]) -> None:
        many = self._database.conn.executemany
        many(
            "INSERT INTO repository_blobs VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET parts = parts + excluded.parts",
            [(repository_id, blob, number) for blob, number in changes.items()],
        )
        many(
            "DELETE FROM repository_blobs WHERE repository_id = ? AND blob = ? AND parts = 0",
            [(repository_id, blob) for blob, number in changes.items() if number < 0],
        )

    def forget(self) -> None:
        """Forget all parts: everything is made anew."""
        for table in PART_TABLES:
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of tables


def _values(made: MadeParts) -> dict[str, object]:
    return {
        "repository": made.repository_id,
        "made": json.dumps([row.name for row in made.rows]),
        "is_whole": made.is_whole,
        "version": EXTRACT_VERSION,
        "mark": made.mark,
        "after": AFTER_DIGESTS,
    }


def _key(blob: str) -> str:
    return blob.partition(":")[0]


def _size(counts: Mapping[str, int]) -> int | None:
    """Return the size of a blob by how many parts claim which; None if it is unknown, 0 if gone."""
    claimed = [blob.partition(":")[2] for blob, number in counts.items() if number > 0]
    size = 0 if not claimed else None
    for text in claimed:
        size = greater_size(size, int(text) if text else None)
    return size
