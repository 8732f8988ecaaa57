"""One search from its text to its page: what the API, docker search and the command line share."""

from dataclasses import dataclass
from datetime import datetime

from indexer.model.document import Sort
from indexer.model.query import And, Condition, Query
from indexer.model.text import fold
from search_api.cursors import Cursor, Order
from search_api.query_text import parse_query
from search_api.searching import Answer, Searching


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

    @property
    def next(self) -> Cursor | None:
        """Where the next page begins; None behind the last."""
        page = self.answer.page
        return Cursor(page.hits[-1].position) if page.has_more and page.hits else None


async def ask(searching: Searching, asked: Asked, *, now: datetime) -> Found:
    """Return what is found; :class:`indexer.errors.QueryError` where the text has a mistake."""
    del now
    query = parse_query(asked.text)
    if asked.registry:
        query = And((query, Condition("registry", fold(asked.registry))))
    return Found(asked, query, await _search(searching, query, asked))


async def _search(searching: Searching, query: Query, asked: Asked) -> Answer:
    order = asked.order
    return await searching.search(
        query,
        document_type=order.document_type,
        limit=asked.limit,
        after=asked.cursor.position if asked.cursor else None,
        sort=order.sort,
        is_reversed=order.is_reversed,
        facets=asked.facets,
        with_texts=asked.with_texts,
    )


def parse_order(name: str) -> tuple[Sort, bool]:
    """Return the order that a parameter names, and whether it is reversed."""
    return Sort(name.removeprefix("-")), name.startswith("-")
