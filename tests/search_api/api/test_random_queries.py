"""A few random queries to the real service; ``random_queries`` itself asks as many as one wants."""

from pathlib import Path

from tests.search_api.api.random_queries import run, target


def test_no_query_string_makes_the_service_fail(tmp_path: Path) -> None:
    statuses, slowest, failed = run(200, seed=1, folder=tmp_path)
    assert failed == []
    assert statuses[200] > 20
    assert statuses[400] > 20
    assert slowest.target


def test_a_seed_makes_the_same_request_again() -> None:
    assert target(7) == target(7) != target(8)
