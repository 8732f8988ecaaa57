"""Timelines and swim lanes of tags."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.pages.drawings import TagLane, TagTarget, digest_class, tag_lanes, tag_timeline
from tests.search_api.pages.drawings.samples import NOW, OLD, WEB, named, parsed, targets, titles


def target(days: float, digest: str | None = WEB, *, from_event: bool = True) -> TagTarget:
    return TagTarget(digest, NOW - timedelta(days=days), from_event=from_event)


def bands(markup: object) -> list[tuple[float, float]]:
    """Return the places and widths of the segments, in per cent."""
    tree = parsed(markup)  # type: ignore[arg-type]
    return [
        (float(rect.get("x", "").rstrip("%")), float(rect.get("width", "").rstrip("%")))
        for rect in tree.iter("rect")
    ]


def test_a_segment_for_each_digest_until_the_next_one() -> None:
    drawn = tag_timeline([target(0), target(5), target(20, OLD)], now=NOW, prefix="p")
    assert bands(drawn) == [(0, 75), (75, 25), (100, 0)]
    assert titles(parsed(drawn))[:2] == [
        "3 moves of the tag since 2026-11-08 10:00 UTC",
        "397b3989…7df · since 2026-11-08 10:00 UTC · for 15 d",
    ]


def test_who_and_when_is_in_the_title() -> None:
    drawn = parsed(tag_timeline(targets("ci-bot"), now=NOW, prefix="p", is_cut=True))
    assert "1606e550…ad0 · since 2026-11-25 10:00 UTC by ci-bot · now" in titles(drawn)
    assert "No such tag since 2026-11-18 10:00 UTC" in titles(drawn)
    assert titles(drawn)[0].endswith(", earlier ones are not shown")


def test_what_a_crawl_saw_begins_dashed_and_hollow() -> None:
    tree = parsed(tag_timeline([target(9, from_event=False)], now=NOW, prefix="p"))
    assert {one.tag for one in named(tree, "seen")} == {"line", "circle"}
    assert "seen by a crawl, may be earlier" in titles(tree)[1]
    pushed = parsed(tag_timeline([target(9)], now=NOW, prefix="p"))
    assert list(named(pushed, "seen")) == []


@given(
    st.lists(st.tuples(st.floats(-1, 5_000), st.sampled_from([None, WEB, OLD, "odd", ""]))),
    st.booleans(),
)
def test_segments_cover_the_axis(moves: list[tuple[float, str | None]], is_cut: bool) -> None:
    found = [target(days, digest) for days, digest in moves]
    drawn = tag_timeline(found, now=NOW, prefix="p", is_cut=is_cut)
    if not found:
        assert drawn == ""
        return
    tree = parsed(drawn)
    lines = [one for one in tree.iter("line") if one.get("class") == "removed"]
    removed = sum(
        float(one.get("x2", "").rstrip("%")) - float(one.get("x1", "").rstrip("%")) for one in lines
    )
    assert abs(removed + sum(width for _, width in bands(drawn)) - 100) < 0.1 * len(found)


def test_at_most_200_segments() -> None:
    found = [target(days / 10) for days in range(1_000)]
    tree = parsed(tag_timeline(found, now=NOW, prefix="p"))
    assert len(list(tree.iter("rect"))) == 200
    assert any(" moves from " in title for title in titles(tree)[1:])
    lanes = parsed(tag_lanes([TagLane("a", found)] * 12, now=NOW, prefix="p"))
    assert len(list(lanes.iter("rect"))) == 200


def test_lanes_show_ninety_days_of_ten_tags() -> None:
    lanes = [TagLane(f"1.{n}", [target(n), target(100, OLD)], f"/t/{n}") for n in range(12)]
    tree = parsed(tag_lanes(lanes, now=NOW, prefix="p"))
    assert len(list(named(tree, "tag-lane"))) == 10
    assert "1.3: 1 move in 90 days" in titles(tree)
    # What began before the ninety days has no mark, for its beginning is not seen.
    assert len(list(tree.iter("circle"))) == 10
    assert next(one.text for one in named(tree, "label")) == "90 days ago"


def test_a_lane_shows_where_a_tag_pointed_before_the_ninety_days() -> None:
    lane = TagLane("1.0", [target(45), target(200, OLD), target(300)])
    assert bands(tag_lanes([lane], now=NOW, prefix="p")) == [(0, 50), (50, 50)]


def test_no_tags_are_no_picture() -> None:
    assert tag_lanes([], now=NOW, prefix="p") == ""
    empty = parsed(tag_lanes([TagLane("1.0", [])], now=NOW, prefix="p"))
    assert "1.0: 0 moves in 90 days" in titles(empty)


@pytest.mark.parametrize(
    ("digest", "name"),
    [
        ("sha256:00ff", "hue-0"),
        ("sha256:1606", "hue-0"),
        ("sha256:20", "hue-1"),
        ("sha512:FF", "hue-7"),
        ("397b", "hue-1"),
        ("odd", "hue-0"),
        ("", "hue-0"),
    ],
)
def test_the_colour_is_of_the_first_byte(digest: str, name: str) -> None:
    assert digest_class(digest) == name


def test_a_clock_that_is_ahead_does_not_hide_a_move() -> None:
    ahead: datetime = NOW + timedelta(minutes=5)
    drawn = tag_timeline([TagTarget(WEB, ahead)], now=NOW, prefix="p")
    assert bands(drawn) == [(0, 100)]
    assert len(list(parsed(drawn).iter("circle"))) == 1
