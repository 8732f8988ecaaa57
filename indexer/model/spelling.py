"""How far apart two spellings are, for queries, engines and suggestions alike."""

from collections.abc import Iterator, Sequence

from rapidfuzz import process
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


def near(word: str, among: Sequence[str], *, limit: int) -> Iterator[tuple[str, int]]:
    """Yield those of many words that are at most ``limit`` edits from ``word``, and how many."""
    found = process.extract(word, among, scorer=OSA.distance, score_cutoff=limit, limit=None)
    for other, distance, _ in found:
        yield other, int(distance)
