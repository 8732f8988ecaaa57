"""Every event and listing is confirmed by a request for exactly the content that it names.

An event is never trusted: only the response of the registry counts.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from indexer.model.event import Command, Event
from indexer.refresh.removal import SECOND_LOOK_AFTER
from tests.builders import artifact, image, index
from tests.fakes.registry import FakeRegistry, Fault
from tests.indexer.stepping import Stepping, Tags, deleted, pushed
from tests.series import thorough

pytestmark = pytest.mark.anyio

A, B, C, D = (image(seed=seed) for seed in "abcd")
MULTI = index([image(seed="m"), image(seed="m", architecture="arm64")])
SBOM = artifact("application/spdx+json", {"sbom.json": b"{}"}, subject=A)
WEB, ONE = "team/web", "team/one"
NAMES = {
    A.digest: "A",
    B.digest: "B",
    C.digest: "C",
    D.digest: "D",
    MULTI.children[0].digest: "CHILD",
    SBOM.digest: "SBOM",
}
CRAWL = Command.CRAWL
LATER = SECOND_LOOK_AFTER.total_seconds()


def found(stepping: Stepping) -> str:
    """Return all tags with their targets, in words; store and search index agree."""
    visible = stepping.visible()
    assert visible == stepping.searchable()
    return " ".join(
        f"{repository.removeprefix('team/')}:{tag}={NAMES[digest]}"
        for (_, repository, tag), digest in sorted(visible.items())
    )


def asked(stepping: Stepping) -> list[str]:
    """Return the requests to the registry, without repetitions, in words."""
    words = []
    for line in stepping.registry.requests:
        path = line.removeprefix("GET /v2/").partition("?")[0]
        match = re.fullmatch(r"team/(\w+)/(manifests|tags|blobs)/(.+)", path)
        if match is None:
            words.append(path)
        elif match[2] == "tags":
            words.append(f"{match[1]} tags")
        elif match[2] == "manifests":
            is_digest = ":" in match[3]
            words.append(f"{match[1]}@{NAMES[match[3]]}" if is_digest else f"{match[1]}:{match[3]}")
    return list(dict.fromkeys(words))


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """Two repositories, read and searchable."""
    async with Stepping(tmp_path) as opened:
        for repository, built, tag in (
            (WEB, A, "1"),
            (WEB, A, "latest"),
            (WEB, B, "2"),
            (ONE, C, "1"),
        ):
            opened.registry.put(repository, built, tag=tag, notify=False)
        await opened.settle()
        await opened.index()
        opened.clock.advance(3_600)
        opened.registry.requests.clear()
        yield opened


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint, the state of the registry by then, the requests and the results.

    ``lists`` are incomplete listings, by a part of their path. ``left`` lost its last tag and is
    requested by its digest.
    """

    name: str
    change: Callable[[FakeRegistry], object]
    events: tuple[Event | Command, ...]
    asked: str
    found: str
    lists: tuple[tuple[str, Mapping[str, object]], ...] = ()
    left: str = ""


def nothing(_: FakeRegistry) -> None:
    """Leave everything as it was."""


def untag(repository: str, tag: str) -> Callable[[FakeRegistry], None]:
    return lambda registry: registry.delete_tag(repository, tag, notify=False)


def remove(registry: FakeRegistry) -> None:
    registry.delete_digest(WEB, A.digest, notify=False)


def move_and_remove(registry: FakeRegistry) -> None:
    registry.put(WEB, B, tag="1", notify=False)
    remove(registry)


def remove_and_push_again(registry: FakeRegistry) -> None:
    remove(registry)
    registry.put(WEB, A, tag="latest", notify=False)


DELETED_TAG, DELETED_DIGEST = "delete event with tag", "delete event with digest"
PUSHED_TAG, PUSHED_DIGEST = "push event with tag", "push event with digest, no tag"
UNLISTED_TAG = "tag missing from a complete listing"
UNLISTED_REPOSITORY = "repository missing from the catalog"
MANY = "many disappear at once"

BEFORE = "one:1=C web:1=A web:2=B web:latest=A"
WITHOUT_2 = "one:1=C web:1=A web:latest=A"
WITHOUT_ONE = "web:1=A web:2=B web:latest=A"
# Of a crawl: what it lists comes before what it knows, and each tag is asked for by its name.
EVERYTHING = "_catalog one-tags web-tags one:1 web:1 web:2 web:latest"
LISTED_ONLY = (("team/web/tags/list", {"name": WEB, "tags": ["1", "latest"]}),)
CATALOG_ONLY = (("_catalog", {"repositories": [WEB]}),)

