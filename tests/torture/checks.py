"""The conditions that hold in an idle service, after any kills.

Each function returns what is wrong, one text for each; nothing is what there should be.
"""

import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.torture.deliveries import Ledger, TagPlace
from tests.torture.states import Documents, Tags, children_in_bodies, moves_of_store

Key = TypeVar("Key")

# Each query finds rows that tell of half a change.
_HALF_APPLIED = {
    "a visible tag points at a manifest that the store has not": """
        SELECT name, digest FROM tags WHERE hidden_at IS NULL
        AND digest NOT IN (SELECT digest FROM manifests)""",
    "a visible tag points at a manifest that its repository has not": """
        SELECT name, digest FROM tags WHERE hidden_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM repository_manifests AS linked WHERE linked.digest = tags.digest
         AND linked.repository_id = tags.repository_id)""",
    "a visible tag has no history": """
        SELECT name, digest FROM tags WHERE hidden_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM tag_moves WHERE tag_moves.repository_id = tags.repository_id
         AND tag = name AND tag_moves.digest = tags.digest)""",
    "a repository has a manifest that the store has not": """
        SELECT repository_id, digest FROM repository_manifests
        WHERE digest NOT IN (SELECT digest FROM manifests)""",
    "what is not shown is held back": """
        SELECT absences.repository_id, tag FROM absences WHERE NOT EXISTS
        (SELECT 1 FROM tags WHERE tags.repository_id = absences.repository_id
         AND name = tag AND hidden_at IS NULL)""",
    "a refresh was set aside": "SELECT kind, repository, reference, reason FROM queue",
    "a crawl ended incomplete": "SELECT id FROM crawls WHERE complete = 0",
    "there is not one live search index": """
        SELECT count(*) FROM search_index HAVING count(*) <> 1""",
    "the position is behind the end of the journal": """
        SELECT position FROM positions WHERE name = 'journal' AND position >
        (SELECT seq FROM journal.sqlite_sequence WHERE name = 'entries')""",
    "an entry was rejected": """
        SELECT rejected_reason FROM journal.entries WHERE action IS NULL""",
    "an event is in the journal twice": """
        SELECT event_id FROM journal.entries WHERE event_id IS NOT NULL
        GROUP BY event_id HAVING count(*) > 1""",
}
_CONFIGS_UNREAD = """
    SELECT repositories.name, tags.name FROM tags
    JOIN repositories ON repositories.id = repository_id
    WHERE hidden_at IS NULL AND EXISTS (SELECT 1 FROM manifests WHERE manifests.digest = tags.digest
     AND config_digest IS NOT NULL AND config_digest NOT IN (SELECT digest FROM configs))"""
_HEALED = ("search_index_differs", "search_index_unusable", "Traceback", "refresh_failed")
"""The log events of damage, also of damage that the service repairs."""
_ORPHAN = re.compile(
    r"^Traceback \(most recent call last\):\n(?:[ ].*\n)*?.*\bspawn_main\b.*\n(?:[ ].*\n)*"
    r"EOFError: Ran out of input$",
    re.MULTILINE,
)
"""What a search process says whose web process was killed while it started it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The failures: lost events, half-made changes, and differences."""

    lost: list[str] = field(default_factory=list)
    half_applied: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.half_applied or self.differences)

    def add(self, other: "Findings") -> None:
        """Add the findings of another check."""
        self.lost.extend(other.lost)
        self.half_applied.extend(other.half_applied)
        self.differences.extend(other.differences)

    def __str__(self) -> str:
        names = {"lost": self.lost, "half-applied": self.half_applied}
        names["difference"] = self.differences
        return "\n".join(f"{name}: {text}" for name, found in names.items() for text in found)


def half_applied(
    store: sqlite3.Connection, ledger: Ledger, *, generations: Collection[str]
) -> Iterator[str]:
    """Yield the signs of half a change in the store, the journal or the folder of the index."""
    for schema in ("main", "journal"):
        for (text,) in store.execute(f"PRAGMA {schema}.integrity_check"):
            if text != "ok":
                yield f"{schema}: {text}"
        yield from (
            f"{schema}: {row}" for row in store.execute(f"PRAGMA {schema}.foreign_key_check")
        )
    for what, query in _HALF_APPLIED.items():
        yield from (f"{what}: {row}" for row in store.execute(query))
    for name, tag in store.execute(_CONFIGS_UNREAD):
        # A repository that was removed while it was read is put right by the next crawl.
        if TagPlace(name, tag) not in ledger.unheard:
            yield f"the config of {name}:{tag} was not read"
    yield from _half_written_manifests(store)
    (live,) = store.execute("SELECT generation FROM search_index").fetchone()
    if list(generations) != [live]:
        yield f"generations {sorted(generations)} are there, of which {live} is live"


def _half_written_manifests(store: sqlite3.Connection) -> Iterator[str]:
    bodies = dict(store.execute("SELECT digest, body FROM manifests"))
    named = children_in_bodies({digest: zlib.decompress(body) for digest, body in bodies.items()})
    kept: dict[str, list[str]] = {digest: [] for digest in bodies}
    for digest, child in store.execute(
        "SELECT digest, child_digest FROM index_children ORDER BY digest, position"
    ):
        kept.setdefault(digest, []).append(child)
    for digest, children in kept.items():
        if children != named.get(digest):
            yield f"{digest} has children {named.get(digest)}, of which the store has {children}"


def healed(log: str) -> list[str]:
    """Return the lines of a log that say that something was found broken."""
    log = _ORPHAN.sub("", log)
    return [line for line in log.splitlines() if any(word in line for word in _HEALED)]


def lost(store: sqlite3.Connection, ledger: Ledger, *, pruned: Collection[str]) -> Iterator[str]:
    """Yield acknowledged events that left no trace.

    ``pruned`` are events that are old enough to be dropped from the journal.
    """
    kept = {row[0] for row in store.execute("SELECT event_id FROM journal.entries")}
    for event_id in sorted(ledger.acknowledged - kept - set(pruned)):
        yield f"event {event_id} was acknowledged and is not in the journal"
    missing = ledger.moves - moves_of_store(store)
    yield from (f"acknowledged and not in the history of tags: {move}" for move in missing)


def untold(store: sqlite3.Connection, ledger: Ledger) -> Iterator[str]:
    """Yield moves of tags in the history that are said to be told of, and were not."""
    surplus = moves_of_store(store) - ledger.moves
    yield from (f"in the history of tags, untold: {move}" for move in surplus)


def unlike(found: Tags, expected: Tags, *, unheard: Collection[TagPlace] = ()) -> Iterator[str]:
    """Yield the tags that differ in the store, except those without an event."""
    for place in sorted(found.keys() | expected.keys(), key=str):
        if found.get(place) != expected.get(place) and place not in unheard:
            yield f"{place}: {found.get(place)} instead of {expected.get(place)}"


def different(found: Documents, expected: Documents) -> Iterator[str]:
    """Yield the documents that are missing, too many, other than they should be, or twice."""
    yield from (f"answered twice: {key}" for key in found.twice)
    yield from _differing("image", found.images, expected.images)
    yield from _differing("repository", found.repositories, expected.repositories)


def _differing(
    kind: str, found: Mapping[Key, object], expected: Mapping[Key, object]
) -> Iterator[str]:
    for key in sorted(found.keys() | expected.keys(), key=str):
        if found.get(key) != expected.get(key):
            yield f"{kind} {key}: {found.get(key)} instead of {expected.get(key)}"


def generations(data: Path) -> list[str]:
    """Return the generations of the search index that are on the disk."""
    return sorted(path.name for path in (data / "search-index").iterdir())
