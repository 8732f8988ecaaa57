"""Where tags pointed: what events told and what we saw ourselves, the same in any order of arrival.

Every move is kept. Whoever reads passes over those that we only saw where an event told of the
same move: the move before has the same digest, or the next one is an event a little later, as it
is when the registry's clock is ahead of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model.names import Digest, TagName

CLOCK_SKEW_SECONDS = 300
"""How far the clock of a registry may be ahead of ours."""

_MOVES = f"""
SELECT tag, tagged_at, digest, actor, from_event FROM (
    SELECT *, lag(digest) OVER near AS digest_before, lead(digest) OVER near AS digest_after,
        lead(from_event) OVER near AS event_after, lead(tagged_at) OVER near AS after
    FROM tag_moves WHERE repository_id = ?
    WINDOW near AS (PARTITION BY tag ORDER BY tagged_at, digest)
) WHERE from_event OR (digest IS NOT digest_before AND NOT (
    digest IS digest_after AND event_after
    AND 86400 * (julianday(after) - julianday(tagged_at)) <= {CLOCK_SKEW_SECONDS}
))"""  # noqa: S608 - a number of this module
_MOVES_OF_TAG = _MOVES.replace("repository_id = ?", "repository_id = ? AND tag = ?")


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

    def add(self, repository_id: int, move: TagMove) -> None:
        """Keep a move; one that is there already stays, but for an event that tells more of it."""
        self._database.execute(
            "INSERT INTO tag_moves (repository_id, tag, tagged_at, digest, actor, from_event)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET from_event = 1, actor = max(actor, excluded.actor) WHERE excluded.from_event",
            [
                repository_id,
                move.tag,
                rfc3339(move.tagged_at),
                move.digest,
                move.actor,
                move.from_event,
            ],
        )

    def moves(self, repository_id: int, tag: str, *, limit: int = -1) -> list[TagMove]:
        """Return where a tag pointed, newest first; all without a ``limit``."""
        query = f"{_MOVES_OF_TAG} ORDER BY tagged_at DESC, digest DESC LIMIT ?"
        return [
            TagMove(TagName(row[0]), Digest(row[2]), parse_rfc3339(row[1]), row[3], bool(row[4]))
            for row in self._database.execute(query, [repository_id, tag, limit])
        ]

    def since(self, repository_id: int, tag: str) -> dict[str, Since]:
        """Return since when a tag pointed at each digest that it ever pointed at."""
        found = self._since(_MOVES_OF_TAG, [repository_id, tag])
        return {digest: since for (_, digest), since in found.items()}

    def moved_at(self, repository_id: int, tags: Sequence[str], digest: str) -> dict[str, str]:
        """Return since when each of these tags points at a digest; RFC 3339."""
        found = self.since_some(repository_id, tags)
        return {tag: found.get((tag, digest), Since()).moved_at for tag in tags}

    def since_some(self, repository_id: int, tags: Sequence[str]) -> dict[tuple[str, str], Since]:
        """Return since when each of these tags pointed at each digest, by tag and digest."""
        marks = ", ".join("?" * len(tags))
        moves = _MOVES.replace("repository_id = ?", f"repository_id = ? AND tag IN ({marks})")
        return self._since(moves, [repository_id, *tags])

    def since_all(self, repository_id: int) -> dict[tuple[str, str], Since]:
        """Return the same for every tag of a repository, by tag and digest."""
        return self._since(_MOVES, [repository_id])

    def _since(self, moves: str, parameters: Sequence[object]) -> dict[tuple[str, str], Since]:
        query = (
            "SELECT tag, digest, max(tagged_at), max(CASE WHEN from_event THEN tagged_at END)"  # noqa: S608
            f" FROM ({moves}) GROUP BY tag, digest"
        )
        rows = self._database.execute(query, parameters)
        return {(row[0], row[1]): Since(row[2], row[3]) for row in rows}
