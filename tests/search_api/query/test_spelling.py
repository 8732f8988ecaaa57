"""The words that a spelling suggestion may replace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import QueryError
from indexer.model.query import Query, Word
from search_api.query import correctable_words, text_with_words_replaced, with_words_replaced
from search_api.query.references import command
from tests.search_api.query.asking import PIECES, both, either, parsed

OTHERS = {"postgers": "postgres", "ngnix": "nginx"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("Postgers", ("postgers",)),
        ("postgers ngnix postgers", ("postgers", "ngnix")),
        ("postgers OR (x ngnix)", ("postgers", "ngnix")),
        ("postgers!", ("postgers",)),
        ('"postgers"', ("postgers",)),
        # Too short to have a close spelling
        ("ab abc", ("abc",)),
        # Several words, and what is meant as it is
        ("postgers-ngnix", ()),
        ('"postgers ngnix"', ()),
        ("postgers* postgers~ *postgers", ()),
        ("title:postgers team/postgers postgers:1", ()),
        # What must not be there
        ("-postgers NOT ngnix -(a abc)", ()),
        ("docker pull postgers", ()),
    ],
)
def test_words_that_may_be_replaced(text: str, found: tuple[str, ...]) -> None:
    assert correctable_words(parsed(text)) == found


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("postgers", "postgres"),
        ("POSTGERS x", "postgres x"),
        ("(a OR postgers) ngnix", "(a OR postgres) nginx"),
        ('x "postgers"', 'x "postgres"'),
        ("postgers -postgers", "postgres -postgers"),
        ("postgers NOT postgers postgers", "postgres NOT postgers postgres"),
        ("-(postgers) postgers", "-(postgers) postgres"),
        ("-(x (postgers)) AND postgers", "-(x (postgers)) AND postgres"),
        (
            "ngnix title:ngnix pushed:<7d ngnix* team/ngnix",
            "nginx title:ngnix pushed:<7d ngnix* team/ngnix",
        ),
        ("postgers:1 other", "postgers:1 other"),
        ("  ngnix\tx ", "  nginx\tx "),
        ("docker pull ngnix", "docker pull ngnix"),
    ],
)
def test_text_and_tree_change_alike(text: str, changed: str) -> None:
    assert text_with_words_replaced(text, OTHERS) == changed
    assert with_words_replaced(parsed(text), OTHERS) == parsed(changed)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x ngnix", both(Word("x"), Word("nginx"))),
        ("x OR ngnix", either(Word("x"), Word("nginx"))),
        ("x", Word("x")),
    ],
)
def test_only_these_words_are_replaced(text: str, tree: Query) -> None:
    assert with_words_replaced(parsed(text), OTHERS) == tree


@given(st.lists(st.sampled_from([*PIECES, "ngnix", " ngnix ", '"ngnix"']), max_size=10))
def test_any_text_with_words_replaced_is_the_tree_with_words_replaced(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        tree = parsed(text)
    except QueryError:
        return
    changed = text_with_words_replaced(text, {"ngnix": "nginx", "nginx": "nginy"})
    if command(changed) != command(text):
        return  # "docker pull ngnix%" names nothing, "docker pull nginx" does.
    expected = with_words_replaced(tree, {"ngnix": "nginx", "nginx": "nginy"})
    assert parsed(changed) == expected
