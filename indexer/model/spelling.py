"""How far apart two spellings are, for queries, engines and suggestions alike."""

from rapidfuzz.distance import OSA

EDITS_MAX = 2
_ONE_EDIT = 3
_TWO_EDITS = 6


def edits_allowed(word: str) -> int:
    """Return how many edits a close spelling of ``word`` may be away: none, one from three
    characters on, two from six."""
    if len(word) < _ONE_EDIT:
        return 0
    return 1 if len(word) < _TWO_EDITS else EDITS_MAX


def edits(one: str, other: str, *, limit: int) -> int:
    """Return the number of edits between two words, or ``limit + 1`` when there are more.

    An edit is an inserted, missing, other, or with its neighbour exchanged character: the
    optimal string alignment distance (Boytsov, Indexing methods for approximate dictionary
    searching, 2011, section 2.2).
    """
    return OSA.distance(one, other, score_cutoff=limit)
