"""One request sees one commit and one freshness, however many searches it takes."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model.document import DocumentType
from indexer.model.query import Word
from indexer.store import Store, StoreSearchState
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.fakes.engine import WatchedEngine
from tests.search_api.filling import Pushed, bring_up_to_date, fill, put
from tests.search_api.sample_content import DESCRIPTION

ALL = SearchRequest(Order(DocumentType.REPOSITORY), limit=10)


def described(name: str, text: str) -> Pushed:
    return Pushed(name, image(annotations={DESCRIPTION: text}, seed=name))


CONTENT = [
    *(described(f"db/{n}", "The postgres server of team red") for n in "abcde"),
    described("odd", "A postgras image"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("described")
    asyncio.run(fill(directory, CONTENT))
    return directory


class Watched:
    """A searcher over a data directory, and what its requests ask of the engine and the store."""

    def __init__(self, directory: Path) -> None:
        self.calls = Counter[str]()
        self.then: Callable[[], None] | None = None
        self.clock = ManualClock()
        self.state = StoreSearchState(directory)
        engine = WatchedEngine(WhooshEngine(directory / INDEX_DIRECTORY), self._watch)
        self.searcher = Searcher(state=self.state, engine=engine, clock=self.clock)
        self.state.read(lambda store: store._database.conn.set_trace_callback(self._trace))

    def search(self, request: SearchRequest) -> int:
        """Return how many match, with the calls counted from zero and no freshness kept."""
        self.clock.advance(1)
        self.calls.clear()
        return self.searcher.run(Searcher.search, request).page.total

    def _watch(self, call: str) -> None:
        self.calls[call] += 1
        if call == "search" and self.calls[call] == 2 and self.then is not None:
            self.then()

    def _trace(self, statement: str) -> None:
        self.calls["live"] += "FROM search_index" in statement
        self.calls["freshness"] += "FROM registries LEFT JOIN" in statement


@pytest.fixture
def watched(made: Path, tmp_path: Path) -> Iterator[Watched]:
    found = Watched(shutil.copytree(made, tmp_path / "data"))
    with closing(found.searcher):
        found.search(ALL)
        yield found


@pytest.mark.parametrize(
    ("text", "total", "searches"),
    [
        ("postgres", 5, 1),
        ("postgers", 5, 2),
        ("postgers servr -blue", 5, 2),
        ("teem blue postgers redd", 0, 2),
        ("postgras", 1, 1),
        ("postgras imag", 1, 2),
        ("zzzzzzzzzz", 0, 1),
    ],
)
def test_a_corrected_query_takes_few_searches_of_one_commit(
    watched: Watched, text: str, total: int, searches: int
) -> None:
    assert watched.search(replace(ALL, text=text)) == total
    assert watched.calls["search"] == searches <= 3
    assert watched.calls["refresh"] == 1
    assert watched.calls["live"] == 1
    assert watched.calls["freshness"] == 0, "nothing changed since the last request"


def test_words_are_not_counted_where_enough_matches(watched: Watched) -> None:
    watched.search(replace(ALL, text="postgres"))
    assert watched.calls["count"] == watched.calls["spellings"] == 0


def test_nothing_is_offered_to_a_client_that_shows_nothing_but_results(watched: Watched) -> None:
    assert watched.search(replace(ALL, text="postgras", results_only=True)) == 1
    assert watched.calls["count"] == watched.calls["spellings"] == 0
    assert watched.search(replace(ALL, text="postgers", results_only=True)) == 5


def test_only_typed_words_are_corrected(watched: Watched) -> None:
    """Conditions come from a program or a form, which means each word as it is."""
    asked = replace(ALL, text="postgers", conditions=(Word("servr"),))
    assert watched.search(asked) == 0
    assert watched.search(replace(asked, conditions=(Word("server"),))) == 5


@pytest.mark.parametrize(("skip", "searches"), [(2, 3), (5, 2), (10_000, 2)])
def test_the_hits_that_are_skipped_are_of_the_same_commit(
    watched: Watched, skip: int, searches: int
) -> None:
    """The first search finds nothing as typed; then the skipped hits are walked over."""
    request = replace(ALL, text="postgers", limit=2, skip=skip, results_only=True)
    assert watched.search(request) == 5
    assert watched.calls["search"] == searches
    assert watched.calls["refresh"] == 1


def test_what_is_indexed_between_two_searches_of_a_request_is_in_the_next(
    watched: Watched,
) -> None:
    def index_another() -> None:
        directory = watched.state.directory
        with closing(Store(directory)) as store:
            put(store, [described("db/new", "Another postgres server")], clock=watched.clock)
        asyncio.run(bring_up_to_date(directory, clock=watched.clock))

    watched.then = index_another
    assert watched.search(replace(ALL, text="postgers")) == 5
    assert watched.search(replace(ALL, text="postgers")) == 6
