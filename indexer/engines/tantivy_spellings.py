"""Words of an index that are spelled like a given one."""

from tantivy import Query as Matching

from indexer.engines.tantivy_schema import TEXT
from indexer.engines.tantivy_view import View
from indexer.model.query import Fuzzy
from indexer.model.spelling import edits_allowed, near


def spellings(view: View, word: str, *, limit: int) -> list[tuple[str, int]]:
    """Return at most ``limit`` other words near ``word`` and how many documents have each."""
    allowed = edits_allowed(word)
    # Reading all words takes a while the first time, asking whether any is near does not.
    if not allowed or not view.total(_near(view, word)):
        return []
    edits = {
        found: count for found, count in near(word, view.matcher.words, limit=allowed) if count
    }
    counts = {found: view.total(view.matcher.term(TEXT, found)) for found in edits}
    ordered = sorted(
        filter(counts.__getitem__, edits), key=lambda found: (edits[found], -counts[found], found)
    )
    return [(found, counts[found]) for found in ordered[:limit]]


def _near(view: View, word: str) -> Matching:
    """Return the documents that have a word near ``word``."""
    return view.matcher.part_matching(Fuzzy(word))
