"""The marks of a time axis."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from search_api.pages.drawings.time_axis import time_ticks

TIMES = st.datetimes(timezones=st.just(UTC))


def texts(start: datetime, **length: float) -> list[str]:
    return [tick.text for tick in time_ticks(start, start + timedelta(**length))]


def test_marks_are_at_round_times() -> None:
    start = datetime(2026, 11, 1, 9, 50, tzinfo=UTC)
    assert texts(start, minutes=4) == ["09:51", "09:52", "09:53"]
    assert texts(start, hours=5) == ["10:00", "11:00", "12:00", "13:00", "14:00"]
    assert texts(start, days=3) == ["2 Nov", "3 Nov", "4 Nov"]
    assert texts(start, days=30) == ["2 Nov", "9 Nov", "16 Nov", "23 Nov", "30 Nov"]
    assert texts(start, days=90) == ["Dec 2026", "Jan 2027"]
    assert texts(start, days=1_000) == ["2027", "2028", "2029"]
    assert texts(start, days=0) == []


@given(TIMES, TIMES)
def test_there_are_at_most_five_marks_in_order(one: datetime, other: datetime) -> None:
    ticks = time_ticks(min(one, other), max(one, other))
    shares = [tick.share for tick in ticks]
    assert len(ticks) <= 5
    assert shares == sorted(set(shares))
    assert all(0 <= share <= 1 for share in shares)
