"""Ranges: both ends are included, and a date means all its seconds."""

from datetime import UTC, datetime

import pytest

from indexer.model.query import Range
from tests.search_api.query.asking import NOW, mistake, parsed


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


JANUARY, FEBRUARY = at(2026, 1, 1), at(2026, 2, 1)
WEEK_AGO = int(NOW.timestamp()) - 7 * 86_400
DAY_AGO = int(NOW.timestamp()) - 86_400


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        # Numbers
        (">100", 101, None),
        (">=100", 100, None),
        ("<100", None, 99),
        ("<=100", None, 100),
        ("=100", 100, 100),
        ("100", 100, 100),
        ("1k..2k", 1_000, 2_000),
        ("100..", 100, None),
        ("..100", None, 100),
        ("100..100", 100, 100),
        ("0.5..1", 0, 1),
        ("<0", None, -1),
        ('">= 100 MB"', 100_000_000, None),
        ('"1 .. 2"', 1, 2),
        ("*", None, None),
    ],
)
def test_a_range_of_numbers(text: str, low: int | None, high: int | None) -> None:
    assert parsed(f"size:{text}") == Range("size", low, high)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026-01", JANUARY, FEBRUARY - 1),
        ("=2026-01", JANUARY, FEBRUARY - 1),
        (">2026-01", FEBRUARY, None),
        (">=2026-01", JANUARY, None),
        ("<2026-01", None, JANUARY - 1),
        ("<=2026-01", None, FEBRUARY - 1),
        ("2026-01..", JANUARY, None),
        ("..2026-01", None, FEBRUARY - 1),
        ("2025..2026-01", at(2025, 1, 1), FEBRUARY - 1),
        ("2026-01-01T00:00:00Z..2026-01-31T23:59:59.9Z", JANUARY, FEBRUARY - 1),
        ("today", at(2026, 11, 26), at(2026, 11, 27) - 1),
        ("<today", None, at(2026, 11, 26) - 1),
    ],
)
def test_a_range_of_dates(text: str, low: int | None, high: int | None) -> None:
    assert parsed(f"created:{text}") == Range("created", low, high)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("<7d", WEEK_AGO, None),
        ("<=7d", WEEK_AGO, None),
        ("7d", WEEK_AGO, None),
        ("=7d", WEEK_AGO, None),
        (">7d", None, WEEK_AGO - 1),
        (">=7d", None, WEEK_AGO),
        # Between two dots an age is a moment, like a date.
        ("7d..", WEEK_AGO, None),
        ("..7d", None, WEEK_AGO),
        ("7d..1d", WEEK_AGO, DAY_AGO),
        ("2026-01..7d", JANUARY, WEEK_AGO),
        ("1w..yesterday", WEEK_AGO, at(2026, 11, 26) - 1),
    ],
)
def test_an_age_is_less_when_it_is_later(text: str, low: int | None, high: int | None) -> None:
    assert parsed(f"pushed:{text}") == Range("pushed", low, high)


def test_younger_and_older_leave_nothing_out_and_have_nothing_in_common() -> None:
    younger, older = parsed("pulled:<7d"), parsed("pulled:>7d")
    assert isinstance(younger, Range)
    assert isinstance(older, Range)
    assert older.high is not None
    assert younger.low == older.high + 1


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("size:>", 7, "size: a value is missing behind >"),
        ('size:">= "', 9, "size: a value is missing behind >="),
        ("size:..", 6, "size: a .. needs a value before or behind it"),
        ("size:2..1", 6, "size: 2..1 ends before it begins"),
        ("pushed:1d..7d", 8, "pushed: 1d..7d ends before it begins"),
        ("size:>>1", 7, "size: '>1': expected a number like 100MB"),
        ("size:1..2..3", 9, "size: '2..3': expected a number"),
        ("size:1*", 6, "size: '1*': expected a number"),
        ("size:>100QB", 10, "size: unknown unit 'QB'; known are"),
        ("created:2026-01..x", 18, "created: 'x': expected a date"),
        ("layers:many", 8, "layers: 'many': expected a number like 100"),
    ],
)
def test_a_mistake_in_a_range_is_named_at_its_column(text: str, column: int, message: str) -> None:
    found = mistake(text)
    assert (found.column, str(found)[: len(message)]) == (column, message)
