"""Cursors: they come back exactly, and nothing else is taken for one."""

import base64
import json
from typing import Any

import pytest

from indexer.errors import InvalidValueError
from indexer.model.document import DocumentType, Position, Sort
from search_api.search.cursors import (
    Cursor,
    Order,
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
)

REPOSITORIES = Order(DocumentType.REPOSITORY)
BY_NAME = Order(DocumentType.IMAGE, Sort.NAME)
BY_SIZE = Order(DocumentType.IMAGE, Sort.SIZE, is_reversed=True)


def encoded(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(data).decode()


def place(key: Any, hit_id: Any = "a", replaced: Any = None, *, sort: str = "relevance") -> str:
    return encoded(json.dumps(["repository", sort, key, hit_id, replaced or {}]))


@pytest.mark.parametrize("hit_id", ["a main", "team/web@sha256:0 main", "", "ünï\u2028 \U0010ffff"])
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (REPOSITORIES, 0.0),
        (REPOSITORIES, 1 / 3),
        (REPOSITORIES, 1000.2199999999998),
        (BY_NAME, "team/web"),
        (BY_SIZE, 0),
        (BY_SIZE, 2**62),
    ],
)
def test_a_cursor_comes_back_exactly(order: Order, key: float | str, hit_id: str) -> None:
    for weights in ((), (3, 4, 0, 2)):
        cursor = Cursor(Position(key, hit_id), {"postgers": "postgres"}, weights)
        text = encode_cursor(cursor, order)
        assert text.isascii()
        assert decode_cursor(text, order) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "!!!!",
        "ünï",
        "W10",
        encoded(""),
        encoded("{"),
        encoded("[]"),
        encoded("{}"),
        encoded("[1]"),
        encoded(b"\xff\xfe"),
        place("1"),
        place(1, 2),
        place(None),
        place(True, sort="size"),
        place(1.0, replaced=["a"]),
        place(1.0, replaced={"a": 1}),
        place(1.0, replaced={"": "a"}),
        place(1.0, replaced={"a": "b" * 300}),
        place(1.0, replaced={str(n): "b" for n in range(6)}),
        # Weights that no query has.
        *(
            encoded(json.dumps(["repository", "relevance", 1.0, "a", {}, weights]))
            for weights in (
                3,
                [3],
                [0, 1],
                [3, 1, 1],
                [1, 0],
                [1, -1, 9],
                [30, 30],
                [1] * 14,
                ["a"],
            )
        ),
        # Numbers that no hit has: the search index could not be asked with them.
        place(float("nan")),
        place(float("inf")),
        place(float("-inf")),
        place(1e308),
        place(10**400),
        encoded('["repository", "relevance", ' + "9" * 5_000 + ', "a", {}]'),
        # Nested so deep that Python's parser gives up.
        encoded("[" * 5_000),
        place(1.0) + "=",
        place(1.0) + "\n",
        place(1.0, "a" * 10_000),
        place(1.0, "\ud800"),
    ],
)
def test_what_is_no_cursor_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"not a cursor: |cursor is of ") as caught:
        decode_cursor(text, REPOSITORIES)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Order(DocumentType.IMAGE), "not of type=image and sort=relevance"),
        (Order(DocumentType.REPOSITORY, Sort.NAME), "not of type=repository and sort=name"),
        (Order(DocumentType.REPOSITORY, is_reversed=True), "and sort=-relevance"),
    ],
)
def test_a_cursor_of_another_order_is_refused_with_both(other: Order, named: str) -> None:
    text = encode_cursor(Cursor(Position(1.0, "a")), REPOSITORIES)
    with pytest.raises(InvalidValueError, match="cursor is of type=repository") as caught:
        decode_cursor(text, other)
    assert named in str(caught.value)


def test_a_place_in_a_list_comes_back_and_is_of_that_list_alone() -> None:
    text = encode_place("team/web \U0010ffff", "tags name")
    assert decode_place(text, "tags name") == "team/web \U0010ffff"
    with pytest.raises(InvalidValueError, match="cursor is of 'tags name', not of 'places'"):
        decode_place(text, "places")


@pytest.mark.parametrize("place_", [["places"], ["places", 1], ["places", "\ud800"], "places", {}])
def test_what_is_no_place_is_refused(place_: object) -> None:
    with pytest.raises(InvalidValueError, match="not a cursor"):
        decode_place(encoded(json.dumps(place_)), "places")
