"""Other spellings for a query that matches nothing, or little.

Words without a match get their nearest spelling. If nothing matches as typed, the hits are those
of the other spelling, and the result says so. If little matches, the result only offers it.
"""

from indexer.model import DocumentType, Word
from search_api.query import correctable_words
from search_api.search.rewrite import EngineQuery, expand
from search_api.search.snapshot import Snapshot

WORDS_MAX = 5
"""Corrected words of a query. The limit exists because each correction is counted."""
FEW = 3
"""With fewer matches than this, a word or query may have a spelling mistake."""


def correct(
    snapshot: Snapshot, query: EngineQuery, *, document_type: DocumentType, total: int
) -> dict[str, str]:
    """Return the words of a query with a likely mistake, and their corrections.

    ``total`` is the number of matches of the query, fewer than ``FEW``.
    """
    enough = FEW if total else 1
    return {
        word: other
        for word in correctable_words(query.typed)[:WORDS_MAX]
        if snapshot.count(expand(EngineQuery(Word(word), document_type), snapshot.synonyms))
        < enough
        if (other := snapshot.nearest_spelling(word, document_type)) is not None
    }
