"""Words of an index that are spelled like a given one."""

from indexer.engines.tantivy.schema import TEXT
from indexer.engines.tantivy.view import View
from indexer.model import edits_allowed


def spellings(view: View, word: str, *, limit: int) -> list[tuple[str, int]]:
    """Return at most ``limit`` other words near ``word`` and how many documents have each."""
    edits = dict(view.matcher.words.near(word, limit=edits_allowed(word)))
    edits.pop(word, None)
    counts = {found: view.total(view.matcher.term(TEXT, found)) for found in edits}
    ordered = sorted(
        filter(counts.__getitem__, edits), key=lambda found: (edits[found], -counts[found], found)
    )
    return [(found, counts[found]) for found in ordered[:limit]]
