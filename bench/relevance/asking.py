"""Ask an engine the judged queries, through the usual search, and ask the baselines."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.relevance.baselines import Ask, catalog_filter, like, words_like
from bench.relevance.catalogue import built_all
from bench.relevance.filling import INDEX_DIRECTORY, NOW, fill_index, fill_store
from bench.relevance.judged import JudgedQuery, JudgedSet
from bench.relevance.measures import DEPTH, Figures, figures
from indexer.model.document import DocumentType
from indexer.store import StoreSearchState
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from tests.builders import BuiltManifest
from tests.fakes.clock import ManualClock
from tests.indexer.engines.conformance.engines import ENGINES

BASELINES = {"LIKE": like, "words": words_like, "filter": catalog_filter}
HELD_OUT = "held out"
OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Answered:
    """A judged query and the first names of one system's answer."""

    query: JudgedQuery
    names: tuple[str, ...]


async def ask_engine(directory: Path, engine: str, judged: JudgedSet) -> list[Answered]:
    """Fill an empty directory, index it with an engine, and ask every query."""
    built = built_all(judged.entries)
    fill_store(directory, judged.entries, built)
    made = ENGINES[engine](directory / INDEX_DIRECTORY)
    await fill_index(directory, made)
    searcher = Searcher(state=StoreSearchState(directory), engine=made, clock=ManualClock(NOW))
    with closing(searcher):
        return [
            Answered(query, _ask(searcher, with_digests(query.text, built)))
            for query in judged.queries
        ]


def _ask(searcher: Searcher, text: str) -> tuple[str, ...]:
    request = SearchRequest(Order(DocumentType.REPOSITORY), DEPTH, text)
    found = searcher.search(request)
    return tuple(hit.result["repository"] for hit in found.page.hits)


def ask_baseline(name: str, judged: JudgedSet) -> list[Answered]:
    """Ask a baseline every query."""
    built = built_all(judged.entries)
    ask: Ask = BASELINES[name](judged.entries)
    return [
        Answered(query, tuple(ask(with_digests(query.text, built)))) for query in judged.queries
    ]


def with_digests(text: str, built: Mapping[str, BuiltManifest]) -> str:
    """Replace each ``{digest:NAME}`` by the digest of that repository's content."""
    before, found, behind = text.partition("{digest:")
    name, _, rest = behind.partition("}")
    return f"{before}{built[name].digest}{rest}" if found else text


def by_class(answered: Sequence[Answered]) -> dict[str, Figures]:
    """Return the figures of each class of queries, of the held-out ones if any, and last of all."""
    groups: dict[str, list[Answered]] = {}
    for one in answered:
        groups.setdefault(one.query.query_class, []).append(one)
    if held_out := [one for one in answered if one.query.is_held_out]:
        groups[HELD_OUT] = held_out
    groups[OVERALL] = list(answered)
    return {
        name: figures([(one.names, one.query.grades) for one in group])
        for name, group in groups.items()
    }
