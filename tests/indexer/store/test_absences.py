"""What crawls did not find: kept as long as it is shown, and told by repository."""

from datetime import timedelta

import pytest

from indexer.model.names import Digest, TagName
from indexer.store import Absence, AbsentTags, Priority, RefreshKind, RefreshTarget, Store
from tests import builders
from tests.indexer.store.stored import LATEST, NOW, WEB, at, push, put_registry, put_repository

ONE = builders.image(seed="one")
SIGNATURE = TagName("sha256-" + "a" * 64 + ".sig")


class Missing:
    """A repository with two tags, and a crawl's words about them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry = put_registry(store)
        self.id = put_repository(store)
        for tag in (LATEST, "1"):
            push(store, self.id, tag, ONE, when=0)

    def crawl(self) -> int:
        with self.store.transaction():
            self.store.registries.end_crawl(self.registry.id, at=NOW)
            return self.store.registries.start_crawl(self.registry.id, at=NOW)

    def miss(
        self, *tags: str, crawl: int | None = None, when: float = 10, repository_id: int = 0
    ) -> None:
        with self.store.transaction():
            for tag in tags:
                self.store.absences.add(
                    repository_id or self.id, TagName(tag), crawl_id=crawl, seen_at=at(when)
                )

    def quarantine(self) -> None:
        with self.store.transaction():
            self.store.absences.quarantine(self.found())

    def found(self) -> list[Absence]:
        return self.store.absences.found(self.registry.id)

    def are_left_over(self) -> bool:
        return self.store.absences.are_left_over(self.registry.id)

    def listed(self, *, quarantined: bool = False) -> list[AbsentTags]:
        return self.store.absences.list_in(self.registry.id, quarantined=quarantined)

    def tags(self, *, quarantined: bool = False) -> list[str]:
        return [tag for one in self.listed(quarantined=quarantined) for tag in one.tags]


@pytest.fixture
def missing(store: Store) -> Missing:
    return Missing(store)


def test_without_absences_nothing_is_listed(missing: Missing) -> None:
    assert missing.listed() == missing.listed(quarantined=True) == []
    assert missing.found() == []


def test_an_absence_changes_nothing_that_is_shown(missing: Missing) -> None:
    missing.miss("1")
    assert missing.store.content.tag_digest(missing.id, "1") == ONE.digest
    assert missing.listed() == [
        AbsentTags(missing.id, WEB, (TagName("1"),), is_lost=False, since=_text(10))
    ]


def _text(when: float) -> str:
    return (NOW + timedelta(seconds=when)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_what_is_not_shown_is_not_missed(missing: Missing) -> None:
    with missing.store.transaction():
        missing.store.content.hide_tag(missing.id, LATEST, seen_at=at(1))
    missing.miss(LATEST, "never-seen")
    assert missing.listed() == []


def test_a_tag_that_is_seen_again_is_not_missed_any_more(missing: Missing) -> None:
    missing.miss(LATEST, "1")
    missing.quarantine()
    with missing.store.transaction():
        missing.store.content.put_tag(missing.id, LATEST, Digest(ONE.digest), seen_at=at(20))
    assert missing.tags() == missing.tags(quarantined=True) == ["1"]


def test_a_tag_that_is_hidden_is_not_missed_any_more(missing: Missing) -> None:
    missing.miss(LATEST, "1")
    with missing.store.transaction():
        missing.store.content.hide_tag(missing.id, LATEST, seen_at=at(20))
    assert missing.tags() == ["1"]


def test_a_repository_is_lost_when_no_other_tag_is_shown(missing: Missing) -> None:
    push(missing.store, missing.id, SIGNATURE, ONE, when=0)
    missing.miss("1")
    assert not missing.listed()[0].is_lost
    missing.miss(LATEST)
    assert missing.listed()[0].is_lost, "a system tag is not shown"
    push(missing.store, missing.id, "2", ONE, when=20)
    assert not missing.listed()[0].is_lost


def test_a_repository_that_shows_nothing_cannot_be_lost(missing: Missing) -> None:
    other = put_repository(missing.store, "team/signatures")
    push(missing.store, other, SIGNATURE, ONE, when=0)
    missing.miss(SIGNATURE, repository_id=other)
    assert [one.is_lost for one in missing.listed()] == [False]


def test_a_second_crawl_takes_an_absence_over_and_remembers_since_when_it_is_held(
    missing: Missing,
) -> None:
    missing.miss(LATEST, crawl=missing.crawl(), when=10)
    missing.quarantine()
    missing.miss(LATEST, "1", crawl=missing.crawl(), when=700)
    assert missing.found() == [
        Absence(missing.id, TagName("1"), seen_at=at(700), quarantined_at=None),
        Absence(missing.id, LATEST, seen_at=at(700), quarantined_at=at(10)),
    ]
    missing.quarantine()
    assert [one.quarantined_at for one in missing.found()] == [at(700), at(10)]
    assert missing.listed()[0].since == _text(10)


def test_what_is_held_back_and_a_newer_crawl_did_not_ask_for_is_not_its_finding(
    missing: Missing,
) -> None:
    missing.miss(LATEST, crawl=missing.crawl())
    missing.quarantine()
    missing.crawl()
    assert missing.found() == []
    assert missing.tags(quarantined=True) == [LATEST]


def test_an_answer_that_came_after_the_crawl_is_decided_with_the_newest(missing: Missing) -> None:
    crawl = missing.crawl()
    missing.miss(LATEST, crawl=crawl)
    missing.quarantine()
    missing.miss(LATEST, "1", crawl=None)
    assert [one.tag for one in missing.found()] == ["1", LATEST]
    missing.crawl()
    assert [one.tag for one in missing.found()] == ["1"]


def test_only_what_is_held_back_counts_as_held_back(missing: Missing) -> None:
    missing.miss(LATEST)
    missing.quarantine()
    missing.miss("1")
    assert missing.tags() == ["1", LATEST]
    assert missing.tags(quarantined=True) == [LATEST]
    assert missing.store.absences.count_quarantined(missing.registry.id) == 0
    missing.quarantine()
    assert missing.store.absences.count_quarantined(missing.registry.id) == 1
    assert missing.store.registries.freshness()[0].quarantined == 1


def test_what_is_undecided_is_left_over_once_no_crawl_is_at_work(missing: Missing) -> None:
    store, number = missing.store, missing.registry.id
    target = RefreshTarget(RefreshKind.TAG, WEB, LATEST)
    crawl = missing.crawl()
    assert not missing.are_left_over(), "nothing is absent"
    missing.miss("1", crawl=crawl)
    assert not missing.are_left_over(), "the crawl runs"
    with store.transaction():
        store.registries.end_crawl(number, at=NOW)
        store.queue.add(number, [target], priority=Priority.CRAWL, due_at=at(99))
    assert not missing.are_left_over(), "what it asked for waits"
    with store.transaction():
        store.queue.add(
            number, [target], priority=Priority.EVENT, due_at=at(99), newest_event_at=NOW
        )
    assert missing.are_left_over(), "an event asked for the rest"
    missing.quarantine()
    assert not missing.are_left_over(), "it is decided"


def test_absences_of_another_registry_are_its_own(missing: Missing) -> None:
    other = put_registry(missing.store, "other", "o.example")
    repository_id = put_repository(missing.store, "team/api", "other")
    push(missing.store, repository_id, LATEST, ONE, when=0)
    missing.miss(LATEST, repository_id=repository_id)
    assert missing.listed() == []
    assert missing.found() == []
    assert not missing.are_left_over()
    assert missing.store.absences.are_left_over(other.id)
    [listed] = missing.store.absences.list_in(other.id, quarantined=False)
    assert (listed.repository, listed.is_lost) == ("team/api", True)


def test_listing_begins_at_the_absences_and_not_at_all_repositories(missing: Missing) -> None:
    """It is asked for with every answer's freshness, and there are hardly ever any."""
    steps: list[str] = []
    missing.store._database.conn.set_trace_callback(steps.append)
    missing.listed(quarantined=True)
    missing.store._database.conn.set_trace_callback(None)
    [query] = steps
    plan = missing.store._database.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    reads = [row[3] for row in plan if row[3].startswith(("SCAN", "SEARCH"))]
    assert "absences" in reads[0]
    assert not [read for read in reads[1:] if read.startswith("SCAN") and "missing" not in read]
