"""JSON from outside, with limits that are checked before it is read into objects.

Four megabytes of ``[],[],`` are a million objects, and no other thread runs while they are made.
"""

import json
import re
from typing import Any

from indexer.errors import InvalidValueError

JSON_DEPTH_MAX = 64
JSON_VALUES_MAX = 100_000
"""Keys and values of a body; an index of 1,000 children with all their fields has 25,000."""

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json_object(body: bytes, *, values_max: int = JSON_VALUES_MAX) -> dict[str, Any]:
    """Return the JSON object in ``body``; :class:`InvalidValueError` for anything else.

    Nesting deeper than 64, and more than about ``values_max`` keys and values, are refused before
    anything is parsed, so that hostile input costs neither stack nor time. Halves of surrogate
    pairs, which no output could encode, become replacement characters.
    """
    check_json_size(body, values_max=values_max)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"not UTF-8: {error}") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidValueError(f"a JSON {type(value).__name__} instead of an object")
    return _without_surrogates(value) if _SURROGATE.search(text) else value


def count_json_values(body: bytes) -> int:
    """Return about how many keys and values JSON has, in milliseconds for a few megabytes.

    They are counted by the commas, colons and opening brackets outside of texts. That is never less
    than there are, and at most half as much again.
    """
    return _count_signs(_without_texts(body))


def check_json_size(body: bytes, *, values_max: int = JSON_VALUES_MAX) -> None:
    """Raise :class:`InvalidValueError` if ``body`` is nested too deep or has too many values."""
    # Each value or key has a sign of its own, so a short body needs no counting.
    is_small = len(body) <= values_max or _count_signs(body) <= values_max
    if is_small and _count_opening(body) <= JSON_DEPTH_MAX:
        return
    outside = _without_texts(body, texts_max=values_max)
    if _count_signs(outside) > values_max:
        raise InvalidValueError(f"JSON with more than {values_max} keys and values")
    depth = 0
    for bracket in outside.translate(None, delete=_NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            raise InvalidValueError(f"JSON nested deeper than {JSON_DEPTH_MAX}")
        if depth < 0:
            # No JSON, as the parser will say.
            return


def _without_texts(body: bytes, *, texts_max: int = JSON_VALUES_MAX) -> bytes:
    """Return ``body`` without what is between quotation marks, in a few passes of machine code.

    With more than ``texts_max`` texts, return as many commas and nothing else.
    """
    # What is left of a row of backslashes makes the next quotation mark a part of the text.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 2 * texts_max:
        # Each text is a key or a value. Taking them out would cost more than it is worth.
        return b"," * ((plain.count(b'"') + 1) // 2)
    return b"".join(plain.split(b'"')[::2])


def _count_signs(text: bytes) -> int:
    return text.count(b",") + text.count(b":") + _count_opening(text)


def _count_opening(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
