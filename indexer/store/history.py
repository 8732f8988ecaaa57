"""Where tags pointed: what events told and what we saw ourselves, the same in any order of arrival.

Every move is kept. Whoever reads passes over those that we only saw where an event told of the
same move: the move before has the same digest, or the next one is an event a little later, as it
is when the registry's clock is ahead of ours.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import Digest, TagName

CLOCK_SKEW_SECONDS = 300
"""How far the clock of a registry may be ahead of ours."""

# In the order of the primary key.
_MOVES = """
SELECT tag, tagged_at, digest, actor, from_event FROM tag_moves
WHERE repository_id = ?{more} ORDER BY tag, tagged_at, digest"""
_ALL_MOVES = _MOVES.format(more="")
_MOVES_OF_TAG = _MOVES.format(more=" AND tag = ?")
# In the order of the index, which ends with the time.
_MOVES_TO_DIGEST = """
SELECT tag, tagged_at, digest, actor, from_event FROM tag_moves INDEXED BY tag_moves_digest
WHERE repository_id = ? AND tag = ? AND digest = ? ORDER BY tagged_at DESC"""
_BESIDE = """
SELECT tag, tagged_at, digest, actor, from_event FROM tag_moves
WHERE repository_id = ? AND tag = ? AND (tagged_at, digest) {sign} (?, ?)
ORDER BY tagged_at {order}, digest {order} LIMIT 1"""
_MOVE_BEFORE = _BESIDE.format(sign="<", order="DESC")
_MOVE_AFTER = _BESIDE.format(sign=">", order="ASC")

# Nothing before the last event is looked at, and no neighbours of an event.
_NEXT_TO = """
CASE WHEN NOT move.from_event THEN (
    SELECT json_array(tag, tagged_at, digest, actor, from_event) FROM tag_moves
    WHERE repository_id = move.repository_id AND tag = move.tag
    AND (tagged_at, digest) {sign} (move.tagged_at, move.digest)
    ORDER BY tagged_at {order}, digest {order} LIMIT 1) END"""
_ASKED = """repository_id = json_extract(asked.value, '$[0]')
AND tag = json_extract(asked.value, '$[1]') AND digest = json_extract(asked.value, '$[2]')"""
_MOVES_TO = f"""
SELECT repository_id, tag, tagged_at, digest, actor, from_event,
    {_NEXT_TO.format(sign="<", order="DESC")}, {_NEXT_TO.format(sign=">", order="ASC")}
FROM json_each(?) AS asked CROSS JOIN tag_moves AS move INDEXED BY tag_moves_digest ON {_ASKED}
WHERE tagged_at >= coalesce((
    SELECT max(tagged_at) FROM tag_moves INDEXED BY tag_moves_digest
    WHERE {_ASKED} AND from_event), '')"""  # noqa: S608 - texts of this module

_Row = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class TagMove:
    """That a tag came to point at a digest, by whom, as an event said or as we saw."""

    tag: TagName
    digest: Digest
    tagged_at: datetime
    actor: str = ""
    from_event: bool = True


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a tag points where it does, and when an event last said so; RFC 3339."""

    moved_at: str = ""
    pushed_at: str | None = None


