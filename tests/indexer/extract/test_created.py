"""When an image was made, and what is not believed."""

from datetime import UTC, datetime

import pytest

from indexer.extract.created import parse_moment, pick_created, read_moments
from tests.indexer.extract.samples import NOW, child, facts, image, index

OCI = "org.opencontainers.image.created"
BUILD_DATE = "org.label-schema.build-date"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06 07:08:09", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06t07:08:09z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09.123456789Z", datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
        ("2024-05-06T07:08:09.5+02:00", datetime(2024, 5, 6, 5, 8, 9, 500000, tzinfo=UTC)),
        ("2024-05-06 07:08:09 -0130", datetime(2024, 5, 6, 8, 38, 9, tzinfo=UTC)),
        ("2024-05-06 07:08:09 UTC", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08Z", datetime(2024, 5, 6, 7, 8, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("20240506", datetime(2024, 5, 6, tzinfo=UTC)),
        (" 2024-05-06T07:08:09Z\n", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-02-30", None),
        ("2024-05-06T24:00:00Z", None),
        ("2024-05-06T07:08:09+99:99", None),
        ("٢٠٢٤-٠٥-٠٦", None),
        ("yesterday", None),
        ("1714979289", None),
        ("", None),
        ("2" * 100_000, None),
    ],
)
def test_parse_moment(text: str, expected: datetime | None) -> None:
    assert parse_moment(text) == expected


@pytest.mark.parametrize(
    ("text", "is_believed"),
    [
        ("0001-01-01T00:00:00Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("1980-01-01T00:00:01Z", False),
        ("1980-01-02T00:00:00Z", False),
        ("1980-01-02T00:00:01Z", True),
        ("2026-11-24T12:00:00Z", True),
        ("2026-11-24T12:00:01Z", False),
    ],
)
def test_what_is_believed(text: str, is_believed: bool) -> None:
    assert (pick_created(read_moments([text], now=NOW), now=NOW) is not None) == is_believed


def test_a_moment_of_the_future_is_believed_when_it_has_come() -> None:
    texts = ["2027-01-01", "2026-01-01", "2025-01-01"]
    moments = read_moments(texts, now=NOW)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert moments == (later, datetime(2026, 1, 1, tzinfo=UTC))
    assert pick_created(moments, now=NOW) == moments[1]
    assert pick_created(moments, now=later) == later


def test_the_order_of_the_sources() -> None:
    """Every source says another year; the strongest left is taken away one by one."""
    outer: dict[str, str] = {OCI: "2001-01-01"}
    descriptor: dict[str, str] = {OCI: "2002-01-01"}
    manifest: dict[str, str] = {OCI: "2003-01-01"}
    labels: dict[str, str] = {
        OCI: "2004-01-01",
        BUILD_DATE: "2005-01-01",
        "build-date": "2009-01-01",
    }
    config = {
        "created": "2006-01-01T00:00:00Z",
        "history": [
            {"created": "2007-01-01T00:00:00Z"},
            {"created": "2008-01-01T00:00:00Z"},
            {"created": "1970-01-01T00:00:00Z"},
            {"created": "nonsense"},
        ],
    }

    def year() -> int | None:
        part = image({**config, "config": {"Labels": labels}}, annotations=manifest)
        entry = child(part, "linux/amd64", annotations=descriptor)
        found = facts(index([entry], [part], annotations=outer)).created_at
        return found.year if found else None

    seen = [year()]
    for source, key in (
        (outer, OCI),
        (descriptor, OCI),
        (manifest, OCI),
        (labels, OCI),
        (labels, BUILD_DATE),
    ):
        source[key] = "0001-01-01T00:00:00Z"
        seen.append(year())
    config["created"] = "1980-01-01T00:00:01Z"
    seen.append(year())
    config["history"] = []
    seen.append(year())
    del labels["build-date"]
    seen.append(year())
    assert seen == [2001, 2002, 2003, 2004, 2005, 2006, 2008, 2009, None]


def test_a_time_in_the_future_gives_way_to_the_next_source() -> None:
    content = image({"created": "2020-01-01T00:00:00Z"}, annotations={OCI: "2038-01-19T00:00:00Z"})
    assert facts(content).created_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_the_newest_believable_entry_of_the_history_counts() -> None:
    history = [{"created": f"{year}-01-01T00:00:00Z"} for year in (2019, 2021, 2020, 2999)]
    assert facts(image({"history": history})).created_at == datetime(2021, 1, 1, tzinfo=UTC)
