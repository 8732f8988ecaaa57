"""Words of an index that are spelled like a given one."""

from indexer.engines.tantivy_schema import TEXT
from indexer.engines.tantivy_view import View
from indexer.model.spelling import edits, edits_allowed


def spellings(view: View, word: str, *, limit: int) -> list[tuple[str, int]]:
    """Return at most ``limit`` other words near ``word`` and how many documents have each."""
    allowed = edits_allowed(word)
    if not allowed:
        return []
    found = []
    for other, _ in view.searcher.terms_with_prefix(TEXT, ""):
        distance = edits(word, other, limit=allowed)
        if 0 < distance <= allowed:
            count = view.total(view.matcher.term(TEXT, other))
            if count:
                found.append((distance, -count, other))
    return [(other, -count) for _, count, other in sorted(found)[:limit]]
