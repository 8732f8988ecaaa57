"""The distance between spellings, the same for queries, engines and suggestions."""

from collections.abc import Iterator, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

EDITS_MAX = 2
_ONE_EDIT = 3
_TWO_EDITS = 6


def edits_allowed(word: str) -> int:
    """Return the number of edits allowed for ``word``: 0, 1 from 3 characters on, 2 from 6."""
    if len(word) < _ONE_EDIT:
        return 0
    return 1 if len(word) < _TWO_EDITS else EDITS_MAX


def edits(one: str, other: str, *, limit: int) -> int:
    """Return the number of edits between two words, or ``limit + 1`` if there are more.

    An edit is one character that is inserted, missing, different, or swapped with the next: the
    optimal string alignment distance (Boytsov, Indexing methods for approximate dictionary
    searching, 2011, section 2.2).
    """
    return OSA.distance(one, other, score_cutoff=limit)


def near(word: str, among: Sequence[str], *, limit: int) -> Iterator[tuple[str, int]]:
    """Yield the words at most ``limit`` edits from ``word``, each with the number of edits."""
    found = process.extract(word, among, scorer=OSA.distance, score_cutoff=limit, limit=None)
    for other, distance, _ in found:
        yield other, int(distance)
