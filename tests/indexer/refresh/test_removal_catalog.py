"""Repositories that the catalog leaves out stay; they are counted, and a warning names many."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import structlog
from starlette.responses import JSONResponse, Response

from indexer.refresh.removal import is_doubtful
from tests.builders import image
from tests.fakes.registry import Fault
from tests.indexer.stepping import KilledError, Stepping

A = image(seed="a")


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        yield opened


def names(count: int) -> list[str]:
    return [f"team/app{number:03}" for number in range(count)]


def page(repositories: Sequence[str] | None, *, following: str = "") -> Response:
    link = {"Link": f'</v2/_catalog?last={following}&n=1000>; rel="next"'} if following else {}
    return JSONResponse({"repositories": repositories}, headers=link)


async def crawl_doubted(stepping: Stepping, *answers: Fault) -> dict[str, object] | None:
    """Crawl while the catalog answers so; return the warning about it, if there was one."""
    before = stepping.visible()
    stepping.registry.faults += answers
    with structlog.testing.capture_logs() as logged:
        await stepping.crawl()
    stepping.registry.faults.clear()
    assert stepping.visible() == before == stepping.truth(), "nothing is removed"
    assert stepping.latest_crawl().complete
    found = [line for line in logged if line["event"] == "catalog_not_believed"]
    assert len(found) <= 1
    return dict(found[0]) if found else None


def omitted(stepping: Stepping) -> int:
    return stepping.store.registries.count_omitted(stepping.latest_crawl().id)


async def fill(stepping: Stepping, count: int) -> list[str]:
    for name in names(count):
        stepping.registry.put(name, A, tag="1")
    await stepping.crawl()
    assert stepping.latest_crawl().unlisted == 0, "what is new was not left out"
    return names(count)


@pytest.mark.anyio
@pytest.mark.parametrize("repositories", [[], None], ids=["empty list", "null"])
@pytest.mark.parametrize("known", [1, 30])
async def test_an_empty_catalog_is_not_believed(
    stepping: Stepping, known: int, repositories: list[str] | None
) -> None:
    await fill(stepping, known)
    told = await crawl_doubted(stepping, Fault("_catalog", page(repositories)))
    assert omitted(stepping) == known
    assert told == {
        "event": "catalog_not_believed",
        "log_level": "warning",
        "registry": "default",
        "known": known,
        "unlisted": known,
    }
    assert stepping.latest_crawl().unlisted == known


@pytest.mark.parametrize(
    ("known", "unlisted", "is_told"),
    [
        (0, 0, False),
        (1, 1, True),
        (30, 6, False),
        (30, 7, True),
        (4, 3, False),
        (5, 4, False),
        (5, 5, True),
        (6, 5, True),
        (600, 100, False),
        (600, 101, True),
    ],
)
def test_a_catalog_is_doubted_that_leaves_out_many(
    known: int, unlisted: int, is_told: bool
) -> None:
    assert is_doubtful(known=known, unlisted=unlisted) is is_told


@pytest.mark.anyio
@pytest.mark.parametrize(("known", "unlisted", "is_told"), [(30, 6, False), (30, 7, True)])
async def test_a_catalog_that_leaves_out_some_is_told_of_when_those_are_many(
    stepping: Stepping, known: int, unlisted: int, is_told: bool
) -> None:
    found = await fill(stepping, known)
    told = await crawl_doubted(stepping, Fault("_catalog", page(found[unlisted:])))
    assert (told is not None) is is_told
    assert stepping.latest_crawl().unlisted == unlisted


@pytest.mark.anyio
async def test_nothing_is_left_out_of_a_registry_that_holds_nothing(stepping: Stepping) -> None:
    assert await crawl_doubted(stepping) is None
    assert stepping.latest_crawl().unlisted == 0


@pytest.mark.anyio
async def test_the_pages_of_a_catalog_count_together(stepping: Stepping) -> None:
    found = await fill(stepping, 12)
    told = await crawl_doubted(
        stepping,
        Fault(r"_catalog\?n=", page(found[:5], following="a")),
        Fault(r"last=a", page(["new/one", *found[5:10]], following="b")),
        Fault(r"last=b", page([])),
    )
    assert told is None
    assert stepping.latest_crawl().unlisted == 2


@pytest.mark.anyio
async def test_a_crawl_that_goes_on_after_a_kill_remembers_what_was_listed(
    stepping: Stepping,
) -> None:
    found = await fill(stepping, 12)
    stepping.registry.faults += [
        Fault(r"_catalog\?n=", page(found[:6], following="a")),
        Fault(r"last=a", page(found[6:10])),
    ]
    killed = 0
    for number in range(1, 12):
        await stepping.reopen(dies_at=number)
        try:
            await stepping.crawl()
        except KilledError:
            killed += 1
    await stepping.reopen()
    await stepping.settle()
    assert killed > 5
    assert stepping.latest_crawl().unlisted == 2


@pytest.mark.anyio
async def test_until_the_catalog_was_read_nothing_is_said(stepping: Stepping) -> None:
    await fill(stepping, 3)
    stepping.registry.faults.append(Fault("_catalog", Response(status_code=500)))
    await stepping.crawl(seconds=2)
    assert stepping.latest_crawl().unlisted is None


@pytest.mark.anyio
async def test_what_came_while_the_crawl_ran_was_not_left_out(stepping: Stepping) -> None:
    """The name was behind the page that was read already when the repository came to be."""
    await fill(stepping, 3)

    def last_page(_: object) -> Response:
        stepping.registry.put("team/app000-late", A, tag="1")
        return page(names(3)[2:])

    first = Fault(r"_catalog\?n=", page([*names(3)[:2], "team/found"], following="a"))
    stepping.registry.put("team/found", A, tag="1")
    stepping.registry.faults += [first, Fault("last=a", last_page)]
    await stepping.crawl()
    assert stepping.latest_crawl().unlisted == 0


@pytest.mark.anyio
async def test_a_removed_repository_is_unlisted_once(stepping: Stepping) -> None:
    await fill(stepping, 3)
    stepping.registry.delete_repository("team/app000")
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()
    assert stepping.latest_crawl().unlisted == 1
    assert omitted(stepping) == 0, "rightly so"
    await stepping.crawl()
    assert stepping.latest_crawl().unlisted == 0


@pytest.mark.anyio
async def test_what_is_held_back_was_left_out_rightly(stepping: Stepping) -> None:
    """It is still shown, but the registry does not have it; a lying catalog is another matter."""
    for name in await fill(stepping, 6):
        stepping.registry.delete_repository(name)
    stepping.registry.put("team/app003", A, tag="2")
    await stepping.crawl()
    assert stepping.freshness().quarantined == 5
    assert omitted(stepping) == 0
    stepping.registry.faults.append(Fault("_catalog", page([])))
    await stepping.crawl()
    assert stepping.latest_crawl().unlisted == 6
    assert omitted(stepping) == 1
