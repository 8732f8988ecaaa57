"""The texts of a query, which decide the order of hits: its text parts, and its whole text."""

from collections.abc import Iterator
from itertools import product

from indexer.model import (
    And,
    AtLeast,
    Fuzzy,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
    words,
)

TextPart = Word | Prefix | Wildcard | Fuzzy | Path | Phrase


def text_parts(query: Query) -> tuple[TextPart, ...]:
    """Return the different text parts of ``query`` that must or may match."""
    return tuple(dict.fromkeys(_text_parts(query)))


def part_weights(query: Query) -> dict[TextPart, int]:
    """Return the weights of those text parts that may be left out; the greatest of each."""
    found: dict[TextPart, int] = {}
    for part, weight in _weights(query):
        found[part] = max(weight, found.get(part, 0))
    return found


def part_text(part: TextPart) -> str:
    """Return the text of ``part``."""
    match part:
        case Phrase(found):
            return " ".join(found)
        case Path(text):
            return text.strip("/")
        case Word(text) | Prefix(text) | Wildcard(text) | Fuzzy(text):
            return text


def asked_words(part: TextPart) -> list[str]:
    """Return the exact words of ``part``."""
    return [] if isinstance(part, Wildcard | Fuzzy) else words(part_text(part))


def _weights(query: Query) -> Iterator[tuple[TextPart, int]]:
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            if isinstance(query, AtLeast):
                for part, weight in query.weighted:
                    if isinstance(part, TextPart):
                        yield part, weight
            for part in parts:
                yield from _weights(part)


def _text_parts(query: Query) -> Iterator[TextPart]:
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            for part in parts:
                yield from _text_parts(part)
        case Word() | Prefix() | Wildcard() | Fuzzy() | Path() | Phrase():
            yield query


def whole_texts(query: Query) -> tuple[str, ...]:
    """Return the whole text of ``query``, once for each way to fulfil it.

    Conditions add no text. There is no whole text if a pattern or a close spelling must match, or
    if more than one part can be fulfilled in several ways.
    """
    return tuple(dict.fromkeys(filter(None, _whole_texts(query))))


def _whole_texts(query: Query) -> list[str]:
    match query:
        case Word(text) | Prefix(text) | Path(text):
            return [text.strip("/")]
        case Phrase():
            return [part_text(query)]
        case Wildcard() | Fuzzy() | AtLeast():
            return []
        case Or(parts):
            return [text for part in parts for text in _whole_texts(part)]
        case And(parts):
            ways = [_whole_texts(part) for part in parts]
            if sum(len(texts) > 1 for texts in ways) > 1:
                return []
            return [" ".join(filter(None, way)) for way in product(*ways)]
        case _:
            return [""]
