"""The request of a search, from the API, docker search or the command line. Pure."""

from dataclasses import dataclass

from indexer.errors import InvalidValueError
from indexer.model import FACETS, LABEL_FACET, Query, Sort
from search_api.search.cursors import Cursor, Order

FACETS_MAX = 20
_LABEL_KEY_MAX = 256


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search; by default it lists everything."""

    order: Order
    limit: int
    text: str = ""
    """The query, in the query language."""
    conditions: tuple[Query, ...] = ()
    """A condition besides the text."""
    registry: str = ""
    """The name or host of the only registry to search; all if empty."""
    host: str = ""
    """The host of the only registry to search, as a client addressed it; all if empty."""
    facets: tuple[str, ...] = ()
    cursor: Cursor | None = None
    """The page begins after this cursor, which also has the spelling of the query."""
    skip: int = 0
    """Hits to skip before the page, for clients that count pages."""
    with_texts: bool = False
    """Whether the page shows the matching texts."""
    results_only: bool = False
    """Whether the client shows results only. A text with a mistake is then read as plain words,
    and no other spelling is offered."""


def parse_order(name: str) -> tuple[Sort, bool]:
    """Return the order in a parameter, and whether it is reversed."""
    return Sort(name.removeprefix("-")), name.startswith("-")


def parse_facets(text: str) -> tuple[str, ...]:
    """Return the facets in a parameter; :class:`InvalidValueError` names an unknown one."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        is_label = name.startswith(LABEL_FACET) and name != LABEL_FACET
        if name not in FACETS and not (is_label and len(name) <= _LABEL_KEY_MAX):
            known = f"{', '.join(FACETS)} and {LABEL_FACET}KEY"
            raise InvalidValueError(f"facets: unknown facet {name[:100]!r}; known are {known}")
    if len(names) > FACETS_MAX:
        raise InvalidValueError(f"facets: at most {FACETS_MAX}, not {len(names)}")
    return names


def parse_count(text: str, *, maximum: int) -> int:
    """Return a number from 1 to ``maximum``, written in digits only; else ValueError."""
    # The length is limited too, because int() refuses very long numbers.
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    if not is_number or not 1 <= int(text) <= maximum:
        raise ValueError(f"must be a number from 1 to {maximum}")
    return int(text)
