"""The promise of regsearch: after any disturbance, a crawl ends with the registry's content."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from indexer.model.event import Event
from tests.builders import BuiltManifest, image, index
from tests.fakes.answers import DroppedConnection
from tests.fakes.registry import Answer, FakeRegistry, Fault
from tests.indexer.stepping import KilledError, Stepping, deleted, pushed
from tests.series import series

pytestmark = pytest.mark.anyio

A, B, C, D = (image(seed=seed, labels={"team": seed}) for seed in "abcd")
MULTI = index([image(seed="m"), image(seed="m", architecture="arm64")], attestations=True)
WEB, API, GONE = "team/web", "team/api", "old/gone"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happens in a registry, and the events it sends."""

    make: Callable[[FakeRegistry], None]
    events: tuple[Event, ...]


def push(repository: str, built: BuiltManifest, tag: str = "") -> Change:
    events = [pushed(repository, child.digest) for child in built.children]
    events.append(pushed(repository, built.digest, tag=tag))
    return Change(
        lambda registry: registry.put(repository, built, tag=tag, notify=False), tuple(events)
    )


def delete_digest(repository: str, built: BuiltManifest, *tags: str) -> Change:
    events = [deleted(repository, digest=built.digest)]
    events += [deleted(repository, tag=tag) for tag in tags]
    return Change(
        lambda registry: registry.delete_digest(repository, built.digest, notify=False),
        tuple(events),
    )


def delete_tag(repository: str, tag: str) -> Change:
    return Change(
        lambda registry: registry.delete_tag(repository, tag, notify=False),
        (deleted(repository, tag=tag),),
    )


CHANGES = (
    push(WEB, A, "1"),
    push(WEB, A, "latest"),
    push(API, A, "1"),
    push(WEB, B, "2"),
    push(WEB, B, "latest"),
    push("team/multi", MULTI, "1"),
    push("team/multi", MULTI, "latest"),
    push(API, C, "3"),
    delete_tag(API, "3"),
    push(GONE, D, "1"),
    push(GONE, C),
    Change(lambda registry: registry.delete_repository(GONE), ()),
    push(API, D, "1"),
    delete_digest(WEB, B, "2", "latest"),
    push(WEB, A, "latest"),
    push(WEB, B, "3"),
    delete_digest("team/multi", MULTI, "1", "latest"),
    push("team/multi", MULTI, "1"),
    push(WEB, MULTI.children[0], "amd64"),
)


def numbered(changes: Sequence[Change], stepping: Stepping) -> list[tuple[Change, list[Event]]]:
    """Give every event a time and an id, as the registry does."""
    at, numbers = stepping.clock.now(), iter(range(1_000))
    return [
        (
            change,
            [
                replace(event, event_id=f"e{n}", occurred_at=at + timedelta(seconds=n))
                for event, n in zip(change.events, numbers, strict=False)
            ],
        )
        for change in changes
    ]


def check_nothing_removed(stepping: Stepping, seen: set[tuple[str, str, str]]) -> None:
    visible, searchable = stepping.visible(), stepping.searchable()
    assert set(visible) == set(searchable), "what is visible is searchable"
    there = {place for place in stepping.truth() if place in seen}
    assert there <= set(visible), "what exists and was seen is never removed"


async def check_truth(stepping: Stepping) -> None:
    """Crawl undisturbed: registry, store and search index say the same, and so does a rebuild."""
    await stepping.crawl()
    await stepping.index()
    assert stepping.visible() == stepping.truth()
    assert stepping.searchable() == stepping.truth()
    assert stepping.waiting() == 0
    assert stepping.latest_crawl().complete
    assert stepping.freshness().error is None
    live = stepping.documents()
    await stepping.rebuild()
    assert stepping.documents() == live, "a rebuild equals what live updates made"


