"""When a repository name is all that a query says, or begins with it; the same for every engine.

Where names and texts are compared without punctuation, slashes stay: ``front-end``, ``front_end``
and ``frontend`` are then the same, as are ``redis exporter`` and ``redis_exporter``.
"""

from dataclasses import dataclass
from itertools import product

from indexer.engines.ranking.scoring import POINTS
from indexer.model import And, Fuzzy, Or, Path, Phrase, Prefix, Query, Wildcard, Word, words

IS_NAME = 1000 * POINTS
"""The name is the text."""
ENDS_NAME = 500 * POINTS
"""The last components of the name are the text."""
SPELLS_END = 300 * POINTS
"""They are, but for punctuation."""
BEGINS_END = 200 * POINTS
"""They begin with the text, but for punctuation, and it is one part."""


def whole_texts(query: Query) -> tuple[str, ...]:
    """Return the texts that are all that ``query`` says, one for each way to fulfil it.

    Conditions say nothing. There is none where a pattern or a close spelling must match, or where
    more than one part can be fulfilled in several ways.
    """
    return tuple(dict.fromkeys(filter(None, _texts(query))))


def _texts(query: Query) -> list[str]:
    match query:
        case Word(text) | Prefix(text) | Path(text):
            return [text.strip("/")]
        case Phrase(found):
            return [" ".join(found)]
        case Wildcard() | Fuzzy():
            return []
        case Or(parts):
            return [text for part in parts for text in _texts(part)]
        case And(parts):
            ways = [_texts(part) for part in parts]
            if sum(len(texts) > 1 for texts in ways) > 1:
                return []
            return [" ".join(filter(None, way)) for way in product(*ways)]
        case _:
            return [""]


@dataclass(frozen=True, slots=True)
class Spelt:
    """A name or a text, and the same without punctuation, a slash before each component."""

    folded: str
    plain: str


def spelt(folded: str) -> Spelt:
    """Return a folded name or text in both spellings."""
    plain = "".join(f"/{''.join(words(component))}" for component in folded.split("/"))
    return Spelt(folded, plain)


def worth(name: Spelt, text: Spelt, *, is_alone: bool) -> int:
    """Return what a name is worth for a text that may be ``is_alone`` in its query."""
    _, found, behind = name.plain.rpartition(text.plain)
    if not found or text.plain.endswith("/") or "/" in behind:
        return 0
    if behind:
        return BEGINS_END if is_alone else 0
    if name.folded == text.folded:
        return IS_NAME
    return ENDS_NAME if name.folded.endswith(f"/{text.folded}") else SPELLS_END
