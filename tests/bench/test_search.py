"""The benchmark of searching asks what its classes say, and counts what is no answer."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.bare_search import make_app
from bench.queries import CLASSES, Vocabulary, asks
from bench.search import BARE, Row, ratio
from bench.search_load import Asking, ask
from tests.fakes.serving import serving

VOCABULARY = Vocabulary(
    names=["team/checkout-api", "nginx"],
    name_words=["checkout", "nginx", "team"],
    words=["server", "checkout", "nginx"],
    common=["server"],
    filters=['arch:"amd64"'],
)


def test_a_seed_makes_the_same_queries_each_time() -> None:
    made = asks(VOCABULARY, number=5)
    assert made == asks(VOCABULARY, number=5)
    assert {name: len(found) for name, found in made.items()} == dict.fromkeys(CLASSES, 5)


def test_a_typo_is_no_word_that_is_there() -> None:
    assert not {one.q for one in asks(VOCABULARY, number=20)["typo"]} & set(VOCABULARY.name_words)


def test_answers_that_are_no_page_are_counted_as_failed() -> None:
    async def answer(request: Request) -> JSONResponse:
        return JSONResponse({}, status_code=400 if "bad" in request.url.query else 200)

    app = Starlette(routes=[Route("/search", answer)])
    with serving(app) as url:
        outcome = ask(Asking(url, ["/search?q=a", "/search?q=bad", "/search?q=b"], connections=2))
    assert (len(outcome.latencies), outcome.refused) == (2, 1)


def test_the_reference_answers_the_page_it_was_given(tmp_path: Path) -> None:
    page = {"results": [{"repository": "ünï"}]}
    path = tmp_path / "page.json"
    path.write_text(json.dumps(page))
    with serving(make_app(json.loads(path.read_text()))) as url:
        outcome = ask(Asking(url, ["/anything"] * 3, connections=1))
    assert (len(outcome.latencies), outcome.refused) == (3, 0)


@pytest.mark.parametrize(("clients", "expected"), [(1, "0.50 x"), (8, "2.00 x")])
def test_a_ratio_is_against_the_reference_with_as_many_clients(clients: int, expected: str) -> None:
    def row(query: str, clients: int, per_second: float) -> Row:
        return Row(query, "", clients, 0, 0, 0, per_second, 0, 0)

    rows = [row(BARE, 1, 1000), row(BARE, 8, 250), row("typo", 1, 500), row("typo", 8, 500)]
    ours = next(one for one in rows if (one.query, one.clients) == ("typo", clients))
    assert ratio(ours, rows) == expected
