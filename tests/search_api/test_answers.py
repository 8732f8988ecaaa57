"""Cursors: they come back exactly, and nothing else is taken for one."""

import base64
import json

import pytest

from indexer.errors import InvalidValueError
from indexer.model.document import Hit, Position
from search_api.answers import decode_cursor, encode_cursor


def encoded(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(data).decode()


@pytest.mark.parametrize("score", [0.0, 0.1, 1 / 3, 1000.2199999999998, 2_000_000.5])
@pytest.mark.parametrize("hit_id", ["a main", "team/web@sha256:0 main", "", "ünï\u2028 \ud800"])
def test_a_cursor_comes_back_exactly(score: float, hit_id: str) -> None:
    cursor = encode_cursor(Hit({}, score, Position(score, hit_id)))
    assert cursor.isascii()
    assert decode_cursor(cursor) == Position(score, hit_id)


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
        encoded('["1", "a"]'),
        encoded('[1, "a", 2]'),
        encoded("[1, 2]"),
        encoded("[null, null]"),
        encoded(b"\xff\xfe"),
        # Numbers that no hit has: the search index could not be asked with them.
        encoded('[NaN, "a"]'),
        encoded('[Infinity, "a"]'),
        encoded('[-Infinity, "a"]'),
        encoded('[1e308, "a"]'),
        encoded(f'[{10**400}, "a"]'),
        encoded(f'[{"9" * 5_000}, "a"]'),
        # Nested so deep that Python's parser gives up.
        encoded("[" * 50_000),
        encoded(json.dumps([1, "a"])) + "=",
        encoded(json.dumps([1, "a"])) + "\n",
    ],
)
def test_what_is_no_cursor_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not a cursor: ") as caught:
        decode_cursor(text)
    assert len(str(caught.value)) < 200
