"""What a search is asked for: the same for the API, docker search and the command line. Pure."""

from dataclasses import dataclass

from indexer.errors import InvalidValueError
from indexer.model import FACETS, LABEL_FACET, Query, Sort
from search_api.search.cursors import Cursor, Order

FACETS_MAX = 20
_LABEL_KEY_MAX = 256


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search; everything in order when nothing more is said."""

    order: Order
    limit: int
    text: str = ""
    """In the query language."""
    conditions: tuple[Query, ...] = ()
    """What must match besides the text."""
    registry: str = ""
    """The name or host of the registry to stay within; all when empty."""
    host: str = ""
    """The host of the registry to stay within, as a client addressed it; all when empty."""
    facets: tuple[str, ...] = ()
    cursor: Cursor | None = None
    """Behind which hit the page begins, and the spelling that its query got."""
    skip: int = 0
    """Hits to leave out before the page, for clients that count pages."""
    with_texts: bool = False
    """Whether the page is to show which texts match."""
    results_only: bool = False
    """Whether the client shows nothing but results: a text with a mistake is then read as plain
    words, and no other spelling is offered."""


def parse_order(name: str) -> tuple[Sort, bool]:
    """Return the order that a parameter names, and whether it is reversed."""
    return Sort(name.removeprefix("-")), name.startswith("-")


def parse_facets(text: str) -> tuple[str, ...]:
    """Return the facets in a parameter; :class:`InvalidValueError` names what is none."""
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
    """Return a number from 1 to ``maximum``, which nothing but digits are; else ValueError."""
    # The length counts too: int() is not for digits without end.
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    if not is_number or not 1 <= int(text) <= maximum:
        raise ValueError(f"must be a number from 1 to {maximum}")
    return int(text)
