"""Match a repository name with the whole text of a query, the same for every engine.

Comparisons without punctuation keep slashes: ``front-end``, ``front_end`` and ``frontend`` are then
equal, and so are ``redis exporter`` and ``redis_exporter``.
"""

from dataclasses import dataclass
from enum import StrEnum
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


@dataclass(frozen=True, slots=True)
class NormalizedName:
    """A folded name or text, with its form without punctuation."""

    folded: str
    plain: str
    """Without punctuation, with a slash before each component."""

    @property
    def has_no_words_at_end(self) -> bool:
        """Whether the last component is punctuation only."""
        return self.plain.endswith("/")


class NameMatch(StrEnum):
    """The kinds of match between the name of a document and a whole text."""

    IS = "is"
    """The folded name is the folded text."""
    ENDS = "ends"
    """The folded text is the last components of the folded name, and not all of them."""
    SPELLS_END = "spells_end"
    """The plain text is the last components of the plain name, perhaps all of them."""
    BEGINS_END = "begins_end"
    """The last components of the plain name, as many as the plain text has, begin with it."""


def normalize(folded: str) -> NormalizedName:
    """Return a folded name or text with its form without punctuation."""
    plain = "".join(f"/{''.join(words(component))}" for component in folded.split("/"))
    return NormalizedName(folded, plain)


def name_matches(name: NormalizedName, match: NameMatch, text: NormalizedName) -> bool:
    """Tell whether ``name`` matches ``text``, which has words at its end."""
    match match:
        case NameMatch.IS:
            return name.folded == text.folded
        case NameMatch.ENDS:
            return name.folded.endswith(f"/{text.folded}")
        case NameMatch.SPELLS_END:
            return name.plain.endswith(text.plain)
        case NameMatch.BEGINS_END:
            _, found, behind = name.plain.rpartition(text.plain)
            return bool(found) and "/" not in behind


def whole_texts(query: Query) -> tuple[str, ...]:
    """Return the whole text of ``query``, once for each way to fulfil it.

    Conditions add no text. There is no whole text if a pattern or a close spelling must match, or
    if more than one part can be fulfilled in several ways.
    """
    return tuple(dict.fromkeys(filter(None, _texts(query))))


def _texts(query: Query) -> list[str]:
    match query:
        case Word(text) | Prefix(text) | Path(text):
            return [text.strip("/")]
        case Phrase(found):
            return [" ".join(found)]
        case Wildcard() | Fuzzy() | AtLeast():
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