HINTS = (
    Hint(
        f"{DELETED_TAG}/404",
        untag(WEB, "2"),
        (deleted(WEB, tag="2"),),
        "web:2",
        WITHOUT_2,
        left="web@B",
    ),
    Hint(f"{DELETED_TAG}/200", nothing, (deleted(WEB, tag="2"),), "web:2", BEFORE),
    Hint(
        f"{DELETED_TAG}/200 with another digest",
        lambda registry: registry.put(WEB, D, tag="2", notify=False),
        (deleted(WEB, tag="2"),),
        "web:2",
        "one:1=C web:1=A web:2=D web:latest=A",
    ),
    Hint(
        f"{DELETED_DIGEST}/gone with its tags",
        remove,
        (deleted(WEB, digest=A.digest),),
        "web@A web:1 web:latest",
        "one:1=C web:2=B",
    ),
    Hint(
        f"{DELETED_DIGEST}/gone, a tag had moved on",
        move_and_remove,
        (deleted(WEB, digest=A.digest),),
        "web@A web:1 web:latest",
        "one:1=C web:1=B web:2=B",
    ),
    Hint(
        f"{DELETED_DIGEST}/there",
        nothing,
        (deleted(WEB, digest=A.digest),),
        "web@A web:1 web:latest",
        BEFORE,
    ),
    Hint(
        f"{DELETED_DIGEST}/pushed again under one of its tags",
        remove_and_push_again,
        (deleted(WEB, digest=A.digest),),
        "web@A web:1 web:latest",
        "one:1=C web:2=B web:latest=A",
    ),
    Hint(
        f"{PUSHED_TAG}/there",
        lambda registry: registry.put(WEB, D, tag="2", notify=False),
        (pushed(WEB, D.digest, tag="2"),),
        "web:2",
        "one:1=C web:1=A web:2=D web:latest=A",
    ),
    Hint(
        f"{PUSHED_TAG}/a later push won",
        lambda registry: registry.put(WEB, A, tag="2", notify=False),
        (pushed(WEB, D.digest, tag="2"),),
        "web:2",
        "one:1=C web:1=A web:2=A web:latest=A",
    ),
    Hint(
        f"{PUSHED_TAG}/deleted since",
        untag(WEB, "2"),
        (pushed(WEB, D.digest, tag="2"),),
        "web:2",
        WITHOUT_2,
        left="web@B",
    ),
    Hint(
        f"{PUSHED_DIGEST}/child",
        lambda registry: registry.put(WEB, MULTI.children[0], notify=False),
        (pushed(WEB, MULTI.children[0].digest),),
        "web@CHILD",
        BEFORE,
    ),
    Hint(
        f"{PUSHED_DIGEST}/attachment",
        lambda registry: registry.put(WEB, SBOM, notify=False),
        (pushed(WEB, SBOM.digest),),
        "web@SBOM",
        BEFORE,
    ),
    Hint(
        f"{UNLISTED_TAG}/404",
        untag(WEB, "2"),
        (CRAWL,),
        EVERYTHING,
        WITHOUT_2,
        lists=LISTED_ONLY,
        left="web@B",
    ),
    Hint(f"{UNLISTED_TAG}/200", nothing, (CRAWL,), EVERYTHING, BEFORE, lists=LISTED_ONLY),
    Hint(
        f"{UNLISTED_REPOSITORY}/404",
        lambda registry: registry.delete_repository(ONE),
        (CRAWL,),
        EVERYTHING,
        WITHOUT_ONE,
        left="one@C",
    ),
    Hint(
        f"{UNLISTED_REPOSITORY}/null for tags",
        untag(ONE, "1"),
        (CRAWL,),
        EVERYTHING,
        WITHOUT_ONE,
        left="one@C",
        lists=CATALOG_ONLY,
    ),
    Hint(
        f"{UNLISTED_REPOSITORY}/an empty list of tags",
        untag(ONE, "1"),
        (CRAWL,),
        EVERYTHING,
        WITHOUT_ONE,
        left="one@C",
        lists=(*CATALOG_ONLY, ("team/one/tags/list", {"name": ONE, "tags": []})),
    ),
    Hint(f"{UNLISTED_REPOSITORY}/200", nothing, (CRAWL,), EVERYTHING, BEFORE, lists=CATALOG_ONLY),
    Hint(
        f"{UNLISTED_REPOSITORY}/200, but lists no tags",
        nothing,
        (CRAWL,),
        EVERYTHING,
        BEFORE,
        lists=(*CATALOG_ONLY, ("team/one/tags/list", {"name": ONE, "tags": None})),
    ),
)


