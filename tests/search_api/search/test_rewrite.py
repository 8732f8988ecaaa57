"""The questions to the store about a query, and the tree for the engine."""

from typing import Any

import pytest

from indexer.errors import QueryError
from indexer.model.document import DocumentType
from indexer.model.query import And, Condition
from search_api.search.rewrite import choose_type, resolve_lineage
from tests.search_api.query.asking import parsed


class Unasked:
    """Keys of lineage that nobody should need."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.mark.parametrize(
    "text",
    ["", "web", "*gress -postgers~", "(size:>1 OR pushed:<7d) tag:*x", "team/*/web label:*"],
)
def test_what_is_no_lineage_is_left_as_it_is(text: str) -> None:
    query = parsed(text)
    assert resolve_lineage(query, Unasked()) == query


IMAGE, REPOSITORY, UNTAGGED = DocumentType.IMAGE, DocumentType.REPOSITORY, DocumentType.UNTAGGED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", IMAGE),
        ("web", IMAGE),
        ("untagged", IMAGE),
        ("is:signed", IMAGE),
        ("-is:untagged web", IMAGE),
        ("is:untagged", UNTAGGED),
        ("IS:Untagged", UNTAGGED),
        ("web is:untagged tag:1", UNTAGGED),
        ("web (is:untagged -is:signed)", UNTAGGED),
        ("*gress postgers~ size:>1 tag:*x -(pushed:<7d)", IMAGE),
        ("*gress postgers~ size:>1 tag:*x is:untagged", UNTAGGED),
    ],
)
def test_what_is_searched(text: str, expected: DocumentType) -> None:
    assert choose_type(parsed(text), IMAGE) is expected


def test_within_one_registry_as_well() -> None:
    query = And((parsed("web is:untagged"), Condition("registry", "main")))
    assert choose_type(query, IMAGE) is UNTAGGED


def test_repositories_are_not_untagged() -> None:
    with pytest.raises(QueryError, match="type=image"):
        choose_type(parsed("is:untagged"), REPOSITORY)
    assert choose_type(parsed("is:signed"), REPOSITORY) is REPOSITORY


@pytest.mark.parametrize(
    "text", ["is:untagged OR web", "-(is:untagged web)", "a (b OR is:untagged)"]
)
def test_a_part_of_a_query_cannot_ask_for_it(text: str) -> None:
    with pytest.raises(QueryError, match="whole query"):
        choose_type(parsed(text), IMAGE)