class TagHistory:
    """The moves of tags inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, moves: Iterable[tuple[int, TagMove]]) -> None:
        """Keep moves in repositories; one that is there stays, but for an event that tells more."""
        self._database.conn.executemany(
            "INSERT INTO tag_moves (repository_id, tag, tagged_at, digest, actor, from_event)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET from_event = 1, actor = max(actor, excluded.actor) WHERE excluded.from_event",
            [
                (
                    repository_id,
                    move.tag,
                    rfc3339(move.tagged_at),
                    move.digest,
                    move.actor,
                    move.from_event,
                )
                for repository_id, move in moves
            ],
        )

    def moves(self, repository_id: int, tag: str, *, limit: int | None = None) -> list[TagMove]:
        """Return where a tag pointed, newest first; all without a ``limit``."""
        rows = list(_told(self._database.execute(_MOVES_OF_TAG, [repository_id, tag])))[::-1]
        return list(map(_move, rows[:limit]))

    def moves_of(
        self, repository_id: int, tags: Sequence[str], *, limit: int
    ) -> dict[str, list[TagMove]]:
        """Return where each of these tags pointed, newest first, with one query."""
        found: dict[str, list[_Row]] = {tag: [] for tag in tags}
        for row in _told(self._database.execute(_some_moves(tags), [repository_id, *tags])):
            found[row[0]].append(row)
        return {tag: list(map(_move, rows[::-1][:limit])) for tag, rows in found.items()}

    def since_at(self, repository_id: int, tag: str, digest: str) -> Since:
        """Return since when a tag pointed at a digest, without reading all its other moves.

        A tag may have thousands of them, and this is asked for with each new one.
        """
        moved_at = ""
        rows = self._database.execute(_MOVES_TO_DIGEST, [repository_id, tag, digest])
        for row in rows:
            if row[4]:
                return Since(moved_at or row[1], row[1])
            if not moved_at and self._is_told(repository_id, row):
                moved_at = row[1]
        return Since(moved_at)

    def _is_told(self, repository_id: int, move: _Row) -> bool:
        """Tell whether a move that we only saw is none that its neighbours tell of."""
        place = [repository_id, move[0], move[1], move[2]]
        before = self._database.execute(_MOVE_BEFORE, place).fetchone()
        after = self._database.execute(_MOVE_AFTER, place).fetchone()
        return not (_are_same(before, move) or _is_told_by(after, move))

    def since_of(self, places: Iterable[tuple[int, str, str]]) -> dict[tuple[int, str, str], Since]:
        """Return the same as :meth:`since_at` for many, with one query.

        Each is named by its repository, tag and digest.
        """
        asked = list(places)
        found: dict[tuple[int, str, str], list[Sequence[Any]]] = {place: [] for place in asked}
        for row in self._database.execute(_MOVES_TO, [json.dumps(asked)]) if asked else ():
            found[row[0], row[1], row[3]].append(row)
        return {place: _since(rows) for place, rows in found.items()}

    def since_some(self, repository_id: int, tags: Sequence[str]) -> dict[tuple[str, str], Since]:
        """Return since when each of these tags pointed at each digest, by tag and digest."""
        return self._since(_some_moves(tags), [repository_id, *tags])

    def since_all(self, repository_id: int) -> dict[tuple[str, str], Since]:
        """Return the same for every tag of a repository, by tag and digest."""
        return self._since(_ALL_MOVES, [repository_id])

    def _since(self, moves: str, parameters: Sequence[object]) -> dict[tuple[str, str], Since]:
        found: dict[tuple[str, str], Since] = {}
        for tag, tagged_at, digest, _, from_event in _told(
            self._database.execute(moves, parameters)
        ):
            # Sorted by time, so that a later one takes the place of an earlier.
            pushed_at = tagged_at if from_event else found.get((tag, digest), Since()).pushed_at
            found[tag, digest] = Since(tagged_at, pushed_at)
        return found


def _since(moves: Iterable[Sequence[Any]]) -> Since:
    """Return since when a tag points where these moves led, each with its neighbours."""
    told, pushed = [""], [""]
    for _, *values, before, after in moves:
        move: _Row = (values[0], values[1], values[2], values[3], values[4])
        if move[4]:
            pushed.append(move[1])
        if move[4] or not (
            _are_same(_neighbour(before), move) or _is_told_by(_neighbour(after), move)
        ):
            told.append(move[1])
    return Since(max(told), max(pushed) or None)


def _neighbour(row: str | None) -> _Row | None:
    return tuple(json.loads(row)) if row else None


def _some_moves(tags: Sequence[str]) -> str:
    marks = ", ".join("?" * len(tags))
    return _MOVES.format(more=f" AND tag IN ({marks})")


def _move(row: _Row) -> TagMove:
    return TagMove(TagName(row[0]), Digest(row[2]), parse_rfc3339(row[1]), row[3], bool(row[4]))


def _told(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Yield those of the moves of tags, each tag's by time, that the others do not tell of."""
    before: _Row | None = None
    moves = list(rows)
    for place, move in enumerate(moves):
        after = moves[place + 1] if place + 1 < len(moves) else None
        if move[4] or not (_are_same(before, move) or _is_told_by(after, move)):
            yield move
        before = move


def _are_same(one: _Row | None, other: _Row) -> bool:
    return one is not None and one[0] == other[0] and one[2] == other[2]


def _is_told_by(event: _Row | None, seen: _Row) -> bool:
    if event is None or not event[4] or not _are_same(event, seen):
        return False
    ahead = parse_rfc3339(event[1]) - parse_rfc3339(seen[1])
    return ahead.total_seconds() <= CLOCK_SKEW_SECONDS
