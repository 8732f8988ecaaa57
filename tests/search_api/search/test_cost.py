"""Monstrous queries are refused before they run, with the number and the limit."""

from datetime import UTC, datetime

import pytest

from indexer.errors import CostlyQueryError
from indexer.model import Condition, DocumentType, Or, Query
from search_api.query import load_synonyms, parse_query, with_others
from search_api.search.cost import (
    CONDITIONS_MAX,
    PATTERNS_MAX,
    check_conditions,
    check_page,
    check_patterns,
)
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest

SYNONYMS = load_synonyms([])


def parsed(text: str) -> Query:
    return parse_query(text, now=datetime(2026, 1, 1, tzinfo=UTC))


def page(limit: int, *, with_texts: bool = True) -> SearchRequest:
    return SearchRequest(Order(DocumentType.IMAGE), limit=limit, with_texts=with_texts)


@pytest.mark.parametrize("pattern", ["*ab*", "ab*", "abc~", "tag:1.*", "tag:*-alpine", "digest:ab"])
def test_patterns_are_counted(pattern: str) -> None:
    check_patterns(parsed(" OR ".join([pattern] * PATTERNS_MAX)))
    with pytest.raises(CostlyQueryError, match=r"17 patterns in a query .* the limit is 16"):
        check_patterns(parsed(" OR ".join([pattern] * (PATTERNS_MAX + 1))))


@pytest.mark.parametrize("term", ["word", "tag:1.4", "digest:0123abcd", "label:team", "size:>1MB"])
def test_other_terms_are_not(term: str) -> None:
    check_patterns(parsed(" OR ".join([term] * 64)))
    check_patterns(parsed(" ".join([f"-{term}"] * 64)))


def test_conditions_are_counted_after_those_of_lineage_became_layers() -> None:
    parts = [Condition("chain", str(number)) for number in range(CONDITIONS_MAX)]
    check_conditions(Or(tuple(parts)))
    with pytest.raises(CostlyQueryError, match=f"{CONDITIONS_MAX + 1} layers and conditions"):
        check_conditions(Or((*parts, Condition("chain", "one more"))))


def test_words_with_their_synonyms_are_counted_for_each_result() -> None:
    many = with_others(parsed(" OR ".join(["database", "monitoring"] * 32)), SYNONYMS)
    check_page(many, page(25))
    check_page(many, page(1000, with_texts=False))
    with pytest.raises(CostlyQueryError, match=r"times 1000 results are .* use a limit of"):
        check_page(many, page(1000))


def test_what_people_ask_for_is_far_below_the_limits() -> None:
    for text in (
        "kubernetes ingress controller message queue web server arch:arm64 -deprecated",
        " OR ".join(["ngin*", "*gress", "postgers~", "tag:1.*"] * 4),
        " ".join(f"word{number}" for number in range(64)),
        '"reverse proxy" team/web redis:7.*',
    ):
        query = parsed(text)
        check_patterns(query)
        check_conditions(query)
        check_page(with_others(query, SYNONYMS), page(1000))
