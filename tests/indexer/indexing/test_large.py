"""Pushes to large repositories: images are found at once, the repository in a share of the time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.documents import LARGE_IMAGES
from indexer.extract import BUILT_IN
from indexer.indexing.rests import REST_MAX, REST_TIMES, RESTS_FROM_IMAGES, Rests
from indexer.model import Content, DocumentType
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.store import ReadContent
from tests.builders import BuiltManifest, image
from tests.fakes.clock import START
from tests.indexer.stepping import Stepping

pytestmark = pytest.mark.anyio

WEB = "team/web"
PART_IMAGES = 20
"""More than there are in a part of a repository that has just become large."""
PART_NAMES = [f"sha256:{digit}" for digit in "0123456789abcdef"]
REPOSITORY = DocumentType.REPOSITORY


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A world with a repository of as many images as make it large."""
    async with Stepping(tmp_path) as opened:
        with opened.store.transaction():
            for number in range(LARGE_IMAGES):
                put(opened, image(seed=str(number), labels={"number": str(number)}), f"t{number}")
        await opened.index()
        yield opened


def put(stepping: Stepping, built: BuiltManifest, tag: str, *, repository: str = WEB) -> int:
    """Write to the store that a tag was seen, inside the caller's transaction."""
    content, now = stepping.store.content, stepping.clock.now()
    repository_id = stepping.store.repositories.put(
        stepping.rows["default"].id, RepositoryName(repository), seen_at=now
    )
    digest = Digest(built.digest)
    read = Content(digest, built.media_type, built.body)
    configs = ((Digest(built.blobs[0].digest), built.blobs[0].body),)
    content.put_content(repository_id, ReadContent((read,), configs), seen_at=now, kinds=BUILT_IN)
    content.put_tag(repository_id, TagName(tag), digest, seen_at=now)
    return repository_id


def push(stepping: Stepping, word: str) -> int:
    with stepping.store.transaction():
        return put(stepping, image(seed=word, labels={"pushed": word}), word)


def found_tags(stepping: Stepping) -> int:
    """Return how many tags the repository's document tells of."""
    (found,) = stepping.results(f"repo:{WEB}", REPOSITORY)
    count: int = found["tag_count"]
    return count


async def test_what_its_images_say_finds_a_large_repository(stepping: Stepping) -> None:
    for query in ("label:number=7", "tag:t99", "label:number=7 tag:t3", "layers:>0", "arch:amd64"):
        assert [one["repository"] for one in stepping.results(query, REPOSITORY)] == [WEB], query
    for query in ("label:number=none", "-label:number=7", "label:number=7 -tag:t3"):
        assert stepping.results(query, REPOSITORY) == [], query


async def test_it_is_small_again_with_one_image_less(stepping: Stepping) -> None:
    with stepping.store.transaction():
        repository_id = push_nothing(stepping)
        stepping.store.content.hide_tag(repository_id, TagName("t7"), seen_at=stepping.clock.now())
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES - 1
    assert stepping.results("tag:t8", REPOSITORY)
    assert not stepping.results("tag:t7", REPOSITORY)


def push_nothing(stepping: Stepping) -> int:
    return stepping.store.repositories.put(
        stepping.rows["default"].id, RepositoryName(WEB), seen_at=stepping.clock.now()
    )


async def test_an_image_is_found_while_its_repository_rests(stepping: Stepping) -> None:
    """The repository is found by it, too, and tells of it after the rest."""
    repository_id = push(stepping, "first")
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES + 1
    stepping.indexing._rests.begin(repository_id, seconds=1, now=stepping.clock.now())
    push(stepping, "second")
    await stepping.index()
    assert [one["tags"] for one in stepping.results("label:pushed=second")] == [["second"]]
    assert [one["repository"] for one in stepping.results("tag:second", REPOSITORY)] == [WEB]
    assert found_tags(stepping) == LARGE_IMAGES + 1
    assert stepping.store.search_index.stale_count() == 1
    stepping.clock.advance(REST_TIMES - 1)
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES + 1
    stepping.clock.advance(1)
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES + 2
    assert stepping.store.search_index.stale_count() == 0


async def test_a_repository_of_many_images_rests_however_few_of_them_are_read(
    stepping: Stepping,
) -> None:
    """Regression: pushes in a row waited for the document of their repository."""
    with stepping.store.transaction():
        for number in range(LARGE_IMAGES, RESTS_FROM_IMAGES):
            repository_id = put(stepping, image(seed=str(number), layers=1), f"t{number}")
    await stepping.index()
    stepping.clock.advance(REST_MAX.total_seconds())
    await stepping.index()
    push(stepping, "first")
    await stepping.index()
    assert found_tags(stepping) == RESTS_FROM_IMAGES + 1
    now = stepping.clock.now()
    assert list(stepping.indexing._rests.resting(now=now)) == [repository_id]


