"""Reading single values, hostile ones among them."""

import time

import pytest

from indexer.extract import text


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("plain text", "plain text"),
        ("a < b && c > d", "a < b && c > d"),
        ("<h1>Redis</h1><p>Fast &amp; small</p>", "Redis Fast & small"),
        ("one<br/>two<br>three", "one two three"),
        ("in<b>side</b> a word", "inside a word"),
        ('<a href="https://x" onclick="y()">link</a>', "link"),
        ("before<script>alert('x')</script>after", "beforeafter"),
        ("x <style>p { }</style> y <svg><path d='z'/></svg>", "x y"),
        ("<!-- hidden <b>x</b> -->seen", "seen"),
        ("<!DOCTYPE html><![CDATA[x]]><?xml?>seen", "seen"),
        ("run <image> <command>", "run <image> <command>"),
        ("Ann <ann@example.com>", "Ann <ann@example.com>"),
        ("<!-- never closed", "never closed"),
        ("<![broken", "<![broken"),
        ("an unclosed <a href='", "an unclosed <a href='"),
        ("tail<script>never closed", "tail"),
        ("a<svg/>b<name/>", "ab<name/>"),
        ("bell\x07 and \u202eright to left", "bell and right to left"),
        ("two\n\nlines", "two lines"),
    ],
)
def test_prose(raw: str, plain: str) -> None:
    assert text.prose(raw) == plain


def test_prose_is_cut_at_four_kibibytes_of_characters() -> None:
    assert len(text.prose("word " * 60_000)) <= 4_096
    assert len(text.prose("<p>word</p>" * 60_000)) <= 4_096


@pytest.mark.parametrize(
    "unit", ["<", "<!", "<!--", "<a ", "<a b='>", '<a b="', "</", "<?", "&#", "<a b='>'", "<p>"]
)
def test_markup_costs_linear_time(unit: str) -> None:
    """The parser alone needs seconds for some of these; the processor time is measured."""
    hostile = "<p>" + unit * (65_536 // len(unit))
    started = time.process_time()
    text.prose(hostile)
    assert time.process_time() - started < 0.3


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("Ann", ("Ann",)),
        ("Ann <a@x>, Bob <b@x>; Cy\nDee", ("Ann <a@x>", "Bob <b@x>", "Cy", "Dee")),
        ("Example, Inc., Other Ltd", ("Example, Inc.", "Other Ltd")),
        ("Ann, Ann", ("Ann",)),
    ],
)
def test_authors(raw: str, found: tuple[str, ...]) -> None:
    assert text.authors(raw) == found


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{}",
        "[",
        "null",
        '[{"name": 5}, 7, null]',
        "[" * 9_000,
        '["\\ud800"]',
        "[" + "9" * 5_000 + "]",
    ],
)
def test_broken_lists_of_maintainers_and_keywords(raw: str) -> None:
    assert text.maintainers(raw) == ()
    assert text.json_list(raw) == ()


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("builder,python", ("builder", "python")),
        ("builder python", ("builder", "python")),
        ("base rhel, ubi", ("base rhel", "ubi")),
        ("  ", ()),
    ],
)
def test_tags_part_at_commas_or_else_at_spaces(raw: str, found: tuple[str, ...]) -> None:
    assert text.comma_or_space_list(raw) == found


def test_lists_are_bounded() -> None:
    assert len(text.comma_list(",".join(str(number) for number in range(5_000)))) == 100


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("One. Two.", "One."),
        ("Version 1.2 of it. More", "Version 1.2 of it."),
        ("no end at all", "no end at all"),
        ("中文。更多", "中文。"),
        ("x" * 500, "x" * 199 + "…"),
        ("", ""),
    ],
)
def test_first_sentence(raw: str, sentence: str) -> None:
    assert text.first_sentence(raw) == sentence
