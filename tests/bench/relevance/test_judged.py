"""The judgements follow their rule (bench/relevance/data/README.md), as far as a test can tell."""

from collections import Counter

import pytest

from bench.relevance.catalogue import REGISTRY_HOST, catalogue
from bench.relevance.judged import BEST, JudgedQuery, classes, judged_queries, things
from indexer.model.spelling import EDITS_MAX, edits
from indexer.model.text import fold

ENTRIES = catalogue()


def select_class(name: str) -> list[JudgedQuery]:
    return [query for query in judged_queries() if query.query_class == name]


def test_there_are_enough_of_each_class() -> None:
    assert sum(classes().values()) >= 150
    assert classes()["typo"] >= 25
    assert min(classes().values()) >= 10
    assert 300 <= len(ENTRIES) <= 400


def test_no_query_is_asked_twice() -> None:
    asked = Counter((query.text, query.query_class) for query in judged_queries())
    assert [text for text, times in asked.items() if times > 1] == []


@pytest.mark.parametrize("query", judged_queries(), ids=lambda query: query.text)
def test_every_query_has_a_best_answer_and_grades_what_there_is(query: JudgedQuery) -> None:
    assert max(query.grades.values()) == BEST
    assert min(query.grades.values()) >= 1
    assert [name for name in query.grades if name not in ENTRIES] == []


def test_a_name_names_one_repository() -> None:
    for query in select_class("exact name"):
        assert query.grades == {fold(query.text): BEST}


def test_a_pasted_reference_names_one_repository() -> None:
    for query in select_class("pasted reference"):
        path = query.text.removeprefix(f"{REGISTRY_HOST}/").partition("@")[0].partition(":")[0]
        assert query.grades == {path: BEST}


@pytest.mark.parametrize(("thing", "grades"), things().items(), ids=list(things()))
def test_of_several_copies_those_are_best_that_are_pulled_most(
    thing: str, grades: dict[str, int]
) -> None:
    copies = [ENTRIES[name] for name in grades if ENTRIES[name].last_component == thing]
    most = max((copy.pulls for copy in copies), default=0)
    for copy in copies:
        assert (grades[copy.name] == BEST) == (copy.pulls * 2 >= most), copy.name
    all_copies = {entry.name for entry in ENTRIES.values() if entry.last_component == thing}
    assert all_copies == {copy.name for copy in copies}


def test_a_beginning_begins_what_is_meant() -> None:
    for query in select_class("prefix"):
        assert not query.thing or query.thing.startswith(query.text.rstrip("*"))


def test_a_typing_mistake_is_an_edit_or_two_away_from_what_is_meant() -> None:
    for query in select_class("typo"):
        if query.thing:
            assert 1 <= edits(query.text, query.thing, limit=EDITS_MAX) <= EDITS_MAX
