"""The order of results stays as good as it was measured, in every engine."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.relevance.asking import (
    BASELINES,
    HELD_OUT,
    OVERALL,
    Answered,
    ask_baseline,
    ask_engine,
    by_class,
)
from bench.relevance.judged import company_set
from bench.relevance.measures import Figures, ndcg
from tests.indexer.engines.conformance.engines import ENGINES


@pytest.fixture(scope="module", params=ENGINES)
def answered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Answered]:
    directory: Path = tmp_path_factory.mktemp("relevance")
    return asyncio.run(ask_engine(directory, request.param, company_set()))


@pytest.fixture(scope="module")
def figures(answered: list[Answered]) -> Mapping[str, Figures]:
    return by_class(answered)


def test_exact_names_and_pasted_references_come_first(figures: Mapping[str, Figures]) -> None:
    assert figures["exact name"].success_1 == 1
    assert figures["pasted reference"].success_1 == 1


def test_the_order_is_good_over_all(figures: Mapping[str, Figures]) -> None:
    assert figures[OVERALL].ndcg >= 0.98
    assert figures[OVERALL].success_1 >= 0.96
    assert figures[HELD_OUT].ndcg >= 0.98


def test_every_class_is_good_at_least(figures: Mapping[str, Figures]) -> None:
    assert {name: one for name, one in figures.items() if one.ndcg < 0.95} == {}


def test_a_typing_mistake_finds_what_was_meant(figures: Mapping[str, Figures]) -> None:
    assert figures["typo"].success_3 >= 0.99


def test_the_baselines_are_left_behind(figures: Mapping[str, Figures]) -> None:
    """In every class and over all, by nDCG@10."""
    for name in BASELINES:
        baseline = by_class(ask_baseline(name, company_set()))
        for query_class, select_class in figures.items():
            assert select_class.ndcg >= baseline[query_class].ndcg, (name, query_class)
        assert figures[OVERALL].ndcg - baseline[OVERALL].ndcg > 0.2, name


def test_what_is_inherited_counts_nothing(answered: list[Answered]) -> None:
    """Only the base images answer to what they say of themselves."""
    (answer,) = [one for one in answered if one.query.text == "ask-platform"]
    assert ndcg(answer.names, answer.query.grades) == 1
    assert set(answer.names) == set(answer.query.grades)
