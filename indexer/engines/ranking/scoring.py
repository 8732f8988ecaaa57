"""The impact of a word in a document, the same for every engine.

The impact of a word on the score is BM25 without idf, because idf makes a score depend on other
documents. It is a whole number of points, so a sum of impacts is exact in any order.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from indexer.model import WORD_MAX, Document, Text, TextField, words

POINTS = 1000
"""The points of a score of 1."""
_TEXT_BOOSTS = {
    TextField.TITLE: 2.0,
    TextField.DESCRIPTION: 2.0,
    TextField.METADATA: 2.0,
    TextField.LABEL: 1.0,
    TextField.ANNOTATION: 1.0,
    TextField.TAG: 0.5,
}
"""The weight of one occurrence of a word, for each kind of text."""

_NAME_BOOST = 8.0
_LAST_COMPONENT_BOOST = 4.0
_K1 = 1.2
_B = 0.3
_AVERAGE_LENGTH = 90.0
_CACHED = 4096
_CACHED_LENGTH = 200
"""Most texts are short, and many images of a repository have the same labels."""
IMPACT_MAX = round((_K1 + 1) * POINTS)
"""Upper bound of the impact of one word, in points."""

Line = tuple[Sequence[str], float]
"""The words of one searchable text, and the weight of one occurrence."""


def scored_lines(document: Document) -> Iterator[Line]:
    """Yield the words of every searchable field with the weight of one occurrence."""
    yield words(document.name), _NAME_BOOST
    joined = "".join(words(document.name.rpartition("/")[2]))[:WORD_MAX]
    if joined:
        yield [joined], _LAST_COMPONENT_BOOST
    for text in document.texts:
        yield _line(text) if len(text.text) <= _CACHED_LENGTH else _line.__wrapped__(text)


@lru_cache(_CACHED)
def _line(text: Text) -> Line:
    searchable = f"{text.key_words} {text.text}" if text.key_words else text.text
    return words(searchable), _TEXT_BOOSTS[text.field]


def impacts(lines: Sequence[Line]) -> dict[str, int]:
    """Return the impact of every word in points, from 1 to ``IMPACT_MAX``."""
    weights: dict[str, float] = {}
    length = 0.0
    for line, boost in lines:
        length += boost * len(line)
        for word in line:
            weights[word] = weights.get(word, 0.0) + boost
    k = _K1 * (1 - _B + _B * length / _AVERAGE_LENGTH)
    worths = {
        weight: max(1, round(POINTS * (_K1 + 1) * weight / (weight + k)))
        for weight in set(weights.values())
    }
    return {word: worths[weight] for word, weight in weights.items()}
