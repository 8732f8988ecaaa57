"""Cursors: the end of a page of results, as an opaque text.

A cursor belongs to one type of document and one order, because its position has no meaning in
others. It also keeps the corrections of the query, so the next pages show the same query.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model import DocumentType, Position, Sort

SCORE_MAX = 1e12
"""No hit has this score, so a cursor with more is refused before it reaches an engine."""
RELAXED_WORDS_MAX = 12
"""The words of a query of which some may be left out."""
WEIGHT_MAX = 24
"""The most that such a word, or several that belong together, may weigh."""
_NUMBER_MAX = 2**63
_CURSOR_MAX = 8_000
_WORD_MAX = 256
_WORDS_MAX = 5


@dataclass(frozen=True, slots=True)
class Order:
    """The listed type and its order. Positions are valid within one order only."""

    document_type: DocumentType
    sort: Sort = Sort.RELEVANCE
    is_reversed: bool = False

    @property
    def name(self) -> str:
        """The order as a parameter names it."""
        return f"-{self.sort.value}" if self.is_reversed else self.sort.value


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in an order, with the replaced words of the query, and what its words weigh."""

    position: Position
    replaced: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[int, ...] = ()
    """If some words may be left out: what must match, and what each word weighs."""


def encode_cursor(cursor: Cursor, order: Order) -> str:
    """Return a cursor as an opaque text."""
    position, replaced = cursor.position, dict(cursor.replaced)
    place: list[Any] = [order.document_type.value, order.name, position.key, position.id, replaced]
    place += [cursor.weights] if cursor.weights else []
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def decode_cursor(text: str, order: Order) -> Cursor:
    """Return the cursor in a text; :class:`InvalidValueError` if it is not of that order."""
    match _decoded(text):
        case [str() as kind, str() as name, key, str() as hit_id, dict() as replaced, *rest]:
            asked = (order.document_type.value, order.name)
            if (kind, name) != asked:
                raise InvalidValueError(
                    f"cursor is of type={kind[:20]} and sort={name[:20]},"
                    f" not of type={asked[0]} and sort={asked[1]}"
                )
            weights = rest[0] if rest else []
            are_right = len(rest) < 2 and _are_weights(weights) and _are_words(replaced)
            if are_right and _is_key(key, order.sort):
                return Cursor(Position(key, hit_id), replaced, tuple(weights))
    raise InvalidValueError(f"not a cursor: {text[:100]!r}")


def encode_place(text: str, of: str) -> str:
    """Return a position in a list of the store as an opaque text; ``of`` names the list."""
    return base64.urlsafe_b64encode(json.dumps([of, text]).encode()).decode()


def decode_place(text: str, of: str) -> str:
    """Return the position in a text; :class:`InvalidValueError` if it is not of that list."""
    match _decoded(text):
        case [str() as name, str() as place] if name == of:
            return place
        case [str() as name, str()]:
            raise InvalidValueError(f"cursor is of {name[:20]!r}, not of {of!r}")
    raise InvalidValueError(f"not a cursor: {text[:100]!r}")


def _decoded(text: str) -> Any:
    try:
        found = json.loads(base64.b64decode(text[:_CURSOR_MAX], altchars=b"-_", validate=True))
        # A database refuses text with half a surrogate pair.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found


def _is_key(key: object, sort: Sort) -> bool:
    if sort is Sort.NAME:
        return isinstance(key, str)
    # NaN and infinity fail one of the comparisons.
    if sort is Sort.RELEVANCE:
        return isinstance(key, int | float) and -SCORE_MAX < key < SCORE_MAX
    return type(key) is int and -_NUMBER_MAX <= key < _NUMBER_MAX


def _are_weights(weights: Any) -> bool:
    if not isinstance(weights, list) or not all(type(one) is int for one in weights):
        return False
    if not weights:
        return True
    least, *each = weights
    is_right = 0 < len(each) <= RELAXED_WORDS_MAX and 0 < least <= sum(each)
    return is_right and all(0 <= one <= WEIGHT_MAX for one in each)


def _are_words(replaced: dict[str, object]) -> bool:
    return len(replaced) <= _WORDS_MAX and all(
        isinstance(word, str) and 0 < len(word) <= _WORD_MAX
        for pair in replaced.items()
        for word in pair
    )
