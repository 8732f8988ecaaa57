"""The benchmark of searching sends the queries of its classes, and counts failures."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.bare_search import make_app
from bench.load import Outcome
from bench.queries import CLASSES, Vocabulary, asks
from bench.search import engine_share, least_gain, worst
from bench.search_load import ROUND, Asker, Asking, ask, together
from bench.search_rows import BARE, MIXED_OF_NUMBER, Row, mixed_paths, ratio
from bench.search_service import begin_journal
from bench.timings import Timing
from indexer.store import Journal, Store
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


def test_a_store_without_its_journal_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    begin_journal(tmp_path)
    with closing(Store(tmp_path)) as store, closing(Journal(tmp_path)) as journal:
        assert store.journal_position() >= journal.reached()


def test_a_process_asks_for_one_thing_after_the_other() -> None:
    with serving(make_app({})) as url, Asker() as asker:
        for number in (3, 2):
            outcome = asker.ask(Asking(url, ["/anything"] * number, connections=1))
            assert (len(outcome.latencies), outcome.refused) == (number, 0)


def test_searches_go_on_as_long_as_a_process_runs() -> None:
    asked, whole = 0, 60
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:

        def answer(_: Request) -> JSONResponse:
            nonlocal asked
            asked += 1
            if asked == whole + 1:
                process.communicate(b"\n")
            return JSONResponse({})

        with serving(Starlette(routes=[Route("/anything", answer)])) as url:
            outcome = ask(Asking(url, ["/anything"] * whole, connections=1, while_runs=process.pid))
    # All paths are asked for once, and the round in which the process ends does not count.
    assert (len(outcome.latencies), asked) == (whole, whole + ROUND)


def test_searches_beside_a_process_that_is_gone_are_one_round() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with serving(make_app({})) as url:
        outcome = ask(Asking(url, ["/anything"] * 60, connections=1, while_runs=process.pid))
    assert len(outcome.latencies) == ROUND


def test_rounds_are_one_outcome_together() -> None:
    rounds = [Outcome([0.1], 1, seconds=1, processor=0.2), Outcome([0.3], 0, 3, processor=0.6)]
    found = together(rounds)
    assert (found.latencies, found.refused, found.seconds) == ([0.1, 0.3], 1, 4)
    assert found.processor == pytest.approx(0.5)


def test_mixed_searches_are_of_all_classes_and_both_types() -> None:
    made = asks(VOCABULARY, number=20)
    paths = mixed_paths(made)
    assert len(paths) == MIXED_OF_NUMBER * 20
    assert paths == mixed_paths(made)
    for part in ("type=image", "type=repository", "sort=", "facets=", "size%3A", "%2A"):
        assert any(part in path for path in paths)


def _row(query: str, clients: int, *, per_second: float = 1, p95: float = 0) -> Row:
    return Row(query, "", clients, 0, p95, 0, per_second, 0, 0, 1)


@pytest.mark.parametrize(("clients", "expected"), [(1, "0.50 x"), (8, "2.00 x")])
def test_a_ratio_is_against_the_reference_with_as_many_clients(clients: int, expected: str) -> None:
    rows = [
        _row(BARE, 1, per_second=1000),
        _row(BARE, 8, per_second=250),
        _row("typo", 1, per_second=500),
        _row("typo", 8, per_second=500),
    ]
    ours = next(one for one in rows if (one.query, one.clients) == ("typo", clients))
    assert ratio(ours, rows) == expected
    assert ratio(ours, [ours]) == ""


def test_the_worst_class_is_that_of_one_client() -> None:
    rows = [_row("typo", 1, p95=3), _row("wildcard", 1, p95=5)]
    others = [_row("typo", 8, p95=9), _row(BARE, 1, p95=9), _row("suggest", 1, p95=9)]
    assert worst([*rows, *others]).query == "wildcard"


def test_eight_clients_are_compared_with_one_where_they_gain_least() -> None:
    rows = [
        _row("typo", 1, per_second=100),
        _row("typo", 8, per_second=150),
        _row("prefix", 1, per_second=100),
        _row("prefix", 8, per_second=220),
        _row(BARE, 1, per_second=1000),
        _row(BARE, 8, per_second=1000),
    ]
    assert least_gain(rows) == pytest.approx(1.5)


def test_the_share_of_the_engine_is_the_largest_of_all_classes() -> None:
    rows = [replace(_row(query, 1), p50=10.0) for query in ("typo", "prefix", "wildcard")]
    alone = [
        Timing(query, "", p50, 0, 0, processor_p50=0, processor_p95=0, searches=1)
        for query, p50 in {"typo": 3.0, "prefix": 2.0, "wildcard": 9.0}.items()
    ]
    assert engine_share(rows, alone) == pytest.approx(0.9)
