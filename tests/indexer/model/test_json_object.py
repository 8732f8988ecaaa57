"""JSON from outside is read whole or refused, and what refuses it costs little."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InvalidValueError
from indexer.model import JSON_VALUES_MAX, count_json_values, parse_json_object

TOO_MANY = f"more than {JSON_VALUES_MAX} keys and values"
SIZE = 4 * 1_024 * 1_024


def filled(start: bytes, unit: bytes, end: bytes) -> bytes:
    return (start + unit * ((SIZE - len(start) - len(end)) // len(unit))).rstrip(b",") + end


def test_nesting_up_to_the_limit_is_read_and_brackets_in_text_do_not_count() -> None:
    assert parse_json_object(b'{"a":' * 64 + b"1" + b"}" * 64)
    with pytest.raises(InvalidValueError, match="deeper than 64"):
        parse_json_object(b'{"a":' * 65 + b"1" + b"}" * 65)
    assert parse_json_object(json.dumps({"a": '{["' * 5_000, "b": "\\" * 9}).encode())
    assert parse_json_object(json.dumps({"a": [[]] * 5_000}).encode())


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_json_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_halves_of_surrogate_pairs_do_not_reach_the_store() -> None:
    found = parse_json_object(rb'{"a\udc00": ["x\ud83d\ude00y\ud83d"], "b": {"c": 1}}')
    assert found == {"a\ufffd": ["x😀y\ufffd"], "b": {"c": 1}}


@pytest.mark.parametrize(
    "body",
    [
        filled(b'{"a":[', b"[],", b"]}"),
        filled(b'{"a":[', b"{},", b"]}"),
        filled(b'{"a":[', b"1,", b"]}"),
        filled(b'{"a":[', b'"",', b"]}"),
        filled(b"{", b'"a":1,', b"}"),
        filled(b'{"a":[', b"[" * 60 + b"]" * 60 + b",", b"]}"),
        filled(b'{"a":', b"[", b"}"),
        filled(b"[", b'"",' * 8 + b'""', b"]"),
    ],
)
def test_megabytes_of_tiny_values_are_refused_before_they_are_read(body: bytes) -> None:
    with pytest.raises(InvalidValueError, match=TOO_MANY):
        parse_json_object(body)


def test_values_up_to_the_limit_are_read() -> None:
    most = JSON_VALUES_MAX - 3
    # The object, its colon, the list.
    assert len(parse_json_object(b'{"a":[' + b"1," * most + b"1]}")["a"]) == most + 1
    with pytest.raises(InvalidValueError, match=TOO_MANY):
        parse_json_object(b'{"a":[' + b"1," * (most + 1) + b"1]}")
    with pytest.raises(InvalidValueError, match="more than 5 keys and values"):
        parse_json_object(b'{"a":[1,1,1,1]}', values_max=5)


@pytest.mark.parametrize("text", ["[{,:", '"', "\\", '\\"', '"[{,:"', "\n"])
def test_a_large_text_is_one_value_whatever_is_in_it(text: str) -> None:
    large = text * (1_000_000 // len(text))
    assert parse_json_object(json.dumps({"a": large}).encode()) == {"a": large}


def test_brackets_that_only_close_are_no_json() -> None:
    for body in (b"]" * 1_000_000, b"[" * 70 + b"]" * 1_000_000):
        with pytest.raises(InvalidValueError, match=r"not JSON|deeper"):
            parse_json_object(body)


def values_in(value: object) -> int:
    if isinstance(value, dict):
        return 1 + len(value) + sum(values_in(one) for one in value.values())
    return 1 + sum(map(values_in, value)) if isinstance(value, list) else 1


texts = st.text(alphabet='ab"\\[]{},:\u00e9') | st.text()
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=30,
)


@given(st.dictionaries(texts, values), st.booleans())
def test_values_are_never_counted_as_fewer_and_rarely_as_more(
    value: dict[str, object], ascii_only: bool
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    there = values_in(value)
    assert there - 1 <= count_json_values(body) <= 1.5 * there
    if there > 1:
        with pytest.raises(InvalidValueError, match="keys and values"):
            parse_json_object(body, values_max=count_json_values(body) - 1)
