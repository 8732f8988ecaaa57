"""Other spellings for a query that matches nothing, or little.

Words without a match get their nearest spelling. If nothing matches as typed, the hits are those
of the other spelling, and the result says so; if little matches, it is only offered.
"""

from indexer.model import DocumentType, Word
from search_api.query import correctable_words
from search_api.search.rewrite import EngineQuery
from search_api.search.snapshot import Snapshot

WORDS_MAX = 5
"""How many words of a query are corrected at most: each is counted."""
FEW = 3
"""Of a word or query with fewer matches another spelling may be meant."""


def correct(
    snapshot: Snapshot, query: EngineQuery, *, document_type: DocumentType, total: int
) -> dict[str, str]:
    """Return the words of a query that may be meant otherwise, and how.

    ``total`` is how many documents match the query, fewer than ``FEW``.
    """
    enough = FEW if total else 1
    return {
        word: other
        for word in correctable_words(query.query)[:WORDS_MAX]
        if snapshot.count(EngineQuery(Word(word), document_type)) < enough
        if (other := snapshot.nearest_spelling(word, document_type)) is not None
    }
