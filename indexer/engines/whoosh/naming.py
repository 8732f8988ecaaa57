"""The documents of a segment whose name is all that a query says, or begins with it."""

import sys
from array import array
from dataclasses import dataclass

from indexer.engines.ranking import NormalizedName, WholeName, name_matches
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.segment import Segment


@dataclass(frozen=True, slots=True)
class Named:
    """Which documents have points for their names, and how many each."""

    documents: int
    points: "array[int] | None"
    """None where no document has any."""


def named_by(segment: Segment, whole_names: tuple[WholeName, ...]) -> Named:
    """Return what names are worth for the best of ``whole_names``."""
    return segment.cached(
        ("named by", whole_names),
        lambda: _named_by(segment, whole_names),
        size_bytes=lambda made: sys.getsizeof(made.documents) + sys.getsizeof(made.points),
    )


def _named_by(segment: Segment, whole_names: tuple[WholeName, ...]) -> Named:
    found = _points_by_name(segment, whole_names)
    if not found:
        return Named(0, None)
    points = array("I", bytes(4 * segment.size))
    documents: list[int] = []
    for place, of_name in found.items():
        documents += segment.names.documents[place]
        for document in segment.names.documents[place]:
            points[document] = of_name
    return Named(bitmaps.from_documents(documents, size=segment.size), points)


def _points_by_name(segment: Segment, whole_names: tuple[WholeName, ...]) -> dict[int, int]:
    """Return the points of each name that has any, by its place."""
    names, plain_names = segment.names, segment.plain_names
    found: dict[int, int] = {}
    for text in dict.fromkeys(whole.text for whole in whole_names):
        wholes = [whole for whole in whole_names if whole.text == text]
        for plain_place in plain_names.containing(text.plain):
            plain = plain_names.names[plain_place]
            for place in plain_names.documents[plain_place]:
                name = NormalizedName(names.names[place], plain)
                points = [one.points for one in wholes if name_matches(name, one.match, text)]
                found[place] = max([*points, found.get(place, 0)])
    return {place: points for place, points in found.items() if points}