@pytest.mark.parametrize("seed", series(range(10), short=2))
async def test_any_order_repetition_and_loss_of_events_ends_in_the_truth(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with Stepping(tmp_path) as stepping:
        seen: set[tuple[str, str, str]] = set()
        pending: list[Event] = []
        for change, events in numbered(CHANGES, stepping):
            change.make(stepping.registry)
            seen &= set(stepping.truth())
            for event in events:
                copies = chance.choice([0, 1, 1, 1, 2])
                # A repeated event comes under its own id again, or under a new one.
                again = replace(event, event_id=event.event_id + "x")
                pending += [event, chance.choice([event, again])][:copies]
            chance.shuffle(pending)
            cut = chance.randint(0, len(pending))
            stepping.deliver(*pending[:cut])
            pending = pending[cut:]
            if chance.random() < 0.4:
                await stepping.settle()
            else:
                await stepping.enqueue_refreshes()
                await stepping.run_due()
            if chance.random() < 0.1:
                await stepping.crawl()
            seen |= set(stepping.visible())
            if chance.random() < 0.4:
                await stepping.index()
                check_nothing_removed(stepping, seen)
        stepping.deliver(*pending)
        await stepping.settle()
        await check_truth(stepping)


@pytest.mark.parametrize("seed", series(range(5), short=2))
async def test_every_event_once_in_any_order_is_the_truth_without_a_crawl(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    changes = [change for change in CHANGES if change.events]
    changes = [change for change in changes if change.events[0].repository != GONE]
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put("seen/before", A, tag="1")
        await stepping.crawl()
        events: list[Event] = []
        for change, caused in numbered(changes, stepping):
            change.make(stepping.registry)
            events += caused
        chance.shuffle(events)
        for event in events:
            stepping.deliver(event)
            await stepping.enqueue_refreshes()
            await stepping.run_due()
        await stepping.settle()
        await stepping.index()
        assert stepping.truth() == stepping.visible() == stepping.searchable()


# Kills


async def scenario(stepping: Stepping) -> None:
    """A crawl of what is there, events after it, and everything made searchable."""
    await stepping.enqueue_refreshes()
    await stepping.run_due()
    await stepping.index()
    await stepping.settle()
    await stepping.index()


def prepare(stepping: Stepping) -> None:
    """Fill a registry, and put events about some of it into the journal."""
    changes = numbered((CHANGES[0], CHANGES[2], CHANGES[5]), stepping)
    for change, _ in changes:
        change.make(stepping.registry)
    stepping.registry.put("not/announced", D, tag="1")
    stepping.deliver(*(event for _, events in changes for event in events))


async def whole_run(folder: Path) -> tuple[int, dict[str, str], set[tuple[str, str, str, str]]]:
    """Return the number of transactions of an undisturbed run, and its result."""
    folder.mkdir()
    async with Stepping(folder) as stepping:
        prepare(stepping)
        await scenario(stepping)
        assert stepping.searchable() == stepping.truth()
        return stepping.store.transactions, stepping.documents(), stepping.moves()


@pytest.mark.parametrize("every", series((4, 1), short=1))
async def test_a_kill_between_any_two_transactions_loses_and_doubles_nothing(
    tmp_path: Path, every: int
) -> None:
    transactions, documents, moves = await whole_run(tmp_path / "undisturbed")
    assert transactions > 20
    for number in range(1, transactions + 1, every):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with Stepping(folder) as stepping:
            prepare(stepping)
            stepping.store.dies_at = number
            with pytest.raises(KilledError):
                await scenario(stepping)
            await stepping.reopen()
            await scenario(stepping)
            assert stepping.visible() == stepping.searchable() == stepping.truth(), number
            assert stepping.documents() == documents, number
            assert stepping.moves() == moves, number
            assert stepping.waiting() == 0
            assert stepping.store.search_index.stale_count() == 0
            assert stepping.store.search_index.rebuild() is None
            crawl = stepping.latest_crawl()
            assert (crawl.id, crawl.complete) == (1, True), f"one crawl, killed at {number}"
            live = stepping.store.search_index.live()
            assert live is not None
            assert live.complete
            assert stepping.engine.generations() == [live.generation]


@pytest.mark.parametrize("seed", series(range(5), short=2))
async def test_kill_after_kill_still_ends_in_the_truth(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with Stepping(tmp_path) as stepping:
        prepare(stepping)
        for _ in range(12):
            await stepping.reopen(dies_at=chance.randint(1, 12))
            try:
                await scenario(stepping)
            except KilledError:
                continue
        await stepping.reopen()
        await scenario(stepping)
        assert stepping.visible() == stepping.searchable() == stepping.truth()
        assert stepping.latest_crawl().id == 1


# A registry that fails

MANIFEST = r"GET /v2/.*/manifests/"
TAGS = r"GET /v2/.*/tags/list"
CATALOG = r"GET /v2/_catalog"
ALL = r"GET /v2/"


async def timing_out(_: Request) -> Response:
    raise httpx2.ReadTimeout("no answer")


async def refusing(_: Request) -> Response:
    raise httpx2.ConnectError("refused")


def oci_error(status: int, code: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": "no"}]}, status)


FAILURES: dict[str, Answer] = {
    "401": oci_error(401, "UNAUTHORIZED"),
    "403": oci_error(403, "DENIED"),
    "404 as HTML": HTMLResponse("<html>no such page</html>", 404),
    "404 without a body": Response(status_code=404),
    "404 that names no content": oci_error(404, "UNKNOWN"),
    "429": Response(status_code=429),
    "429 with Retry-After": Response(status_code=429, headers={"Retry-After": "120"}),
    "500": Response(status_code=500),
    "503": HTMLResponse("<html>maintenance</html>", 503),
    "503 at once again": Response(status_code=503, headers={"Retry-After": "0"}),
    "timeout": timing_out,
    "no connection": refusing,
    "dropped connection": DroppedConnection(),
    "200 as HTML": HTMLResponse("<html>please log in</html>"),
    "200 {}": JSONResponse({}),
    "200 with cut JSON": Response(b'{"name": "team/web", "tags": ["1"', media_type="text/json"),
    "200 of other content": Response(
        A.body[:-1], media_type=A.media_type, headers={"Docker-Content-Digest": A.digest}
    ),
    "redirection": Response(status_code=307, headers={"Location": "https://login.test/"}),
}


@contextmanager
def failing(registry: FakeRegistry, match: str, answer: Answer) -> Iterator[None]:
    fault = Fault(match, answer)
    registry.faults.append(fault)
    yield
    registry.faults.remove(fault)


HELD = (push(WEB, A, "1"), push(WEB, B, "2"), push(API, A, "1"), push("team/multi", MULTI, "1"))
WHERE = {"manifest": MANIFEST, "all": ALL, "tags": TAGS, "catalog": CATALOG}
WHEN = [
    (name, where)
    for number, name in enumerate(FAILURES)
    for where in ("manifest", ("all", "tags", "catalog")[number % 3])
]


@pytest.mark.parametrize(("name", "where"), WHEN)
async def test_a_registry_that_fails_removes_nothing_and_is_named(
    tmp_path: Path, name: str, where: str
) -> None:
    async with Stepping(tmp_path) as stepping:
        for change in HELD[:2]:
            change.make(stepping.registry)
        await stepping.crawl()
        await stepping.index()
        before = stepping.truth()
        with failing(stepping.registry, WHERE[where], FAILURES[name]):
            stepping.deliver(
                pushed(WEB, A.digest, tag="1"),
                pushed(WEB, A.digest),
                deleted(WEB, digest=B.digest),
                deleted(WEB, tag="2"),
            )
            await stepping.settle(seconds=400)
            await stepping.crawl()
            await stepping.index()
            assert stepping.visible() == stepping.searchable() == before
            assert stepping.freshness().error is not None
        stepping.clock.advance(600)
        await check_truth(stepping)


@pytest.mark.parametrize(
    ("match", "answer"),
    [(CATALOG, {"repositories": []}), (CATALOG, {"repositories": None}), (TAGS, {"tags": None})],
)
async def test_empty_listings_remove_nothing(
    tmp_path: Path, match: str, answer: dict[str, object]
) -> None:
    async with Stepping(tmp_path) as stepping:
        for change in HELD:
            change.make(stepping.registry)
        await stepping.crawl()
        before = stepping.truth()
        with failing(stepping.registry, match, JSONResponse(answer)):
            await stepping.crawl()
        assert stepping.visible() == before
        await check_truth(stepping)


@pytest.mark.parametrize("seed", series(range(8), short=2))
async def test_failures_at_any_moment_remove_nothing(tmp_path: Path, seed: int) -> None:
    """While it crawls and takes in events, the registry fails now and then, each time otherwise."""
    chance = random.Random(seed)
    async with Stepping(tmp_path) as stepping:
        for change in HELD:
            change.make(stepping.registry)
        await stepping.crawl()
        before = stepping.truth()
        answers = [answer for name, answer in FAILURES.items() if "Retry" not in name]
        for _ in range(6):
            answer = chance.choice(answers)
            times = chance.randint(1, 10)
            match = chance.choice([MANIFEST, TAGS, CATALOG, ALL, "/blobs/"])
            stepping.registry.faults.append(Fault(match, answer, times=times))
            stepping.deliver(pushed(WEB, B.digest, tag="2"), deleted(API, digest=A.digest))
            await stepping.crawl()
            assert stepping.visible() == before
        stepping.registry.faults.clear()
        stepping.clock.advance(600)
        await check_truth(stepping)


def test_the_failures_are_the_listed_ones() -> None:
    """A lie that is no lie would prove nothing."""
    assert json.loads(A.body)
    assert len(FAILURES) == 18
