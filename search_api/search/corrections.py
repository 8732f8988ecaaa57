"""Other spellings for a query that matches nothing, or little.

Words without a match get a likely spelling. If nothing matches as typed, the hits are those of the
other spelling, and the result says so. If little matches, the result only offers it, where it is
clearly better.
"""

from indexer.model import DocumentType, Path, Phrase, Word, edits
from search_api.query import correctable_words
from search_api.search.rewrite import EngineQuery, expand
from search_api.search.snapshot import Snapshot

WORDS_MAX = 5
"""Corrected words of a query. The limit exists because each correction is counted."""
FEW = 3
"""With fewer matches than this, a word or query may have a spelling mistake."""
MORE = 5
"""How many times as many matches an offered spelling has at least."""
_OFFERED_MIN = 5
"""Characters of a word for which another spelling is offered."""
_HALF_MIN = 3
"""Characters of each of two words that were written together."""
_GLUED_MAX = 30
_NEAREST = 10
"""Spellings that are compared."""


def correct(
    snapshot: Snapshot, query: EngineQuery, *, document_type: DocumentType, total: int
) -> dict[str, str]:
    """Return the words of a query with a likely mistake, and their corrections.

    ``total`` is the number of matches of the query, fewer than ``FEW``. A word that is known, or of
    which a form or a synonym is known, has no correction if nothing matches.
    """
    found = {}
    for word in correctable_words(query.typed)[:WORDS_MAX]:
        if snapshot.synonyms.has((word,)):
            continue
        asked = expand(EngineQuery(Word(word), document_type), snapshot.synonyms)
        count = snapshot.count(asked)
        other = None
        if count == 0:
            other = _likely(snapshot, word, document_type)
        elif total and count < FEW:
            other = _better(snapshot, word, document_type, count)
        if other is not None:
            found[word] = other
    return found


def _likely(snapshot: Snapshot, word: str, document_type: DocumentType) -> str | None:
    """Return the spelling that was meant: the nearest, the same first letter, the most frequent.

    If there is none, two words may have been written together.
    """
    found = [other for other, _ in snapshot.spellings(word, document_type, limit=_NEAREST)]
    if not found:
        return _two_words(snapshot, word, document_type)
    return min(found, key=lambda other: (edits(word, other, limit=1), other[0] != word[0]))


def _two_words(snapshot: Snapshot, word: str, document_type: DocumentType) -> str | None:
    """Return the two known words that a word is made of; None if it is not."""
    for place in range(_HALF_MIN, min(len(word), _GLUED_MAX) - _HALF_MIN + 1):
        halves = (word[:place], word[place:])
        # A word in quotes is no part of another word.
        if all(snapshot.count(EngineQuery(Phrase((half,)), document_type)) for half in halves):
            return " ".join(halves)
    return None


def _better(snapshot: Snapshot, word: str, document_type: DocumentType, count: int) -> str | None:
    """Return a spelling with many more matches for a word with few, none of them in a name.

    A word that only ends in another way is more likely another form than a mistake.
    """
    if len(word) < _OFFERED_MIN or snapshot.count(EngineQuery(Path(word), document_type)):
        return None
    found = snapshot.spellings(word, document_type, limit=_NEAREST)
    likely = (
        other
        for other, matches in found
        if matches >= MORE * count
        and other[0] == word[0]
        and other[-1] == word[-1]
        and edits(word, other, limit=1) == 1
    )
    return next(likely, None)
