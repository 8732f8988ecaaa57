"""Images are described again when something that is stored of them changed, and not before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from indexer.documents import describe
from indexer.extract import BUILT_IN
from indexer.indexing.image_cache import DescribedImages
from indexer.model.names import Digest, TagName
from indexer.model.stored import Pulls, StoredAttachment, StoredImage
from tests.builders import image, index
from tests.fakes.clock import START, ManualClock
from tests.indexer.documents.made import stored


class CountingClock(ManualClock):
    """Counts who asks for the time: that is done once for each image that is described."""

    asked = 0

    def now(self) -> datetime:
        self.asked += 1
        return super().now()


ONE = StoredImage(stored(index([image(seed="a", labels={"team": "a"})])), (TagName("1"),), None)
CHANGES: dict[str, Callable[[StoredImage], StoredImage]] = {
    "a tag": lambda one: replace(one, tags=(TagName("2"), TagName("1"))),
    "a push": lambda one: replace(one, pushed_at="2026-02-03T04:05:06Z"),
    "a pull": lambda one: replace(one, pulls=Pulls(1, "2026-02-03T04:05:06Z")),
    "something attached": lambda one: replace(
        one,
        attachments=(
            StoredAttachment(Digest("sha256:" + "b" * 64), one.manifest.digest, "", b"{}"),
        ),
    ),
    "a base": lambda one: replace(
        one, manifest=replace(one.manifest, base_labels=({"team": "a"},))
    ),
    "a child that was read": lambda one: replace(one, manifest=replace(one.manifest, children=())),
}


def made(kept: int = 10) -> tuple[DescribedImages, CountingClock]:
    clock = CountingClock()
    return DescribedImages(clock=clock, kinds=BUILT_IN, kept=kept), clock


def test_an_image_that_nothing_changed_of_is_described_once() -> None:
    images, clock = made()
    first = images.recall(1, ONE)
    assert first == images.recall(1, replace(ONE)) == describe(ONE, now=START)
    assert clock.asked == 1


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(change: Callable[[StoredImage], StoredImage]) -> None:
    images, clock = made()
    images.recall(1, ONE)
    changed = change(ONE)
    assert images.recall(1, changed) == describe(changed, now=START)
    assert images.recall(1, ONE) == describe(ONE, now=START)
    assert clock.asked == 3


def test_the_same_image_in_two_repositories_is_two() -> None:
    images, _ = made()
    other = replace(ONE, tags=(TagName("other"),))
    for _ in range(2):
        assert images.recall(1, ONE).tags == ("1",)
        assert images.recall(2, other).tags == ("other",)


def test_those_asked_for_longest_ago_are_forgotten() -> None:
    images, clock = made(kept=2)
    for repository in (1, 2, 1, 3, 1):
        images.recall(repository, ONE)
    assert clock.asked == 3
    images.recall(2, ONE)
    assert clock.asked == 4
