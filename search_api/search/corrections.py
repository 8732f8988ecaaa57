"""Other spellings for a query that matches nothing, or little.

Words that have no match are replaced by their nearest spelling. Where nothing matches as typed,
what the other spelling finds is the answer, and says so; where little does, it is only offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from indexer.model import DocumentType, Query, Word
from search_api.query import correctable_words, with_words_replaced
from search_api.search.searcher import Searcher

WORDS_MAX = 5
"""How many words of a query are corrected at most: each costs a search."""
FEW = 3
"""Of a word or query with fewer matches another spelling may be meant."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Another spelling of a query, that finds more; ``replaced`` has the words."""

    query: Query
    replaced: Mapping[str, str]


def corrected(
    searcher: Searcher, query: Query, *, document_type: DocumentType, total: int
) -> Correction | None:
    """Return another spelling of a query that matches ``total`` documents; None for a good one."""
    if total >= FEW:
        return None
    replaced = {}
    for word in correctable_words(query)[:WORDS_MAX]:
        if _count(searcher, Word(word), document_type) < (FEW if total else 1):
            found = searcher.spellings(word, document_type=document_type, limit=1)
            if found:
                replaced[word] = found[0][0]
    if not replaced:
        return None
    other = with_words_replaced(query, replaced)
    if _count(searcher, other, document_type) <= total:
        return None
    return Correction(other, replaced)


def _count(searcher: Searcher, query: Query, document_type: DocumentType) -> int:
    answer = searcher.search(query, document_type=document_type, limit=1)
    return answer.page.total
