"""The documents of a segment whose name is all that a query says, or begins with it."""

import sys
from array import array
from dataclasses import dataclass

from indexer.engines.ranking import Spelt, spelt, worth
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.segment import Segment


@dataclass(frozen=True, slots=True)
class Named:
    """Which documents have points for their names, and how many each."""

    documents: int
    points: "array[int] | None"
    """None where no document has any."""


def named_by(segment: Segment, texts: tuple[str, ...], *, parts: int) -> Named:
    """Return what names are worth for the best of ``texts``, once for each of so many parts."""
    return segment.cached(
        ("named by", texts, parts),
        lambda: _named_by(segment, texts, parts=parts),
        size_bytes=lambda made: sys.getsizeof(made.documents) + sys.getsizeof(made.points),
    )


def _named_by(segment: Segment, texts: tuple[str, ...], *, parts: int) -> Named:
    found = _points_by_name(segment, texts, parts=parts)
    if not found:
        return Named(0, None)
    points = array("I", bytes(4 * segment.size))
    documents: list[int] = []
    for place, of_name in found.items():
        documents += segment.names.documents[place]
        for document in segment.names.documents[place]:
            points[document] = of_name
    return Named(bitmaps.from_documents(documents, size=segment.size), points)


def _points_by_name(segment: Segment, texts: tuple[str, ...], *, parts: int) -> dict[int, int]:
    """Return the points of each name that has any, by its place."""
    names, plain_names = segment.names, segment.plain_names
    found: dict[int, int] = {}
    for text in map(spelt, texts):
        for plain_place in plain_names.containing(text.plain):
            plain = plain_names.names[plain_place]
            for place in plain_names.documents[plain_place]:
                name = Spelt(names.names[place], plain)
                if points := parts * worth(name, text, is_alone=parts == 1):
                    found[place] = max(points, found.get(place, 0))
    return found
