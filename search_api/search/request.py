"""One search from its text to its page: what the API, docker search and the command line share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from indexer.errors import InvalidValueError
from indexer.model import FACETS, LABEL_FACET, And, Condition, Or, Query, Sort, fold
from search_api.query import parse_query, text_with_words_replaced, with_words_replaced
from search_api.search.corrections import corrected
from search_api.search.cursors import Cursor, Order
from search_api.search.highlights import has_highlights
from search_api.search.searcher import Answer, Searcher

LIMIT_MAX = 1_000
"""Results of a page."""
FACETS_MAX = 20
_LABEL_KEY_MAX = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for."""

    text: str
    order: Order
    limit: int
    registry: str = ""
    """The name or host of the registry that is searched; all when empty."""
    facets: tuple[str, ...] = ()
    cursor: Cursor | None = None
    with_texts: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The query with other spellings: offered, or used because nothing matched as typed."""

    text: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, and the query that it answers."""

    asked: Asked
    query: Query
    answer: Answer
    suggestion: Suggestion | None = None

    replaced: Mapping[str, str] = field(default_factory=dict)
    """The words of what was typed that are others in the query."""

    @property
    def next(self) -> Cursor | None:
        """Where the next page begins; None behind the last."""
        page = self.answer.page
        if not page.has_more or not page.hits:
            return None
        return Cursor(page.hits[-1].position, self.replaced)


def ask(searcher: Searcher, asked: Asked, *, now: datetime) -> Found:
    """Return what is found; :class:`indexer.errors.QueryError` where the text has a mistake."""
    query = parse_query(asked.text, now=now)
    if asked.registry:
        name = fold(asked.registry)
        query = And((query, Or((Condition("registry", name), Condition("host", name)))))
    if asked.cursor is not None:
        return _following(searcher, asked, query, asked.cursor.replaced)
    answer = _search(searcher, query, asked)
    total, document_type = answer.page.total, asked.order.document_type
    other = corrected(searcher, query, document_type=document_type, total=total)
    if other is None:
        return Found(asked, query, answer)
    if total == 0:
        return _following(searcher, asked, other.query, other.replaced)
    text = text_with_words_replaced(asked.text, other.replaced)
    return Found(asked, query, answer, Suggestion(text, is_used=False))


def _following(
    searcher: Searcher, asked: Asked, query: Query, replaced: Mapping[str, str]
) -> Found:
    """Return a page of a query with the words replaced that were on its first page."""
    if not replaced:
        return Found(asked, query, _search(searcher, query, asked))
    query = with_words_replaced(query, replaced)
    text = text_with_words_replaced(asked.text, replaced)
    answer = _search(searcher, query, asked)
    return Found(asked, query, answer, Suggestion(text, is_used=True), replaced)


def _search(searcher: Searcher, query: Query, asked: Asked) -> Answer:
    order = asked.order
    return searcher.search(
        query,
        document_type=order.document_type,
        limit=asked.limit,
        after=asked.cursor.position if asked.cursor else None,
        sort=order.sort,
        is_reversed=order.is_reversed,
        facets=asked.facets,
        with_texts=asked.with_texts and has_highlights(query),
    )


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
