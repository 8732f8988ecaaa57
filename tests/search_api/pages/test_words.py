"""Times, numbers, digests and platforms as texts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from search_api.pages.words import (
    age_text,
    bytes_text,
    duration_text,
    exact_text,
    minute_text,
    number_text,
    sentence,
    share_text,
    short_digest,
    short_hex,
    short_platform,
    sorted_platforms,
    time_markup,
)

NOW = datetime(2026, 11, 28, 9, 3, 47, 123_456, tzinfo=UTC)
WEB = "1606e55015737a59f680b1134b0f046a94d3011fab706d0814b216ba9ebe7ad0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (38.9, "38 s ago"),
        (60, "1 min ago"),
        (12 * 60 + 59, "12 min ago"),
        (3_600, "1 h ago"),
        (23.9 * 3_600, "23 h ago"),
        (18 * 86_400, "18 d ago"),
        (89 * 86_400, "89 d ago"),
        (90 * 86_400, "3 months ago"),
        (729 * 86_400, "24 months ago"),
        (730 * 86_400, "2 years ago"),
        (-30, "just now"),
        (-12 * 60, "in 12 min"),
    ],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert age_text(NOW - timedelta(seconds=seconds), now=NOW) == text


def test_a_duration_is_never_negative() -> None:
    assert duration_text(-5) == "0 s"


def test_times_have_datetime() -> None:
    moment = (NOW - timedelta(minutes=12)).astimezone(timezone(timedelta(hours=2)))
    assert time_markup(moment, now=NOW) == (
        '<time datetime="2026-11-28T08:51:47Z" title="2026-11-28 08:51:47 UTC">12 min ago</time>'
    )


def test_a_time_that_means_no_time_is_written_with_four_digits() -> None:
    assert exact_text(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01 00:00:00 UTC"
    assert minute_text(NOW) == "2026-11-28 09:03 UTC"


def test_a_digest_is_short_and_keeps_its_end() -> None:
    assert short_digest(f"sha256:{WEB}") == "sha256:1606e550…ad0"
    assert short_hex(f"sha256:{WEB}") == "1606e550…ad0"
    assert short_digest("sha256:1606e550") == "sha256:1606e550"
    assert short_digest("") == ""


def test_numbers_are_in_groups_of_three() -> None:
    assert number_text(999) == "999"
    assert number_text(1_234_567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert bytes_text(1) == "1 byte"
    assert bytes_text(1_500) == "1\N{NARROW NO-BREAK SPACE}500 bytes"
    assert bytes_text(None) == "size unknown"


def test_a_message_becomes_a_sentence() -> None:
    assert sentence("no tag '1' in 'web'") == "No tag '1' in 'web'."
    assert sentence("limit: '0' is too small") == "limit: '0' is too small."
    assert sentence("Is it there?") == "Is it there?"


def test_a_share_is_in_per_cent() -> None:
    assert [share_text(part, 200) for part in (0, 1, 2, 199, 200)] == [
        "0%",
        "<1%",
        "1%",
        "100%",
        "100%",
    ]
    assert share_text(1, 0) == ""


def test_platforms_are_in_one_order() -> None:
    ordered = [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
        "linux/arm/v6",
        "linux/386",
        "linux/ppc64le",
        "linux/s390x",
        "linux/riscv64",
        "linux/loong64",
        "linux/mips64le",
        "darwin/amd64",
        "freebsd/amd64",
        "freebsd/arm64",
        "windows/amd64:10.0.17763.1",
        "windows/amd64:10.0.20348.2762",
        "windows/arm64",
    ]
    assert sorted_platforms([*reversed(ordered), "linux/amd64"]) == ordered


def test_linux_is_not_said() -> None:
    assert short_platform("linux/arm/v7") == "arm/v7"
    assert short_platform("windows/amd64") == "windows/amd64"
    assert short_platform("linux/") == "linux/"