@pytest.mark.parametrize("hint", [pytest.param(hint, id=hint.name) for hint in HINTS])
async def test_a_hint_is_confirmed(stepping: Stepping, hint: Hint) -> None:
    assert found(stepping) == BEFORE
    hint.change(stepping.registry)
    for path, body in hint.lists:
        stepping.registry.faults.append(Fault(path, JSONResponse(body)))
    stepping.deliver(*hint.events)
    await stepping.settle()
    await stepping.index()
    expected = f"{hint.asked} {hint.left}".split()
    assert sorted(asked(stepping)) == sorted(word.replace("-", " ") for word in expected)
    assert found(stepping) == hint.found
    assert (stepping.waiting(), stepping.freshness().error) == (0, None)
    stepping.registry.faults.clear()
    before = stepping.documents()
    await stepping.crawl()
    await stepping.index()
    assert stepping.visible() == stepping.truth()
    assert stepping.documents() == before, "a crawl finds nothing else"


# Many at once


def repositories(number: int) -> list[str]:
    return [f"many/app{number:04}" for number in range(number)]


async def lose(stepping: Stepping, *, of: int, lost: int) -> tuple[Tags, Tags]:
    """Read a registry and then find a part gone; return the content before and after."""
    for name in repositories(of):
        stepping.registry.put(name, A, tag="1", notify=False)
    await stepping.crawl()
    await stepping.index()
    before = stepping.truth()
    for name in repositories(lost):
        stepping.registry.delete_repository(name)
    await stepping.crawl()
    await stepping.index()
    return before, stepping.truth()


@pytest.mark.parametrize(
    ("of", "lost"),
    [
        pytest.param(of, lost, id=f"{MANY}/{name}")
        for name, of, lost in (
            ("over 20 % of a registry", 24, 5),
            ("all of a registry", 6, 6),
        )
    ]
    + [thorough(510, 101, id=f"{MANY}/over 100 repositories")],
)
async def test_too_many_are_held_back_told_and_looked_at_again_later(
    tmp_path: Path, of: int, lost: int
) -> None:
    async with Stepping(tmp_path) as stepping:
        before, left = await lose(stepping, of=of, lost=lost)
        assert stepping.visible() == stepping.searchable() == before
        assert stepping.freshness().quarantined == stepping.latest_crawl().quarantined == lost
        stepping.clock.advance(LATER)
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == left
        assert stepping.freshness().quarantined == 0


@pytest.mark.parametrize(
    ("of", "lost"),
    [
        pytest.param(of, lost, id=f"{MANY}/{name}")
        for name, of, lost in (
            ("20 % of a registry", 25, 5),
            ("most of a registry that is small", 5, 4),
        )
    ]
    + [thorough(500, 100, id=f"{MANY}/100 repositories")],
)
async def test_fewer_are_hidden_with_the_crawl_that_does_not_find_them(
    tmp_path: Path, of: int, lost: int
) -> None:
    async with Stepping(tmp_path) as stepping:
        before, left = await lose(stepping, of=of, lost=lost)
        assert stepping.visible() == stepping.searchable() == left
        assert len(before) - len(left) == lost
        assert stepping.freshness().quarantined == stepping.latest_crawl().quarantined == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(status, code, id=f"{MANY}/{name}")
        for name, status, code in (
            ("probably rights", 403, "DENIED"),
            ("probably mount", 404, "NAME_UNKNOWN"),
            ("probably a proxy", 404, ""),
        )
    ],
)
async def test_trouble_that_passes_hides_nothing(tmp_path: Path, status: int, code: str) -> None:
    body: dict[str, object] = {"errors": [{"code": code, "message": "no"}]} if code else {}
    async with Stepping(tmp_path) as stepping:
        for name in repositories(6):
            stepping.registry.put(name, A, tag="1", notify=False)
        await stepping.crawl()
        await stepping.index()
        before = stepping.truth()
        stepping.registry.faults.append(
            Fault(r"/many/.*/(tags|manifests)/", JSONResponse(body, status))
        )
        await stepping.crawl(seconds=60)
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == before
        freshness = stepping.freshness()
        assert freshness.quarantined or freshness.error, "it is told"
        stepping.registry.faults.clear()
        stepping.clock.advance(LATER)
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth() == before
        assert (stepping.freshness().quarantined, stepping.freshness().error) == (0, None)


def test_every_row_of_the_table_has_cases() -> None:
    assert {hint.name.partition("/")[0] for hint in HINTS} == {
        DELETED_TAG,
        DELETED_DIGEST,
        PUSHED_TAG,
        PUSHED_DIGEST,
        UNLISTED_TAG,
        UNLISTED_REPOSITORY,
    }
