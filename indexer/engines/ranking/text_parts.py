"""The text parts of a query, which decide the order of hits, for every engine."""

from collections.abc import Iterator

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


def _text_parts(query: Query) -> Iterator[TextPart]:
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            for part in parts:
                yield from _text_parts(part)
        case Word() | Prefix() | Wildcard() | Fuzzy() | Path() | Phrase():
            yield query
