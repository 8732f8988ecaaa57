"""Names and answers tell which tags to ask for with HEAD; a wrong guess costs a few requests."""

import asyncio

import pytest

from indexer.model.names import Digest, RepositoryName, TagName
from indexer.refresh.aliases import (
    HEADS_IN_VAIN_MAX,
    RepositoryTags,
    TagEvidence,
    split_likely_aliases,
)

pytestmark = pytest.mark.anyio

A = Digest("sha256:" + "a" * 64)
LATEST, NUMBERED = TagName("latest"), TagName("1.27.3")


@pytest.mark.parametrize(
    ("tags", "likely"),
    [
        ("1 1.27 1.27.3 latest", "1 1.27 latest"),
        ("1.27 1.27-alpine 1.27.3", "1.27"),
        ("v1 v1.0 v10", "v1"),
        ("1.0.0 1.0.1 1.1.0", ""),
        ("build-1 build-10 build-2", ""),
        ("stable mainline", "mainline stable"),
        ("", ""),
    ],
)
def test_tags_without_a_number_and_those_that_others_continue_are_probable_aliases(
    tags: str, likely: str
) -> None:
    given = [TagName(tag) for tag in tags.split()]
    own, aliases = split_likely_aliases(given)
    assert list(aliases) == likely.split()
    assert sorted([*own, *aliases]) == sorted(given)


def test_many_tags_are_put_in_order() -> None:
    given = [TagName(f"v{number}.{sub}") for number in range(9_000, 0, -1) for sub in range(3)]
    own, aliases = split_likely_aliases([*given, LATEST])
    assert (own, aliases) == (sorted(given), [LATEST])


def test_likely_aliases_have_a_limit_over_all_repositories() -> None:
    evidence = TagEvidence(likely_aliases_max=3)
    first, second, third = (RepositoryName(name) for name in "abc")
    tags = [TagName(name) for name in ("w", "x", "y", "z")]
    evidence.expect(first, tags[:2])
    evidence.expect(second, tags[:1])
    assert evidence.find(first).prefers_head(tags[1])
    evidence.expect(third, tags)
    assert evidence.find(third).prefers_head(tags[2])
    assert not evidence.find(third).prefers_head(tags[3])
    assert not evidence.find(first).prefers_head(tags[1])
    assert not evidence.find(second).prefers_head(tags[0])


def test_head_is_preferred_for_probable_aliases_and_once_there_was_one() -> None:
    tags = RepositoryTags(likely_aliases={LATEST})
    assert tags.prefers_head(LATEST)
    assert not tags.prefers_head(NUMBERED)
    tags.learn(A, is_alias=True, by_head=False)
    assert tags.prefers_head(NUMBERED)


def test_head_is_given_up_after_a_few_in_vain_until_the_next_alias() -> None:
    tags = RepositoryTags(has_aliases=True)
    for _ in range(HEADS_IN_VAIN_MAX):
        assert tags.prefers_head(NUMBERED)
        tags.learn(A, is_alias=False, by_head=True)
    assert not tags.prefers_head(NUMBERED)
    tags.learn(A, is_alias=True, by_head=False)
    assert tags.prefers_head(NUMBERED)


def test_only_the_repositories_of_late_are_remembered() -> None:
    evidence = TagEvidence(repositories_max=2)
    names = [RepositoryName(name) for name in ("a", "b", "c")]
    for name in names[:2]:
        evidence.find(name).newest = A
    evidence.find(names[0])
    evidence.find(names[2])
    assert evidence.find(names[0]).newest == A
    assert evidence.find(names[1]).newest is None


async def test_a_get_that_runs_is_waited_for_however_it_ends() -> None:
    tags = RepositoryTags()

    async def fail() -> None:
        with tags.getting():
            await asyncio.sleep(0)
            raise ValueError("broken")

    getting = asyncio.create_task(fail())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(tags.wait_for_gets())
    assert not waiting.done()
    with pytest.raises(ValueError, match="broken"):
        await getting
    await waiting
    await tags.wait_for_gets()
