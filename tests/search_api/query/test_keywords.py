"""Values as documents carry them."""

import pytest

from search_api.query.keywords import (
    VALUE_MAX,
    is_short_commit,
    keyword_value,
    platform_value,
    source_value,
)

LONG = "x" * (VALUE_MAX + 44)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("tag", "V1.4-É", "v1.4-e"),
        ("tag", LONG, LONG[:VALUE_MAX]),
        ("tag", f"a={LONG}", f"a={LONG}"[:VALUE_MAX]),
        ("label", f"{LONG}={LONG}", f"{LONG[:VALUE_MAX]}={LONG[:VALUE_MAX]}"),
        ("label", LONG, LONG[:VALUE_MAX]),
        ("label", "A=", "a="),
        ("env", "A=b=c", "a=b=c"),
        ("source", "git+https://Example.org/x", "example.org/x"),
        ("source", "http://example.org/x", "example.org/x"),
        ("source", "https://https://x", "https://x"),
        ("revision", "https://x", "https://x"),
    ],
)
def test_a_value_is_folded_then_cut(field: str, text: str, value: str) -> None:
    assert keyword_value(field, text) == value


@pytest.mark.parametrize(
    ("text", "has_os", "value"),
    [
        ("x86_64", False, "amd64"),
        ("arm/v7", False, "arm/v7"),
        ("linux/aarch64", True, "linux/arm64"),
        ("windows/x86-64:10.0.1", True, "windows/amd64:10.0.1"),
        ("linux", True, "linux"),
        ("a/b/c/d", True, "a/b/c/d"),
    ],
)
def test_a_platform_has_one_spelling(text: str, has_os: bool, value: str) -> None:
    assert platform_value(text, has_os=has_os) == value


@pytest.mark.parametrize("text", ["h/a/b", "h/a/b.git", "h/a/b/", "h/a/b.git/", "h/a/b//"])
def test_a_source_has_one_spelling(text: str) -> None:
    assert source_value(text) == "h/a/b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123abc", True),
        ("0" * 39, True),
        ("0" * 40, False),
        ("0123ab", False),
        ("v1.2.345", False),
    ],
)
def test_a_short_commit_is_a_beginning(text: str, expected: bool) -> None:
    assert is_short_commit(text) is expected
