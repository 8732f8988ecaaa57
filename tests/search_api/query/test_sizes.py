"""Sizes and counts with their units."""

import pytest

from indexer.errors import QueryError
from search_api.query.ranges import Span
from search_api.query.sizes import AMOUNT_MAX, read_count, read_size
from tests.search_api.query.asking import typed


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1_000),
        ("1000B", 1_000),
        ("1k", 1_000),
        ("1K", 1_000),
        ("1KB", 1_000),
        ("1Ki", 1_024),
        ("1KiB", 1_024),
        ("1kib", 1_024),
        ("100MB", 100_000_000),
        ("100MiB", 100 * 1_024**2),
        ("100M", 100_000_000),
        ("1.5GB", 1_500_000_000),
        ("1.1GB", 1_100_000_000),
        ("1.5G", 1_500_000_000),
        (".5GiB", 1_024**3 // 2),
        ("2.TB", 2 * 10**12),
        ("2TiB", 2 * 1_024**4),
        ("1\\ GB", 10**9),
        ("0.3B", 0),
        (str(AMOUNT_MAX), AMOUNT_MAX),
    ],
)
def test_a_size_is_in_bytes(text: str, size: int) -> None:
    assert read_size(typed(text)) == Span(size, size)


@pytest.mark.parametrize(("text", "count"), [("7", 7), ("10k", 10_000), ("1.5M", 1_500_000)])
def test_a_count_has_larger_units_too(text: str, count: int) -> None:
    assert read_count(typed(text)) == Span(count, count)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("100QB", 4, "unknown unit 'QB'; known are B, KB, MB, GB, TB (1000 each), KiB"),
        ("1PB", 2, "unknown unit 'PB'"),
        ("MB", 1, "'MB': expected a number like 100MB"),
        ("\\-1", 1, "'-1': expected a number like 100MB"),
        ("1e9", 1, "'1e9': expected a number"),
        ("1,5GB", 1, "'1,5GB': expected a number"),
        ("1..2", 1, "'1..2': expected a number"),
        ("٣MB", 1, "'٣MB': expected a number"),
        (str(AMOUNT_MAX + 1), 1, "1000000000000000001 is more than 10^18"),
        ("9" * 30 + "TB", 1, "9"),
        ("9" * 31, 1, "'9"),
    ],
)
def test_what_is_no_size_is_said_so(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_size(typed(text))
    assert str(caught.value).startswith(message)
    assert caught.value.column == column


def test_a_count_has_no_bytes() -> None:
    with pytest.raises(QueryError, match="unknown unit 'MB'; known are K and M"):
        read_count(typed("1MB"))