async def test_images_come_between_the_documents_of_large_repositories(
    stepping: Stepping,
) -> None:
    """Nobody who pushed waits for the documents of all of them."""
    with stepping.store.transaction():
        for number in range(LARGE_IMAGES):
            put(stepping, image(seed=str(number)), f"t{number}", repository="team/other")
        put(stepping, image(seed="more"), "more")
    await stepping.index()
    push(stepping, "again")
    with stepping.store.transaction():
        put(stepping, image(seed="again"), "again", repository="team/other")
    stepping.indexing._extract_seconds = 0
    await stepping.indexing.update()
    assert stepping.store.search_index.stale_count() == 1
    assert len(stepping.results("tag:again")) == 2
    push(stepping, "meanwhile")
    await stepping.index()
    assert stepping.store.search_index.stale_count() == 0
    assert stepping.results("label:pushed=meanwhile")
    assert found_tags(stepping) == LARGE_IMAGES + 3


async def test_a_new_process_lets_no_repository_rest(stepping: Stepping) -> None:
    repository_id = push(stepping, "first")
    stepping.indexing._rests.begin(repository_id, seconds=1, now=stepping.clock.now())
    await stepping.index()
    assert stepping.store.search_index.stale_count() == 1
    await stepping.reopen()
    await stepping.index()
    assert stepping.store.search_index.stale_count() == 0
    assert found_tags(stepping) == LARGE_IMAGES + 1


async def test_some_images_are_read_as_all_are(stepping: Stepping) -> None:
    content = stepping.store.content
    repository_id = push_nothing(stepping)
    every = content.tagged_images(repository_id)
    assert content.find_tagged_images(repository_id, [one.digest for one in every]) == every
    few = every[3:5]
    assert content.find_tagged_images(repository_id, [one.digest for one in few]) == few
    unknown = Digest(f"sha256:{'0' * 64}")
    assert content.find_tagged_images(repository_id, [unknown]) == []
    assert content.has_images(repository_id, LARGE_IMAGES)
    assert not content.has_images(repository_id, LARGE_IMAGES + 1)


async def test_a_push_reads_few_images_for_the_document_of_its_repository(
    stepping: Stepping,
) -> None:
    """After the first one, which reads all; and after a restart too."""
    maker = stepping.indexing.generations.maker
    repository_id = push(stepping, "first")
    before = maker._parts.images_read
    await stepping.index()
    assert maker._parts.images_read == before + LARGE_IMAGES + 1
    for number in range(3):
        push(stepping, f"second{number}")
        await stepping.index()
        assert found_tags(stepping) == LARGE_IMAGES + 2 + number
    assert maker._parts.images_read <= before + LARGE_IMAGES + 1 + 3 * PART_IMAGES
    await stepping.reopen()
    await stepping.index()
    push(stepping, "again")
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES + 5
    assert 1 <= stepping.indexing.generations.maker._parts.images_read <= PART_IMAGES
    live = stepping.documents()
    await stepping.rebuild()
    assert stepping.documents() == live
    assert stepping.store.parts.kept(repository_id, PART_NAMES) == {}


async def test_parts_are_forgotten_with_a_damaged_row(stepping: Stepping) -> None:
    """It may have told what they are made of, and nobody marked it."""
    repository_id = push(stepping, "first")
    await stepping.index()
    assert len(stepping.store.parts.kept(repository_id, PART_NAMES)) == len(PART_NAMES)
    with stepping.store.transaction():
        stepping.store._database.execute("UPDATE tags SET digest = 'none' WHERE name = 't3'")
        assert stepping.store.damage.set_aside(at=stepping.clock.now())
    assert stepping.store.parts.kept(repository_id, PART_NAMES) == {}


async def test_what_changes_while_a_part_is_made_is_in_the_next_document(
    stepping: Stepping,
) -> None:
    """Regression, if it ever comes: a part of before would be kept for what is there now."""
    repository_id = push(stepping, "first")
    await stepping.index()
    maker = stepping.indexing.generations.maker
    push(stepping, "second")
    maker.make_large(repository_id)
    made = maker.take_made()
    push(stepping, "third")
    with stepping.store.transaction():
        made.keep(stepping.store)
    await stepping.index()
    assert found_tags(stepping) == LARGE_IMAGES + 3


def test_a_rest_is_as_long_as_the_work_before_it_and_bounded() -> None:
    rests = Rests()
    rests.begin(1, seconds=1, now=START)
    rests.begin(2, seconds=1_000, now=START)
    assert set(rests.resting(now=START)) == {1, 2}
    assert set(rests.resting(now=START + timedelta(seconds=REST_TIMES))) == {2}
    assert set(rests.resting(now=START + REST_MAX)) == set()


def test_a_clock_that_is_set_back_lets_nobody_rest_for_longer() -> None:
    rests = Rests()
    rests.begin(1, seconds=1, now=START)
    assert set(rests.resting(now=START - REST_MAX)) == set()
