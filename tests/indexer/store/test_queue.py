"""The queue: hints about one target become one refresh, and none of them is lost."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import pytest

from indexer.model.names import Digest, RepositoryName
from indexer.store import Priority, Refresh, RefreshKind, RefreshTarget, Store
from tests.indexer.store.stored import NOW, at, put_registry

TAG = RefreshTarget(RefreshKind.TAG, RepositoryName("team/web"), "latest")
OTHER_TAG = replace(TAG, reference="stable")
OLD, NEW = Digest("sha256:" + "0" * 64), Digest("sha256:" + "1" * 64)
FOREVER = 1_000_000.0


class Desk:
    """A queue for one registry with the few calls that the tests make."""

    def __init__(self, store: Store, registry: str = "default") -> None:
        self.store = store
        self.registry_id = put_registry(store, registry).id

    def add(
        self,
        *targets: RefreshTarget,
        priority: Priority = Priority.EVENT,
        due: float = 0,
        event_at: float | None = None,
        expected: Digest | None = None,
        crawl_id: int | None = None,
    ) -> None:
        with self.store.transaction():
            self.store.queue.add(
                self.registry_id,
                targets or (TAG,),
                priority=priority,
                due_at=at(due),
                newest_event_at=None if event_at is None else at(event_at),
                expected_digest=expected,
                crawl_id=crawl_id,
            )

    def due(
        self, now: float = 0, *, limit: int = 100, taken: set[int] | None = None
    ) -> list[Refresh]:
        return self.store.queue.due(self.registry_id, at(now), limit=limit, taken=taken or set())

    def take(self, now: float = FOREVER) -> Refresh:
        (refresh,) = self.due(now)
        return refresh

    def finish(self, refresh: Refresh) -> None:
        with self.store.transaction():
            self.store.queue.finish(refresh)

    def requeue(self, refresh: Refresh, due: float) -> None:
        with self.store.transaction():
            self.store.queue.requeue(refresh, due_at=at(due), reason="slow")

    def set_aside(self, refresh: Refresh, reason: str = "denied") -> None:
        with self.store.transaction():
            self.store.queue.set_aside(refresh, reason=reason)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


# What is asked for


def test_a_refresh_comes_back_as_it_was_asked_for(desk: Desk) -> None:
    desk.add(priority=Priority.CRAWL, event_at=-5, expected=NEW)
    assert desk.due() == [
        Refresh(
            id=desk.due()[0].id,
            registry_id=desk.registry_id,
            target=TAG,
            priority=Priority.CRAWL,
            generation=0,
            tries=0,
            newest_event_at=at(-5),
            expected_digest=NEW,
            crawl_id=None,
        )
    ]
    assert desk.store.queue.contains(desk.registry_id, TAG)
    assert not desk.store.queue.contains(desk.registry_id, OTHER_TAG)


def test_places_are_told_apart_by_registry_kind_repository_and_reference(store: Store) -> None:
    targets = [
        RefreshTarget(RefreshKind.CATALOG),
        RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("a")),
        RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("b")),
        RefreshTarget(RefreshKind.TAG, RepositoryName("a"), "x"),
        RefreshTarget(RefreshKind.DIGEST, RepositoryName("a"), "x"),
        RefreshTarget(RefreshKind.TAG, RepositoryName("b"), "x"),
    ]
    one, two = Desk(store, "one"), Desk(store, "two")
    one.add(*targets, *targets)
    two.add(*targets)
    assert [refresh.target for refresh in one.due()] == targets
    assert [refresh.target for refresh in two.due()] == targets
    assert {refresh.id for refresh in one.due()}.isdisjoint(refresh.id for refresh in two.due())


def test_one_place_keeps_the_more_urgent_wish_whatever_comes_first(desk: Desk) -> None:
    desk.add(TAG, priority=Priority.CRAWL, due=50)
    desk.add(TAG, priority=Priority.EVENT, due=90)
    desk.add(OTHER_TAG, priority=Priority.EVENT, due=90)
    desk.add(OTHER_TAG, priority=Priority.CRAWL, due=50)
    found = desk.due(50)
    assert [(refresh.target, refresh.priority) for refresh in found] == [
        (TAG, Priority.EVENT),
        (OTHER_TAG, Priority.EVENT),
    ]


@pytest.mark.parametrize("times", list(product([None, 1.0, 2.0], repeat=3)))
def test_the_newest_event_is_remembered_in_any_order(
    desk: Desk, times: tuple[float | None, ...]
) -> None:
    for event_at in times:
        desk.add(event_at=event_at)
    known = [event_at for event_at in times if event_at is not None]
    assert desk.take().newest_event_at == (at(max(known)) if known else None)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_push_says_which_digest_to_expect_in_any_order(
    desk: Desk, order: tuple[int, int]
) -> None:
    """Regression: the push that *arrived* last won, so an overtaken one ended the waiting."""
    pushes = [(1.0, OLD), (2.0, NEW)]
    for index in order:
        event_at, digest = pushes[index]
        desk.add(event_at=event_at, expected=digest)
    assert desk.take().expected_digest == NEW


def test_a_hint_without_a_digest_leaves_what_is_expected(desk: Desk) -> None:
    desk.add(event_at=1, expected=NEW)
    desk.add(priority=Priority.CRAWL)
    desk.add(event_at=2)
    assert desk.take().expected_digest == NEW


def test_a_crawl_claims_a_place_and_an_event_leaves_it_the_crawls(desk: Desk) -> None:
    with desk.store.transaction():
        crawl_id = desk.store.registries.start_crawl(desk.registry_id, at=NOW)
    desk.add()
    desk.add(priority=Priority.CRAWL, crawl_id=crawl_id)
    desk.add()
    assert desk.take().crawl_id == crawl_id


# What comes next


def test_events_go_before_crawls_then_by_time_then_in_order(desk: Desk) -> None:
    names = [replace(TAG, reference=name) for name in "abcdef"]
    desk.add(names[0], priority=Priority.CRAWL, due=-9)
    desk.add(names[1], names[2], due=-1)
    desk.add(names[3], due=-2)
    desk.add(names[4], due=1)
    desk.add(names[5], priority=Priority.CRAWL, due=-10)
    assert "".join(refresh.target.reference for refresh in desk.due()) == "dbcfa"
    assert "".join(refresh.target.reference for refresh in desk.due(1)) == "dbcefa"


def test_what_is_taken_does_not_use_up_the_limit(desk: Desk) -> None:
    desk.add(*(replace(TAG, reference=str(number)) for number in range(10)))
    first = desk.due(limit=4)
    second = desk.due(limit=4, taken={refresh.id for refresh in first})
    assert [refresh.target.reference for refresh in first + second] == list("01234567")
    assert desk.due(limit=4, taken={-1, -2}) == first


# What happens to what was taken


def test_finishing_takes_it_out_unless_it_was_hinted_at_again(desk: Desk) -> None:
    desk.add()
    stale = desk.take()
    desk.add(event_at=3)
    desk.finish(stale)
    fresh = desk.take()
    assert fresh.generation == stale.generation + 1
    desk.finish(fresh)
    assert desk.due(FOREVER) == []
    assert not desk.store.queue.contains(desk.registry_id, TAG)


def test_a_place_that_is_asked_for_again_after_it_was_finished_is_another_refresh(
    desk: Desk,
) -> None:
    """A finish that comes twice must not take out what was asked for in between."""
    desk.add()
    first = desk.take()
    desk.finish(first)
    desk.add()
    desk.finish(first)
    assert desk.take().id != first.id


def test_what_is_put_back_waits_and_counts_its_tries(desk: Desk) -> None:
    desk.add()
    desk.requeue(desk.take(), due=30)
    assert desk.due(29) == []
    assert desk.take(30).tries == 1
    desk.requeue(desk.take(), due=60)
    assert desk.take(60).tries == 2


def test_a_hint_during_a_try_that_fails_is_due_at_once_with_all_its_tries(desk: Desk) -> None:
    """Regression: the failure of the older hint counted as a try of the newer one."""
    desk.add(expected=OLD, event_at=1)
    running = desk.take()
    desk.add(expected=NEW, event_at=2)
    desk.requeue(running, due=FOREVER)
    (refresh,) = desk.due()
    assert (refresh.tries, refresh.expected_digest) == (0, NEW)


def test_what_is_set_aside_rests_until_somebody_hints_at_it(desk: Desk) -> None:
    desk.add()
    desk.set_aside(desk.take(), reason="x" * 2_000)
    assert desk.due(FOREVER) == []
    assert desk.store.queue.contains(desk.registry_id, TAG)
    (shown,) = desk.store.queue.list_set_aside(limit=10)
    assert (shown.registry, shown.kind, shown.repository) == ("default", "tag", "team/web")
    assert (shown.reference, shown.reason) == ("latest", "x" * 1_000)
    desk.add(priority=Priority.CRAWL)
    assert (desk.take(0).tries, desk.take(0).priority) == (0, Priority.CRAWL)
    assert desk.store.queue.list_set_aside(limit=10) == []


def test_something_waits_once_it_is_due_and_not_when_it_is_set_aside(desk: Desk) -> None:
    queue = desk.store.queue
    assert not queue.is_waiting(now=at(FOREVER))
    desk.add(due=5)
    assert [queue.is_waiting(now=at(now)) for now in (4, 5)] == [False, True]
    desk.set_aside(desk.take(), reason="no use")
    assert not queue.is_waiting(now=at(FOREVER))


def test_what_was_set_aside_in_one_registry_is_tried_again_there_only(store: Store) -> None:
    one, two = Desk(store, "one"), Desk(store, "two")
    for desk in (one, two):
        desk.add()
        desk.set_aside(desk.take())
    one.add(OTHER_TAG, due=7)
    with store.transaction():
        store.queue.retry_set_aside(one.registry_id, due_at=at(5))
    assert [refresh.target for refresh in one.due(5)] == [TAG]
    assert one.due(5)[0].tries == 0
    assert [shown.registry for shown in store.queue.list_set_aside(limit=9)] == ["two"]


def test_those_set_aside_are_listed_up_to_the_limit(desk: Desk) -> None:
    desk.add(*(replace(TAG, reference=str(number)) for number in range(3)))
    for refresh in desk.due():
        desk.set_aside(refresh)
    assert [shown.reference for shown in desk.store.queue.list_set_aside(limit=2)] == ["2", "1"]


# Every interleaving


@dataclass(slots=True)
class Wish:
    """What a correct queue knows of one target, in the plainest words."""

    due: float
    priority: Priority
    hints: int = 0
    tries: int = 0
    aside: bool = False
    expected: Digest | None = None
    event_at: float | None = None


class Oracle:
    """A queue of one target, in memory; ``taken`` is what the only worker holds."""

    def __init__(self) -> None:
        self.wish: Wish | None = None
        self.taken: tuple[Wish, int] | None = None

    def add(
        self, priority: Priority, due: float, event_at: float | None, expected: Digest | None
    ) -> None:
        wish = self.wish
        if wish is None:
            self.wish = Wish(due, priority, expected=expected, event_at=event_at)
            return
        wish.hints += 1
        wish.due, wish.priority = min(wish.due, due), min(wish.priority, priority)
        wish.tries, wish.aside = 0, False
        is_newest = wish.event_at is None or (event_at is not None and event_at >= wish.event_at)
        if expected and (wish.expected is None or is_newest):
            wish.expected = expected
        if event_at is not None and is_newest:
            wish.event_at = event_at

    def take(self, now: float) -> None:
        self.taken = None
        if self.wish and not self.wish.aside and self.wish.due <= now:
            self.taken = (self.wish, self.wish.hints)

    def is_current(self) -> bool:
        """Whether nobody hinted at what is taken since it was taken."""
        return (
            self.taken is not None
            and self.taken[0] is self.wish
            and self.wish.hints == self.taken[1]
        )

    def finish(self) -> None:
        if self.is_current():
            self.wish = None

    def requeue(self, due: float) -> None:
        if self.is_current() and self.wish:
            self.wish.tries += 1
            self.wish.due = due

    def set_aside(self) -> None:
        if self.is_current() and self.wish:
            self.wish.tries += 1
            self.wish.aside, self.wish.priority = True, Priority.CRAWL

    def retry(self, due: float) -> None:
        if self.wish and self.wish.aside:
            self.wish.aside, self.wish.tries, self.wish.due = False, 0, due


STEPS = ("event", "old event", "crawl", "take", "finish", "put back", "set aside", "retry")


def run(desk: Desk, steps: tuple[str, ...]) -> None:
    """Do the same to the queue and the oracle, and compare after every step."""
    oracle, taken, now = Oracle(), None, 0.0
    for number, step in enumerate(steps):
        now = float(number)
        match step:
            case "event" | "old event":
                event_at = now if step == "event" else -1.0
                digest = NEW if step == "event" else OLD
                desk.add(due=now, event_at=event_at, expected=digest)
                oracle.add(Priority.EVENT, now, event_at, digest)
            case "crawl":
                desk.add(due=now, priority=Priority.CRAWL)
                oracle.add(Priority.CRAWL, now, None, None)
            case "take":
                taken = next(iter(desk.due(now)), None)
                oracle.take(now)
                assert (taken is None) == (oracle.taken is None), steps
            case "finish" if taken:
                desk.finish(taken)
                oracle.finish()
            case "put back" if taken:
                desk.requeue(taken, due=now + 2)
                oracle.requeue(now + 2)
            case "set aside" if taken:
                desk.set_aside(taken)
                oracle.set_aside()
            case "retry":
                with desk.store.transaction():
                    desk.store.queue.retry_set_aside(desk.registry_id, due_at=at(now))
                oracle.retry(now)
            case _:
                continue
        compare(desk, oracle, steps, now)


def compare(desk: Desk, oracle: Oracle, steps: tuple[str, ...], now: float) -> None:
    wish = oracle.wish
    assert desk.store.queue.contains(desk.registry_id, TAG) == (wish is not None), steps
    found = desk.due(FOREVER)
    if wish is None or wish.aside:
        assert found == [], steps
        assert len(desk.store.queue.list_set_aside(limit=9)) == (1 if wish else 0), steps
        return
    (refresh,) = found
    assert bool(desk.due(now)) == (wish.due <= now), steps
    event_at = refresh.newest_event_at
    assert (
        refresh.priority,
        refresh.tries,
        refresh.generation,
        refresh.expected_digest,
        event_at,
    ) == (
        wish.priority,
        wish.tries,
        wish.hints,
        wish.expected,
        None if wish.event_at is None else at(wish.event_at),
    ), steps


@pytest.fixture
def memory_desk(store: Store) -> Desk:
    """A desk whose transactions cost no disk: durability is not what these tests are about."""
    store._database.execute("PRAGMA synchronous = OFF")
    return Desk(store)


def clear(desk: Desk) -> None:
    with desk.store.transaction():
        desk.store._database.execute("DELETE FROM queue")


def test_every_short_sequence_of_steps_ends_as_it_should(memory_desk: Desk) -> None:
    for steps in product(STEPS, repeat=3):
        run(memory_desk, ("event", "take", *steps))
        clear(memory_desk)


def test_long_random_sequences_of_steps_end_as_they_should(memory_desk: Desk) -> None:
    chance = random.Random(20260301)
    for _ in range(150):
        run(memory_desk, tuple(chance.choices(STEPS, k=25)))
        clear(memory_desk)


def test_a_hint_is_never_lost_whatever_becomes_of_what_was_taken_before_it(
    memory_desk: Desk,
) -> None:
    """The promise behind ``generation``, said without the oracle."""
    desk = memory_desk
    ends: dict[str, Callable[[Refresh], None]] = {
        "finish": desk.finish,
        "put back": lambda refresh: desk.requeue(refresh, due=FOREVER),
        "set aside": desk.set_aside,
    }
    for before, after in product(ends, repeat=2):
        desk.add()
        taken = desk.take()
        ends[before](taken)
        desk.add(due=5)
        ends[after](taken)
        assert [refresh.target for refresh in desk.due(5)] == [TAG], (before, after)
        clear(desk)


def test_what_was_asked_for_in_a_transaction_that_failed_was_not_asked_for(desk: Desk) -> None:
    targets = [replace(TAG, reference=str(number)) for number in range(1_000)]

    def ask_and_fail() -> None:
        with desk.store.transaction():
            desk.store.queue.add(desk.registry_id, targets, priority=Priority.CRAWL, due_at=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        ask_and_fail()
    assert desk.due(FOREVER, limit=2_000) == []
