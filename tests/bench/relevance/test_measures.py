"""The measures, against figures worked out by hand."""

from math import log2

import pytest

from bench.relevance.measures import figures, ndcg, rank

GRADES = {"a": 3, "b": 2, "c": 1}


def test_the_best_order_has_one() -> None:
    assert ndcg(["a", "b", "c", "x"], GRADES) == 1


def test_what_comes_late_gains_less() -> None:
    best = 7 + 3 / log2(3) + 1 / 2
    assert ndcg(["x", "b", "a"], GRADES) == pytest.approx((3 / log2(3) + 7 / 2) / best)


def test_nothing_found_gains_nothing() -> None:
    assert ndcg([], GRADES) == 0
    assert ndcg(["x"] * 10 + ["a"], GRADES) == 0


def test_more_good_answers_than_places_can_still_be_the_best_order() -> None:
    grades = {str(number): 3 for number in range(30)}
    assert ndcg([str(number) for number in range(10, 20)], grades) == 1


def test_the_rank_is_that_of_the_first_best_one() -> None:
    assert rank(["b", "x", "a"], GRADES) == 3
    assert rank(["b", "c"], GRADES) is None
    assert rank(["b", "c"], {"b": 2, "c": 1}) == 1


def test_figures_are_means_over_queries() -> None:
    found = figures([(["a"], {"a": 3}), (["x", "a"], {"a": 3}), ([], {"a": 3})])
    assert (found.queries, found.success_1, found.success_3) == (3, 1 / 3, 2 / 3)
    assert found.mrr == pytest.approx(0.5)
