"""Numbers for ranges, and prominence."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from indexer.documents import describe, image_document
from indexer.documents.numbers import is_made_for_another, prominence
from indexer.extract import BUILT_IN
from indexer.model.document import NUMBERS, PROMINENCE_MAX
from indexer.model.names import TagName
from indexer.model.stored import Pulls, StoredImage
from tests import builders
from tests.indexer.documents.made import (
    CREATED_SECONDS,
    FULL,
    NOW,
    PUSHED,
    ROW,
    described,
    image_of,
    repository_of,
    stored,
)

PUSHED_SECONDS = 1_770_091_506


def test_an_image_has_every_number() -> None:
    image = StoredImage(stored(FULL), (TagName("1"),), PUSHED, Pulls(7, PUSHED))
    document = image_document(ROW, describe(image, now=NOW, kinds=BUILT_IN))
    assert document.numbers == {
        "created": (CREATED_SECONDS,),
        "pushed": (PUSHED_SECONDS,),
        "pulled": (PUSHED_SECONDS,),
        "size": (document.size_bytes,),
        "layers": (2,),
        "pulls": (7,),
    }


def test_what_is_unknown_has_no_number_but_no_pulls_are_known() -> None:
    built = builders.index([builders.image(architecture="arm64"), builders.image()])
    alone = describe(StoredImage(stored(built), (TagName("1"),), None), now=NOW, kinds=BUILT_IN)
    assert image_of(builders.image(created=""), pushed_at=None).numbers.keys() == {
        "size",
        "layers",
        "pulls",
    }
    assert image_document(ROW, alone).numbers["pulls"] == (0,)


def test_an_index_has_the_number_of_layers_of_each_platform() -> None:
    children = [
        builders.image(architecture=name, layers=layers)
        for name, layers in (("arm64", 5), ("amd64", 3), ("s390x", 5))
    ]
    assert image_of(builders.index(children, attestations=True)).numbers["layers"] == (3, 5)


def test_a_repository_has_the_numbers_of_all_its_images_and_its_own_pulls() -> None:
    images = [
        described(builders.image(layers=layers, seed=str(layers)), f"t{layers}", pushed_at=at)
        for layers, at in ((4, None), (1, PUSHED), (4, PUSHED))
    ]
    document = repository_of(*images, pulls=Pulls(9, PUSHED))
    apart = [image_document(ROW, one).numbers for one in images]
    assert set(document.numbers) <= set(NUMBERS)
    assert document.numbers["layers"] == (1, 4)
    assert document.numbers["size"] == tuple(sorted({one["size"][0] for one in apart}))
    assert document.numbers["pushed"] == document.numbers["pulled"] == (PUSHED_SECONDS,)
    assert document.numbers["pulls"] == (0, 9)


def test_more_pulls_and_tags_and_a_newer_image_are_never_less_prominent() -> None:
    times = [0, *(int(datetime(year, 6, 1, tzinfo=UTC).timestamp()) for year in range(1971, 2040))]
    by_time = [prominence(pulls=10, newest=newest) for newest in times]
    by_pulls = [prominence(pulls=10**power, newest=times[-20]) for power in range(12)]
    by_tags = [prominence(pulls=3, newest=times[-20], tags=2**power) for power in range(20)]
    for found in (by_time, by_pulls, by_tags):
        assert all(less <= more for less, more in pairwise(found))
        assert found[0] < found[-1]


@pytest.mark.parametrize(
    ("name", "description", "is_so"),
    [
        ("library/redis", "An in-memory database", False),
        ("exporters/redis", "", False),
        ("team/redis-exporter", "", True),
        ("team/redis-Plugins", "", True),
        ("team/reader", "Client library for Redis", True),
        ("team/clients-of-ours", "Who they are", True),
    ],
)
def test_what_is_made_for_something_else_says_so(name: str, description: str, is_so: bool) -> None:
    assert is_made_for_another(name, description) is is_so


def test_what_is_made_for_something_else_is_less_prominent() -> None:
    thing, tool = (
        prominence(pulls=5, newest=PUSHED_SECONDS, is_made_for_another=is_so)
        for is_so in (False, True)
    )
    assert prominence(pulls=0, newest=0, is_made_for_another=True) == 0
    assert tool < thing < prominence(pulls=99, newest=PUSHED_SECONDS, is_made_for_another=True)


def test_prominence_has_its_limits() -> None:
    assert prominence(pulls=0, newest=0) == 0
    assert prominence(pulls=10**18, newest=10**12, tags=10**9) == PROMINENCE_MAX


def test_a_push_today_counts_as_much_as_pulls_do() -> None:
    """Neither decides alone: years of age weigh what powers of ten of pulls weigh."""
    new = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    old = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp())
    assert prominence(pulls=1_000, newest=old) > prominence(pulls=10, newest=new)
    assert prominence(pulls=10, newest=new) > prominence(pulls=20, newest=old)
    assert prominence(pulls=10, newest=new) > prominence(pulls=10, newest=old)


def test_a_document_is_as_prominent_as_its_newest_time_and_pulls_say() -> None:
    image = StoredImage(stored(FULL), (TagName("1"),), PUSHED, Pulls(1_000))
    one = describe(image, now=NOW, kinds=BUILT_IN)
    expected = prominence(pulls=1_000, newest=PUSHED_SECONDS)
    assert image_document(ROW, one).prominence == expected
    whole = repository_of(one, tags=("1", "2"), pulls=Pulls(1_000))
    assert whole.prominence == prominence(pulls=1_000, newest=PUSHED_SECONDS, tags=2)
