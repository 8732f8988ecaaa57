"""Tags of a repository: orders, patterns, and pages that neither miss nor repeat one."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from indexer.errors import InvalidValueError
from indexer.extract import BUILT_IN
from indexer.model.names import Digest
from indexer.store import ImageSummary, Store
from search_api.resources import MATCH_MAX, Resources, TagOrder
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, put

APP, OTHER, UNREAD = image(seed="app"), image(seed="other"), image(seed="unread")
SAID = ImageSummary(700, "image", ("linux/amd64", "linux/arm64"), None, "1.10")
BIG = ImageSummary(9_000, "helm-chart", (), "2026-03-01T12:00:00.000000Z", "")
VERSIONS = ["latest", "1.10", "1.10-rc1", "1.9", "1.2", "edge"]
ORDERS = {
    TagOrder.NAME: sorted(VERSIONS),
    TagOrder.NEWEST: list(reversed(VERSIONS)),
    TagOrder.VERSION: VERSIONS,
    # The greatest first, by name if equal, and what is unknown last.
    TagOrder.SIZE: ["edge", "1.10", "1.2", "1.9", "latest", "1.10-rc1"],
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def read(store: Store, clock: ManualClock) -> Resources:
    for tag in VERSIONS:
        built = {"edge": OTHER, "1.10-rc1": UNREAD}.get(tag, APP)
        put(store, [Pushed("web", built, tag)], clock=clock)
        clock.advance(1)
    with store.transaction():
        store.summaries.put_images([(1, Digest(APP.digest), SAID), (1, Digest(OTHER.digest), BIG)])
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


@pytest.mark.parametrize(
    ("order", "after"),
    [
        *((order, after) for order in (TagOrder.NEWEST, TagOrder.SIZE) for after in ("x", "x y")),
        (TagOrder.SIZE, "-1 a"),
        (TagOrder.SIZE, "²³ a"),
        (TagOrder.SIZE, f"{'1' * 30} a"),
    ],
)
def test_a_place_among_tags_that_is_none_is_said_to_be_none(
    read: Resources, order: TagOrder, after: str
) -> None:
    with pytest.raises(InvalidValueError, match="not a place among tags"):
        read.tags("main", "web", order=order, after=after, limit=3)


def test_a_pattern_without_end_is_refused(read: Resources) -> None:
    with pytest.raises(InvalidValueError, match="match has more than 200 characters"):
        read.tags("main", "web", match="*" * (MATCH_MAX + 1), limit=3)


def test_a_tag_tells_of_its_image_if_asked(read: Resources) -> None:
    page = read.tags("main", "web", order=TagOrder.VERSION, with_image=True, limit=9)
    images = {one["tag"]: one["image"] for one in page.items}
    assert images["1.10"] == {
        "kind": "image",
        "platforms": ["linux/amd64", "linux/arm64"],
        "size_bytes": 700,
        "created_at": None,
        "version": "1.10",
    }
    assert (images["edge"]["kind"], images["edge"]["version"]) == ("helm-chart", None)
    assert images["1.10-rc1"] is None, "it is not searchable yet"
    assert "image" not in read.tags("main", "web", limit=1).items[0]


def test_a_tag_tells_of_its_history_if_asked(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", OTHER, "1.10")], clock=clock)
    page = read.tags("main", "web", order=TagOrder.NEWEST, with_history=True, limit=9)
    assert [len(one["history"]) for one in page.items] == [2, 1, 1, 1, 1, 1]
    for one in page.items:
        assert one == read.tag("main", "web", one["tag"])


@pytest.mark.parametrize("order", TagOrder)
def test_more_tags_take_no_more_queries(store: Store, read: Resources, order: TagOrder) -> None:
    """One tag or all of them: nobody reads the store for each tag."""
    counts = []
    for limit in (1, 6):
        asked: list[str] = []
        store._database.conn.set_trace_callback(asked.append)
        read.tags("main", "web", order=order, with_image=True, with_history=True, limit=limit)
        store._database.conn.set_trace_callback(None)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 6
