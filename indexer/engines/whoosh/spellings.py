"""Words of an index that are spelled like a given one."""

from collections.abc import Iterable

from indexer.engines.ranking import TEXT
from indexer.engines.whoosh.index import SegmentView


def spellings(views: Iterable[SegmentView], word: str, *, limit: int) -> list[tuple[str, int]]:
    """Return at most ``limit`` other words near ``word`` and how many documents have each."""
    counts: dict[str, int] = {}
    edits: dict[str, int] = {}
    for view in views:
        segment = view.segment
        for found, distance in segment.vocabulary().near(word):
            count = (segment.bitmap(TEXT, found) & view.alive).bit_count()
            if count and found != word:
                edits[found] = distance
                counts[found] = counts.get(found, 0) + count
    ordered = sorted(counts, key=lambda found: (edits[found], -counts[found], found))
    return [(found, counts[found]) for found in ordered[:limit]]
