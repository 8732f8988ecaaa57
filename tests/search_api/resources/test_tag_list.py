"""Tags of a repository: orders, patterns, and pages that neither miss nor repeat one."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from indexer.errors import InvalidValueError
from indexer.extract import BUILT_IN
from indexer.store import Store
from search_api.resources import MATCH_MAX, Resources, TagOrder
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, put

APP, OTHER = image(seed="app"), image(seed="other")
VERSIONS = ["latest", "1.10", "1.10-rc1", "1.9", "1.2", "edge"]
ORDERS = {
    TagOrder.NAME: sorted(VERSIONS),
    TagOrder.NEWEST: list(reversed(VERSIONS)),
    TagOrder.VERSION: VERSIONS,
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def read(store: Store, clock: ManualClock) -> Resources:
    for tag in VERSIONS:
        put(store, [Pushed("web", APP, tag)], clock=clock)
        clock.advance(1)
    return Resources(store, now=clock.now(), kinds=BUILT_IN)


def pages(read: Resources, order: TagOrder, *, limit: int, match: str = "") -> Iterator[list[str]]:
    after: str | None = ""
    while after is not None:
        page = read.tags("main", "web", order=order, match=match, after=after, limit=limit)
        yield [one["tag"] for one in page.items]
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 6, 9])
@pytest.mark.parametrize("order", TagOrder)
def test_pages_of_each_order_hold_each_tag_once(
    read: Resources, order: TagOrder, limit: int
) -> None:
    found = list(pages(read, order, limit=limit))
    assert [tag for page in found for tag in page] == ORDERS[order]
    assert {len(page) for page in found[:-1]} <= {limit}


@pytest.mark.parametrize(
    ("match", "tags"),
    [
        ("", VERSIONS),
        ("*", VERSIONS),
        ("1.1*", ["1.10", "1.10-rc1"]),
        ("1.?", ["1.9", "1.2"]),
        ("1.10", ["1.10"]),
        ("*e*", ["latest", "edge"]),
        ("LATEST", []),
        ("[a-z]*", []),
    ],
)
@pytest.mark.parametrize("order", TagOrder)
def test_a_pattern_chooses_tags_in_every_order(
    read: Resources, order: TagOrder, match: str, tags: list[str]
) -> None:
    page = read.tags("main", "web", order=order, match=match, limit=1)
    assert (page.total, page.tag_count) == (len(tags), len(VERSIONS))
    found = [tag for some in pages(read, order, limit=2, match=match) for tag in some]
    assert found == [tag for tag in ORDERS[order] if tag in tags]


def test_a_tag_that_moves_between_two_pages_is_not_told_twice(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    first = read.tags("main", "web", order=TagOrder.NEWEST, limit=2)
    put(store, [Pushed("web", OTHER, "1.10")], clock=clock)
    assert first.next
    rest = read.tags("main", "web", order=TagOrder.NEWEST, after=first.next, limit=9)
    assert [one["tag"] for one in rest.items] == ["1.9", "1.10-rc1", "latest"]


@pytest.mark.parametrize("order", [TagOrder.NAME, TagOrder.VERSION])
def test_a_page_begins_behind_a_tag_that_is_gone(read: Resources, order: TagOrder) -> None:
    for gone, behind in pairwise(ORDERS[order]):
        page = read.tags("main", "web", order=order, after=f"{gone}", limit=1)
        assert [one["tag"] for one in page.items] == [behind]
    page = read.tags("main", "web", order=TagOrder.VERSION, after="1.10-beta", limit=1)
    assert [one["tag"] for one in page.items] == ["1.9"]


@pytest.mark.parametrize("after", ["x", "x y", " ", "²³ a"])
def test_a_place_among_tags_that_is_none_is_said_to_be_none(read: Resources, after: str) -> None:
    with pytest.raises(InvalidValueError, match="not a place among tags"):
        read.tags("main", "web", order=TagOrder.NEWEST, after=after, limit=3)


def test_a_pattern_without_end_is_refused(read: Resources) -> None:
    with pytest.raises(InvalidValueError, match="match has more than 200 characters"):
        read.tags("main", "web", match="*" * (MATCH_MAX + 1), limit=3)
