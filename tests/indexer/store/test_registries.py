"""Registries and their crawls: begun once, resumed, complete only when everything was read."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from indexer.model.names import RepositoryName
from indexer.store import Crawl, Priority, RefreshKind, RefreshTarget, RegistryFreshness, Store
from indexer.store.registries import SOURCES_MAX
from tests.indexer.store.stored import NOW, at, put_registry

WEB = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("team/web"))
API = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("team/api"))


class Crawling:
    """One registry, with the calls that a crawl of it makes."""

    def __init__(self, store: Store, name: str = "default") -> None:
        self.store = store
        self.id = put_registry(store, name).id

    def start(self, when: float = 0) -> int:
        with self.store.transaction():
            return self.store.registries.start_crawl(self.id, at=at(when))

    def page(self, crawl_id: int, *targets: RefreshTarget, resume: str = "") -> None:
        with self.store.transaction():
            self.store.queue.add(
                self.id, targets, priority=Priority.CRAWL, due_at=NOW, crawl_id=crawl_id
            )
            self.store.registries.save_catalog_page(
                crawl_id, resume=resume, repositories=len(targets)
            )

    def finish(self, target: RefreshTarget) -> None:
        with self.store.transaction():
            for refresh in self.store.queue.due(self.id, at(10**6), limit=100):
                if refresh.target == target:
                    self.store.queue.finish(refresh)
                    if refresh.crawl_id is not None:
                        self.store.registries.count_crawl_work(refresh.crawl_id, refreshes=1)

    def set_aside(self, target: RefreshTarget) -> None:
        with self.store.transaction():
            for refresh in self.store.queue.due(self.id, at(10**6), limit=100):
                if refresh.target == target:
                    self.store.queue.set_aside(refresh, reason="denied")

    def end(self, when: float) -> list[Crawl]:
        with self.store.transaction():
            return self.store.registries.finish_crawls(self.id, at=at(when))

    def latest(self) -> Crawl:
        crawl = self.store.registries.latest_crawl(self.id)
        assert crawl is not None
        return crawl

    def freshness(self) -> RegistryFreshness:
        name = self.store.registries.freshness()
        return next(row for row in name if self.store.registries.registry_id(row.name) == self.id)


@pytest.fixture
def crawling(store: Store) -> Crawling:
    return Crawling(store)


def test_a_registry_keeps_its_number_and_takes_on_new_settings(store: Store) -> None:
    first = put_registry(store, host="a.example")
    again = put_registry(store, host="b.example")
    assert again == replace(first, url="https://b.example", registry_host="b.example")
    assert store.registries.registry_id("default") == first.id
    assert store.registries.registry_id("absent") is None


# Crawls


def test_before_the_first_crawl_there_is_none(store: Store) -> None:
    assert store.registries.latest_crawl(put_registry(store).id) is None


def test_a_crawl_that_runs_goes_on(crawling: Crawling) -> None:
    crawl_id = crawling.start(1)
    crawling.page(crawl_id, WEB, resume="team/web")
    assert crawling.start(2) == crawl_id
    latest = crawling.latest()
    assert (latest.id, latest.started_at) == (crawl_id, "2026-03-01T12:00:01.000000Z")
    assert (latest.resume, latest.catalog_read, latest.repositories) == ("team/web", False, 1)
    assert (latest.waiting, latest.finished_at, latest.complete) == (1, None, None)


def test_a_crawl_ends_complete_when_all_it_asked_for_was_read(crawling: Crawling) -> None:
    crawl_id = crawling.start()
    crawling.page(crawl_id, WEB, resume="team/web")
    crawling.finish(WEB)
    assert crawling.end(1) == []
    crawling.page(crawl_id, API)
    assert crawling.end(2) == []
    crawling.finish(API)
    assert [crawl.id for crawl in crawling.end(3)] == [crawl_id]
    latest = crawling.latest()
    assert (latest.complete, latest.finished_at) == (True, "2026-03-01T12:00:03.000000Z")
    assert (latest.repositories, latest.refreshes, latest.waiting) == (2, 2, 0)
    assert crawling.end(4) == []
    assert crawling.start(5) > crawl_id


def test_an_empty_registry_is_crawled_completely(crawling: Crawling) -> None:
    crawling.page(crawling.start())
    assert len(crawling.end(1)) == 1
    assert crawling.latest().complete


def test_a_crawl_with_something_set_aside_is_not_complete(crawling: Crawling) -> None:
    crawling.page(crawling.start(), WEB, API)
    crawling.finish(WEB)
    crawling.set_aside(API)
    assert crawling.latest().set_aside == 1
    crawling.end(1)
    latest = crawling.latest()
    assert (latest.complete, latest.set_aside, latest.waiting) == (False, 1, 0)
    assert crawling.store.queue.contains(crawling.id, API)


def test_what_an_event_asks_for_meanwhile_does_not_hold_up_the_crawl(crawling: Crawling) -> None:
    crawling.page(crawling.start(), WEB)
    crawling.finish(WEB)
    with crawling.store.transaction():
        crawling.store.queue.add(crawling.id, [API], priority=Priority.EVENT, due_at=NOW)
    assert len(crawling.end(1)) == 1


def test_the_next_crawl_tries_again_what_was_set_aside_even_if_nothing_lists_it(
    crawling: Crawling,
) -> None:
    """Regression: what left the registry after it was set aside stayed on the list for ever.

    And a crawl called itself complete although a target that is known could not be read.
    """
    crawling.page(crawling.start(), WEB, API)
    crawling.finish(WEB)
    crawling.set_aside(API)
    crawling.end(1)
    second = crawling.start(2)
    crawling.page(second, WEB)
    crawling.finish(WEB)
    assert crawling.end(3) == []
    assert crawling.freshness().set_aside == 0
    crawling.set_aside(API)
    crawling.end(4)
    assert (crawling.latest().complete, crawling.latest().set_aside) == (False, 1)
    crawling.page(crawling.start(5))
    crawling.finish(API)
    crawling.end(6)
    assert crawling.latest().complete


def test_a_catalog_that_is_read_again_is_counted_once(crawling: Crawling) -> None:
    """Regression: a backfill asked for during a crawl doubled the number of repositories."""
    crawl_id = crawling.start()
    for _ in range(2):
        crawling.page(crawl_id, WEB, resume="team/web")
        crawling.page(crawl_id, API)
    assert crawling.latest().repositories == 2
    crawling.page(crawl_id, WEB, resume="team/web")
    assert not crawling.latest().catalog_read


def test_a_crawl_whose_catalog_cannot_be_read_ends_incomplete(crawling: Crawling) -> None:
    crawling.page(crawling.start(), WEB, resume="team/web")
    with crawling.store.transaction():
        crawling.store.registries.end_crawl(crawling.id, at=at(3))
    latest = crawling.latest()
    assert (latest.complete, latest.catalog_read) == (False, False)
    assert latest.finished_at == "2026-03-01T12:00:03.000000Z"
    second = crawling.start(4)
    assert (second > latest.id, crawling.latest().resume) == (True, "")


def test_crawls_of_two_registries_do_not_touch_each_other(store: Store) -> None:
    one, two = Crawling(store, "one"), Crawling(store, "two")
    first, second = one.start(), two.start()
    assert first != second
    one.page(first, WEB)
    two.page(second, WEB, API)
    two.set_aside(API)
    one.finish(WEB)
    assert [crawl.id for crawl in one.end(1)] == [first]
    assert two.end(1) == []
    assert (one.latest().repositories, two.latest().repositories) == (1, 2)
    assert (two.latest().waiting, two.latest().set_aside, two.latest().complete) == (1, 1, None)
    one.start(2)
    assert two.freshness().set_aside == 1
    with store.transaction():
        store.registries.end_crawl(one.id, at=at(3))
    assert two.latest().finished_at is None


# Freshness


def test_a_registry_that_was_never_read_says_so(crawling: Crawling) -> None:
    assert crawling.freshness() == RegistryFreshness(
        name="default",
        newest_event_applied_at=None,
        refreshes_waiting=0,
        set_aside=0,
        last_complete_crawl_at=None,
        first_backfill_running=False,
        error=None,
        error_at=None,
        restarted_at=None,
        requests=0,
        quarantined=0,
    )


def test_the_first_backfill_runs_until_a_crawl_was_complete(crawling: Crawling) -> None:
    crawling.page(crawling.start(), WEB)
    assert crawling.freshness().first_backfill_running
    crawling.set_aside(WEB)
    crawling.end(1)
    assert not crawling.freshness().first_backfill_running
    assert crawling.freshness().last_complete_crawl_at is None
    crawling.page(crawling.start(2), WEB)
    assert crawling.freshness().first_backfill_running
    crawling.finish(WEB)
    crawling.end(3)
    crawling.start(4)
    assert not crawling.freshness().first_backfill_running
    assert crawling.freshness().last_complete_crawl_at == "2026-03-01T12:00:03.000000Z"


def test_freshness_counts_what_waits_and_what_is_set_aside_by_name(store: Store) -> None:
    two, one = Crawling(store, "two"), Crawling(store, "one")
    two.page(two.start(), WEB, API)
    two.set_aside(API)
    rows = store.registries.freshness()
    assert [(row.name, row.refreshes_waiting, row.set_aside) for row in rows] == [
        ("one", 0, 0),
        ("two", 1, 1),
    ]
    assert one.freshness() == rows[0]


@pytest.mark.parametrize("times", [(1, 2, 3), (3, 1, 2), (2, 3, 3)])
def test_the_newest_event_that_was_applied_is_shown_in_any_order(
    crawling: Crawling, times: tuple[int, ...]
) -> None:
    with crawling.store.transaction():
        for when in times:
            crawling.store.registries.set_event_applied(crawling.id, at(when))
    assert crawling.freshness().newest_event_applied_at == "2026-03-01T12:00:03.000000Z"


def test_an_error_is_shown_until_the_registry_answers(crawling: Crawling) -> None:
    registries = crawling.store.registries
    with crawling.store.transaction():
        registries.set_error(crawling.id, "x" * 2_000, at=at(1))
    assert crawling.freshness().error == "x" * 1_000
    assert crawling.freshness().error_at == "2026-03-01T12:00:01.000000Z"
    with crawling.store.transaction():
        registries.set_answered(crawling.id)
    assert (crawling.freshness().error, crawling.freshness().error_at) == (None, None)


def test_requests_add_up(crawling: Crawling) -> None:
    with crawling.store.transaction():
        crawling.store.registries.count_requests(crawling.id, 3)
        crawling.store.registries.count_requests(crawling.id, 4)
    assert crawling.freshness().requests == 7


# Which process sends


@pytest.fixture
def sent_by(crawling: Crawling) -> Callable[[str], bool]:
    def send(source: str) -> bool:
        with crawling.store.transaction():
            return crawling.store.registries.set_source(crawling.id, source, at=at(len(source)))

    return send


def test_the_first_source_is_no_restart_and_another_one_is(
    crawling: Crawling, sent_by: Callable[[str], bool]
) -> None:
    assert [sent_by("a"), sent_by("a")] == [False, False]
    assert crawling.freshness().restarted_at is None
    assert [sent_by("bb"), sent_by("bb")] == [True, False]
    assert crawling.freshness().restarted_at == "2026-03-01T12:00:02.000000Z"


def test_processes_that_send_by_turns_do_not_restart_each_time(
    sent_by: Callable[[str], bool],
) -> None:
    """Regression: each event of a registry of two processes was a restart, as was a late event."""
    assert [sent_by(source) for source in ("a", "b", "a", "b", "a")] == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_only_so_many_sources_are_remembered(
    crawling: Crawling, sent_by: Callable[[str], bool]
) -> None:
    for number in range(3 * SOURCES_MAX):
        sent_by(f'process "{number}"\n')
    (source,) = crawling.store._database.execute("SELECT source FROM registries").fetchone()
    assert len(source) < 40 * SOURCES_MAX
    assert not sent_by(f'process "{2 * SOURCES_MAX}"\n')
    assert sent_by('process "0"\n')


def test_the_token_service_of_a_registry_is_kept_until_it_has_another_address(
    store: Store,
) -> None:
    def put(url: str) -> str:
        with store.transaction():
            return store.registries.put("a", url=url, registry_host="a.test").token_origin

    assert put("https://a.test") == ""
    registry_id = store.registries.registry_id("a")
    assert registry_id is not None
    with store.transaction():
        assert store.registries.token_origin("unknown") == ""
        store.registries.set_token_origin(registry_id, "https://auth.test")
        assert store.registries.token_origin("a") == "https://auth.test"
    assert put("https://a.test") == "https://auth.test"
    with store.transaction():
        store.registries.remove("a")
    assert put("https://a.test") == "https://auth.test"
    assert put("https://b.test") == ""
