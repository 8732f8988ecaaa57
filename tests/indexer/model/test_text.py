"""Words of every script, and text made safe for a terminal."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.model.text import WORD_MAX, bare_url, fold, one_line, placed_words, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("NGINX", "nginx"),
        ("Café", "cafe"),
        ("Cafe\u0301", "cafe"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ΌΣΟΣ", "οσοσ"),
        ("ﬁle", "file"),
        ("１２３", "123"),
        ("한국어", "한국어"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_folding_twice_changes_nothing() -> None:
    """Queries and documents are folded apart; a text that goes through twice must still match."""
    for start in range(0, sys.maxunicode + 1, 64):
        text = " ".join(chr(point) for point in range(start, min(start + 64, sys.maxunicode + 1)))
        assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nginx-ingress_controller/v1.2", ["nginx", "ingress", "controller", "v1", "2"]),
        ("  \t\n", []),
        ("_-!", []),
        ("Größe: 5 µm", ["große".replace("ß", "ss"), "5", "μm"]),
        ("数据库 server", ["数据库", "server"]),
        ("a" * 100, ["a" * WORD_MAX]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        (" two\r\n\tlines ", "two lines"),
        ("a\x1b[31mred\x07", "a [31mred"),
        ("\u202eevil\u2066", "evil"),
        ("nul\x00byte", "nul byte"),
        ("line\u2028separator", "line separator"),
        ("half \ud800 pair", "half pair"),
        ("no\u00a0break", "no break"),
        ("Zürich 数据库", "Zürich 数据库"),
        ("0123456789", "0123456789"),
        ("0123456789a", "012345678…"),
        ("01234567 89ab", "01234567…"),
        ("", ""),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text, limit=10 if text[:2] == "01" else 80) == line


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\x00" * 1_000_000, " " * 1_000_000])
def test_one_line_of_a_huge_text_is_short(text: str) -> None:
    assert len(one_line(text, limit=100)) <= 100


@given(st.text(max_size=200))
def test_placed_words_are_the_words_whatever_folding_does(text: str) -> None:
    placed = placed_words(text)
    assert [one.word for one in placed] == words(text)
    assert all(0 <= one.start < one.end <= len(text) for one in placed)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a-b", ["a", "b"]),
        ("Straße ﬁle", ["Straße", "ﬁle"]),
        ("Cafe\u0301s, na\u00efve", ["Cafe\u0301s", "na\u00efve"]),
        ("e\u0301", ["e\u0301"]),
        # Two letters of an old alphabet that compose to one.
        ("x \u1112\u1161\u11ab y", ["x", "\u1112\u1161\u11ab", "y"]),
    ],
)
def test_places_are_those_of_the_text_as_it_is(text: str, places: list[str]) -> None:
    assert [text[one.start : one.end] for one in placed_words(text)] == places


@pytest.mark.parametrize(
    "text",
    [
        "example.org/team/web",
        "https://Example.org/team/web",
        " git+https://git@example.org/team/web.git/",
        "ssh://git@example.org/team/web.git",
        "https://user:password@example.org/team/web//",
    ],
)
def test_an_address_is_compared_from_the_host_on(text: str) -> None:
    assert bare_url(text) == "example.org/team/web"
