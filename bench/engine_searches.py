"""Search a reader as the service does, without HTTP: from the typed text to a page."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from bench.queries import CLASSES, TYPES, Ask
from bench.references import LIMIT
from bench.timings import Timing, time_calls
from indexer.engines import IndexReader
from indexer.errors import QueryError
from indexer.model.document import DocumentType, SearchPage, Sort
from indexer.model.query import Condition, Query
from indexer.model.text import fold
from search_api.query import (
    correctable_words,
    load_synonyms,
    parse_query,
    with_others,
    with_words_replaced,
)

SUGGESTED = 10
SPELLING, SUGGESTING = "spelling", "suggest"
"""Besides the classes of queries: close words alone, and names while typing."""
_SYNONYMS = load_synonyms()


def engine_timings(reader: IndexReader, asks: Mapping[str, Sequence[Ask]]) -> Iterator[Timing]:
    """Ask everything, each class after the other."""
    for kind in TYPES:
        for query in CLASSES:
            # After a typing mistake, the user waits for the correction too.
            search = corrected if query == "typo" else answer
            yield time_calls(query, kind, asks[query], partial(search, reader, kind))
        yield time_calls(SPELLING, kind, asks["typo"], partial(_spell, reader, kind))
    kind = DocumentType.REPOSITORY
    yield time_calls(SUGGESTING, kind, asks["prefix"], partial(suggested, reader))


def answer(reader: IndexReader, kind: DocumentType, ask: Ask) -> SearchPage:
    """Parse and search, for other forms and synonyms too."""
    return _page(reader, kind, parsed(ask), ask)


def corrected(reader: IndexReader, kind: DocumentType, ask: Ask) -> SearchPage:
    """Search; if nothing matches, search for the nearest spelling."""
    query = _typed(ask)
    page = answer(reader, kind, ask)
    if page.total:
        return page
    nearest = {}
    for word in correctable_words(query):
        if found := reader.spellings(word, document_type=kind, limit=1):
            nearest[word] = found[0][0]
    if not nearest:
        return page
    respelled = with_others(with_words_replaced(query, nearest), _SYNONYMS)
    return _page(reader, kind, respelled, ask)


def suggested(reader: IndexReader, ask: Ask) -> list[str]:
    """Return the names of repositories with a prefix."""
    named = Condition("name", fold(ask.q.rstrip("*")), is_prefix=True)
    page = _page(reader, DocumentType.REPOSITORY, named, Ask(""), limit=SUGGESTED)
    return [hit.result["repository"] for hit in page.hits]


def _spell(reader: IndexReader, kind: DocumentType, ask: Ask) -> list[tuple[str, int]]:
    return reader.spellings(ask.q, document_type=kind, limit=1)


def parsed(ask: Ask) -> Query:
    """Return the query of a search, with other forms and synonyms."""
    return with_others(_typed(ask), _SYNONYMS)


def _typed(ask: Ask) -> Query:
    return parse_query(ask.q, now=datetime.now(UTC))


def _page(
    reader: IndexReader, kind: DocumentType, query: Query, ask: Ask, *, limit: int = LIMIT
) -> SearchPage:
    facets = ask.parameters.get("facets", "")
    try:
        return reader.search(
            query,
            document_type=kind,
            limit=limit,
            sort=Sort(ask.parameters.get("sort", Sort.RELEVANCE)),
            facets=facets.split(",") if facets else (),
        )
    except QueryError:
        # A refusal, for a pattern that means too many words, is an answer too.
        return SearchPage((), 0, has_more=False)
