"""Values as documents carry them."""

import pytest

from search_api.query.keywords import (
    VALUE_MAX,
    is_short_commit,
    keyword_value,
    whole_value,
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
        ("source", "git+https://git@Example.org/x", "example.org/x"),
        ("source", "ssh://example.org/x", "example.org/x"),
        # What may go on
        ("source", "https://example.org/", "example.org/"),
        ("source", "https://example.org/x.git", "example.org/x.git"),
        ("source", "*example.org/", "*example.org/"),
        ("revision", "https://x", "https://x"),
    ],
)
def test_a_value_is_folded_then_cut(field: str, text: str, value: str) -> None:
    assert keyword_value(field, text) == value


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("arch", "x86_64", "amd64"),
        ("arch", "arm/v7", "arm/v7"),
        ("arch", "a/b/c", "a/b/c"),
        ("platform", "linux/arm64/v8", "linux/arm64"),
        ("platform", "Linux/aarch64", "linux/arm64"),
        ("platform", "windows/x86-64:10.0.1", "windows/amd64:10.0.1"),
        ("platform", "linux", "linux"),
        ("platform", "a/b/c/d", "a/b/c/d"),
        ("name", "/team/web/", "team/web"),
        ("name", "//", ""),
        ("volume", "/data/", "/data/"),
    ],
)
def test_a_whole_value_has_one_spelling(field: str, text: str, value: str) -> None:
    assert whole_value(field, text) == value


@pytest.mark.parametrize("text", ["h/a/b", "https://h/a/b.git", "git+ssh://me@h/a/b/", "h/A/b/"])
def test_a_source_has_one_spelling(text: str) -> None:
    assert whole_value("source", text) == "h/a/b"


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
