"""The chart of sizes, and the bar in a cell."""

from hypothesis import given
from hypothesis import strategies as st

from search_api.pages.drawings import SizedTag, size_bar, tag_sizes
from search_api.pages.drawings.tag_sizes import size_marks
from tests.search_api.pages.drawings.samples import named, parsed, titles


def tags(*sizes: int | None) -> list[SizedTag]:
    return [SizedTag(f"1.{place}", size, f"/r/{place}") for place, size in enumerate(sizes)]


def test_points_are_links_with_the_growth() -> None:
    tree = parsed(tag_sizes(tags(140_000_000, 151_000_000, 149_000_000), prefix="p"))
    links = {one.get("href"): one.findtext("title") for one in tree.iter("a")}
    assert links == {
        "/r/0": "1.0 · 140 MB",
        "/r/1": "1.1 · 151 MB · +11 MB",
        "/r/2": "1.2 · 149 MB · −2.0 MB",
    }
    assert titles(tree)[0] == "Sizes of 3 tags: from 140 MB (1.0) to 151 MB (1.1)"


def test_the_axis_has_units() -> None:
    tree = parsed(tag_sizes(tags(140_000_000, 151_000_000), prefix="p"))
    axis = next(named(tree, "axis"))
    assert [one.text for one in axis.iter("text")] == ["0", "50 MB", "100 MB", "150 MB", "200 MB"]


def test_an_unknown_size_is_a_gap_between_points() -> None:
    tree = parsed(tag_sizes(tags(100, None, 100), prefix="p"))
    assert len(list(tree.iter("circle"))) == 2
    assert titles(tree)[0].endswith("; 1 of unknown size")


def test_fewer_than_two_sizes_are_no_picture() -> None:
    assert tag_sizes([], prefix="p") == ""
    assert tag_sizes(tags(1, None), prefix="p") == ""


def test_the_last_200_tags_are_drawn() -> None:
    tree = parsed(tag_sizes(tags(*range(431)), prefix="p"))
    assert len(list(tree.iter("circle"))) == 200
    assert titles(tree)[0] == (
        "Sizes of the last 200 of 431 tags: from 231 B (1.231) to 430 B (1.430)"
    )


@given(st.integers(0, 10**18))
def test_marks_are_few_and_hold_the_largest(largest: int) -> None:
    marks = size_marks(largest)
    assert marks[0] == 0
    assert marks[-1] >= max(1, largest)
    assert 2 <= len(marks) <= 5
    assert str(marks[1]).rstrip("0") in {"1", "2", "5"}


@given(st.lists(st.none() | st.integers(0, 10**15), max_size=300))
def test_points_stay_in_the_picture(sizes: list[int | None]) -> None:
    drawn = tag_sizes(tags(*sizes), prefix="p")
    for one in parsed(drawn).iter("circle"):
        assert 0 < float(one.get("cx", "").rstrip("%")) < 100
        assert 12 <= float(one.get("cy", "")) <= 136


def test_a_bar_in_a_cell_is_scaled_to_the_largest() -> None:
    tree = parsed(size_bar(38, largest=100))
    assert [one.get("width") for one in tree.iter("rect")] == ["100%", "38%"]
    assert titles(tree) == ["38% of the largest on this page"]
    assert parsed(size_bar(200, largest=100)).findall(".//rect")[1].get("width") == "100%"


def test_an_unknown_size_has_no_bar() -> None:
    assert size_bar(None, largest=100) == ""
    assert size_bar(0, largest=0) == ""
