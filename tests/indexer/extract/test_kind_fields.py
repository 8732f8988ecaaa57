"""Values in places of a kind's own, whatever sort of JSON is there."""

from typing import Any

import pytest

from indexer.extract import Kind, Material, config
from indexer.extract.kind_fields import KindFields, read_kind_fields

HERE = config("here")


def own(value: Any, **places: Any) -> KindFields:
    return read_kind_fields(Kind(name="kind", **places), Material(config={"here": value}))


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ("A title", "A title"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (["", "first", "second"], "first"),
        ({"name": "named"}, "named"),
        ({"other": "x"}, None),
        ([["nested"]], None),
        (2**80, None),
        (None, None),
        ("", None),
        ('{"json": 1}', None),
    ],
)
def test_a_text(value: Any, title: str | None) -> None:
    assert own(value, fields={"title": HERE}).texts.get("title") == title


@pytest.mark.parametrize(
    ("value", "authors"),
    [
        ("Ann, Bob", ("Ann", "Bob")),
        (["Ann", {"name": "Bob", "email": "b@x"}, 5, None], ("Ann", "Bob <b@x>")),
        ({"name": "Ann"}, ("Ann",)),
        ('[{"name": "Ann", "email": "a@x"}]', ("Ann <a@x>",)),
        (5, None),
    ],
)
def test_authors(value: Any, authors: tuple[str, ...] | None) -> None:
    assert own(value, fields={"authors": HERE}).lists.get("authors") == authors


@pytest.mark.parametrize(
    ("value", "keywords"),
    [
        ("a, b", ("a", "b")),
        (["a", "b", "a"], ("a", "b")),
        ('["a"]', ("a",)),
        ({"a": 1}, None),
        (5, None),
    ],
)
def test_keywords(value: Any, keywords: tuple[str, ...] | None) -> None:
    assert own(value, fields={"keywords": HERE}).lists.get("keywords") == keywords


@pytest.mark.parametrize(
    ("value", "licenses", "expression"),
    [
        ("MIT or ISC", ("MIT", "ISC"), "MIT OR ISC"),
        (["MIT", "Apache License 2.0"], ("MIT", "Apache-2.0"), "MIT AND Apache-2.0"),
        ([{"type": "MIT"}], ("MIT",), "MIT"),
        (None, None, None),
    ],
)
def test_licenses(value: Any, licenses: Any, expression: str | None) -> None:
    found = own(value, fields={"licenses": HERE})
    assert found.lists.get("licenses") == licenses
    assert found.texts.get("license_expression") == expression


@pytest.mark.parametrize(
    ("value", "is_set"), [(True, True), ("TRUE", True), (False, False), ("yes", False), (1, False)]
)
def test_flags(value: Any, is_set: bool) -> None:
    assert own(value, fields={"deprecated": HERE}).flags.get("deprecated", False) is is_set


def test_the_first_place_that_says_something_fills_a_field() -> None:
    places = {"title": (config("nowhere"), HERE, config("later"))}
    assert own("x", fields=places).texts == {"title": "x"}
    assert own("x", fields=places | {"title": config("nowhere")}).texts == {}


def test_properties_are_short_texts_and_absent_where_there_are_none() -> None:
    many = own(["x" * 999, *range(500)], properties={"p": HERE, "q": config("nowhere")})
    assert set(many.properties) == {"p"}
    assert len(many.properties["p"]) == 100
    assert len(many.properties["p"][0]) == 256


def test_contents_gather_all_places_and_leave_json_out() -> None:
    found = own(["a", "b", "[1]"], contents=(HERE, config("nowhere"), HERE))
    assert found.contents == ("a", "b")
