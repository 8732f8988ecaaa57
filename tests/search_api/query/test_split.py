"""Queries cut into the terms that must all match."""

import pytest

from search_api.query import pasted_reference, split_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("a b OR c", ["a", "b OR c"]),
        ("a AND b", ["a", "b"]),
        ("-a NOT (b c) d", ["-a", "NOT (b c)", "d"]),
        ('kind:="x y" -"z z"', ['kind:="x y"', '-"z z"']),
        ("(a OR b) c", ["(a OR b)", "c"]),
        ("a OR NOT b c", ["a OR NOT b", "c"]),
        ('an open "quote', ['an open "quote']),
    ],
)
def test_a_query_is_cut_into_its_terms(text: str, terms: list[str]) -> None:
    assert split_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("docker pull registry.example/team/web:1.4", "registry.example/team/web:1.4"),
        ("FROM team/web:1.4 AS build", "team/web:1.4"),
        ("https://registry.example/v2/team/web/manifests/1.4", "registry.example/team/web:1.4"),
        (
            "helm pull oci://registry.example/charts/web --version 1",
            "registry.example/charts/web:1",
        ),
        ("'team/web'", "team/web"),
        ("two words", None),
        ("", None),
    ],
)
def test_a_pasted_text_names_a_reference(text: str, reference: str | None) -> None:
    assert pasted_reference(text) == reference
