"""The figures of receiving are those of the worse moment."""

import pytest

from bench.receive import BARE, SERVICE, Row, figures, ratio
from bench.targets import ACKNOWLEDGED, AGAINST_BARE


def _row(load: str, receiver: str, *, backfill: bool, per_second: float, p99: float = 9) -> Row:
    return Row(load, receiver, backfill, backfill, per_second, 1, p99, 10, 1_000, 0, 1_000, 0.1)


ROWS = (
    _row("burst", SERVICE, backfill=False, per_second=1_000, p99=12),
    _row("burst", BARE, backfill=False, per_second=1_000, p99=90),
    _row("burst", SERVICE, backfill=True, per_second=1_000, p99=17),
    _row("burst", BARE, backfill=True, per_second=1_000, p99=90),
    _row("flood", SERVICE, backfill=False, per_second=2_000, p99=99),
    _row("flood", BARE, backfill=False, per_second=1_000),
    _row("flood", SERVICE, backfill=True, per_second=1_500),
    _row("flood", BARE, backfill=True, per_second=1_000),
)


def test_the_worse_of_both_moments_counts() -> None:
    assert figures(ROWS) == {ACKNOWLEDGED: 17, AGAINST_BARE: pytest.approx(1.5)}


def test_a_ratio_is_against_the_reference_at_the_same_moment() -> None:
    assert [ratio(row, ROWS) for row in ROWS[4:]] == ["2.00 x", "", "1.50 x", ""]
