"""From the journal to the queue: the refresh of each event, and the facts of events only."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from indexer.clock import rfc3339
from indexer.intake import enqueue_refreshes
from indexer.model.event import Action, Command, Event
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.refresh.pace import AT_ONCE
from indexer.store import (
    Entry,
    ExtractionProgress,
    Journal,
    Priority,
    RebuildProgress,
    Refresh,
    RefreshKind,
    RefreshTarget,
    RegistryRow,
    Store,
)
from tests.fakes.clock import START

WEB = RepositoryName("team/web")
LATEST = TagName("latest")
A, B = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
PUSH = Event(
    Action.PUSH, WEB, LATEST, A, event_id="1", occurred_at=START - timedelta(seconds=9), actor="ada"
)
RECEIVED = START - timedelta(seconds=1)


class Intake:
    """A store with two registries that events are taken into."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        with self.store.transaction():
            self.registries: Mapping[str, RegistryRow] = {
                name: self.store.registries.put(name, url="", registry_host=name)
                for name in ("one", "two")
            }

    def take(self, *items: Event | Command, registry: str = "one", now: datetime = START) -> None:
        entries = [Entry(number, registry, RECEIVED, item) for number, item in enumerate(items)]
        with self.store.transaction():
            enqueue_refreshes(self.store, entries, registries=self.registries, now=now)

    def due(self, registry: str = "one") -> list[Refresh]:
        later = START + timedelta(days=1)
        return self.store.queue.due(self.registries[registry].id, later, limit=100)

    def history(self, tag: str = LATEST) -> list[tuple[str, datetime, str]]:
        repository_id = self.store.repositories.find(self.registries["one"].id, WEB)
        if repository_id is None:
            return []
        moves = self.store.content.tag_moves(repository_id, tag)
        return [(move.digest, move.tagged_at, move.actor) for move in moves]


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    opened = Intake(tmp_path)
    yield opened
    opened.store.close()


@pytest.mark.parametrize(
    ("event", "target", "expected"),
    [
        (PUSH, RefreshTarget(RefreshKind.TAG, WEB, LATEST), A),
        (replace(PUSH, digest=None), RefreshTarget(RefreshKind.TAG, WEB, LATEST), None),
        (replace(PUSH, tag=None), RefreshTarget(RefreshKind.DIGEST, WEB, A), A),
        (replace(PUSH, tag=None, digest=None), RefreshTarget(RefreshKind.REPOSITORY, WEB), None),
        (
            Event(Action.DELETE, WEB, digest=A, occurred_at=PUSH.occurred_at),
            RefreshTarget(RefreshKind.DIGEST, WEB, A),
            None,
        ),
        (
            Event(Action.DELETE, WEB, tag=LATEST, occurred_at=PUSH.occurred_at),
            RefreshTarget(RefreshKind.TAG, WEB, LATEST),
            None,
        ),
        (
            Event(Action.DELETE, WEB, tag=LATEST, digest=A, occurred_at=PUSH.occurred_at),
            RefreshTarget(RefreshKind.TAG, WEB, LATEST),
            None,
        ),
        (
            Event(Action.DELETE, WEB, occurred_at=PUSH.occurred_at),
            RefreshTarget(RefreshKind.REPOSITORY, WEB),
            None,
        ),
    ],
)
def test_an_event_makes_one_place_due_at_once(
    intake: Intake, event: Event, target: RefreshTarget, expected: Digest | None
) -> None:
    intake.take(event)
    (refresh,) = intake.due()
    assert refresh.target == target
    assert refresh.priority is Priority.EVENT
    assert refresh.newest_event_at == PUSH.occurred_at
    assert refresh.expected_digest == expected
    assert intake.due("two") == []


@pytest.mark.parametrize("action", [Action.PULL, Action.PULL_BLOB])
def test_a_pull_from_a_registry_that_is_no_cache_asks_for_nothing(
    intake: Intake, action: Action
) -> None:
    """The settings may have changed since it was received."""
    intake.take(replace(PUSH, action=action))
    assert intake.due() == []


def test_an_event_without_a_time_happened_when_it_was_received(intake: Intake) -> None:
    intake.take(replace(PUSH, occurred_at=None))
    assert intake.due()[0].newest_event_at == RECEIVED
    assert intake.history() == [(A, RECEIVED, "ada")]


def test_an_event_that_names_nothing_makes_nothing_due(intake: Intake) -> None:
    intake.take(Event(Action.PUSH), Event(Action.DELETE))
    assert intake.due() == []


def test_a_push_of_a_tag_is_remembered_with_who_and_when(intake: Intake) -> None:
    intake.take(PUSH, replace(PUSH, digest=B, occurred_at=START, actor="bob"))
    assert intake.history() == [(B, START, "bob"), (A, PUSH.occurred_at, "ada")]


@pytest.mark.parametrize(
    "event",
    [
        replace(PUSH, tag=None),
        replace(PUSH, digest=None),
        replace(PUSH, action=Action.DELETE),
    ],
)
def test_only_a_push_of_a_tag_to_a_digest_is_a_move(intake: Intake, event: Event) -> None:
    intake.take(event)
    assert intake.history() == []


def test_an_event_shows_nothing_before_the_registry_was_read(intake: Intake) -> None:
    """A notification is a hint: it makes no tag visible and no document."""
    intake.take(PUSH)
    assert intake.store.content.count_visible() == (0, 0)
    assert intake.store.search_index.stale_count() == 0


def test_events_of_one_place_become_one_refresh_that_expects_the_newest_push(
    intake: Intake,
) -> None:
    newer = replace(PUSH, digest=B, occurred_at=START)
    intake.take(PUSH, newer, PUSH)
    (refresh,) = intake.due()
    assert (refresh.expected_digest, refresh.newest_event_at) == (B, START)


def test_a_crawl_that_is_asked_for_begins_with_the_catalog(intake: Intake) -> None:
    intake.take(Command.CRAWL, registry="two")
    (refresh,) = intake.due("two")
    assert refresh.target == RefreshTarget(RefreshKind.CATALOG)
    assert refresh.priority is Priority.CRAWL
    assert intake.due("one") == []


def test_a_rebuild_that_is_asked_for_concerns_no_registry(intake: Intake) -> None:
    intake.take(Command.REBUILD, registry="")
    assert intake.store.search_index.rebuild() == RebuildProgress(0, 0)
    assert intake.due("one") + intake.due("two") == []


def test_extracting_again_is_asked_of_the_store_alone(intake: Intake) -> None:
    intake.take(Command.EXTRACT, registry="")
    assert intake.store.extraction.progress() == ExtractionProgress(0, 0)
    assert intake.store.search_index.rebuild() is None, "it follows"
    assert intake.due("one") + intake.due("two") == []


def test_an_operators_word_hides_what_is_held_back_of_its_registry_alone(intake: Intake) -> None:
    content, absences = intake.store.content, intake.store.absences
    numbers = {}
    with intake.store.transaction():
        for name, registry in intake.registries.items():
            numbers[name] = intake.store.repositories.put(registry.id, WEB, seen_at=START)
            for tag in (LATEST, TagName("undecided"), TagName("found")):
                content.put_tag(numbers[name], tag, A, seen_at=START)
            absences.add(numbers[name], LATEST, crawl_id=None, seen_at=START)
            absences.quarantine(absences.found(registry.id))
            absences.add(numbers[name], TagName("undecided"), crawl_id=None, seen_at=START)
    for _ in range(2):
        intake.take(Command.ACCEPT, registry="one")
        assert content.tags(numbers["one"]).keys() == {"undecided", "found"}
        assert content.tags(numbers["two"]).keys() == {LATEST, "undecided", "found"}
    assert intake.due() == intake.due("two") == []


def test_an_entry_of_a_registry_that_the_settings_no_longer_name_is_passed_over(
    intake: Intake,
) -> None:
    intake.take(PUSH, registry="gone")
    intake.take(replace(PUSH, repository=RepositoryName("after")))
    assert [refresh.target.repository for refresh in intake.due()] == ["after"]


def test_a_new_process_of_the_registry_is_noticed(intake: Intake) -> None:
    intake.take(replace(PUSH, source="first"), PUSH, replace(PUSH, source="first"))
    assert [row.restarted_at for row in intake.store.registries.freshness()] == [None, None]
    intake.take(replace(PUSH, source="second"))
    assert [row.restarted_at for row in intake.store.registries.freshness()] == [
        rfc3339(START),
        None,
    ]


def test_what_is_taken_in_twice_changes_nothing(intake: Intake) -> None:
    """The indexer may be killed between taking in and remembering the position."""
    items = (PUSH, replace(PUSH, digest=B, occurred_at=START), Command.CRAWL)
    intake.take(*items)
    before = [replace(refresh, generation=0) for refresh in intake.due()], intake.history()
    intake.take(*items)
    assert (
        [replace(refresh, generation=0) for refresh in intake.due()],
        intake.history(),
    ) == before


def test_events_in_any_order_and_number_end_in_the_same_queue_and_history(tmp_path: Path) -> None:
    chance = random.Random(7)
    events = [
        Event(
            chance.choice((Action.PUSH, Action.PUSH, Action.DELETE)),
            WEB,
            chance.choice((LATEST, TagName("edge"), None)),
            chance.choice((A, B)),
            occurred_at=START + timedelta(seconds=number),
            actor=chance.choice(("ada", "")),
        )
        for number in range(30)
    ]
    found = []
    for number in range(8):
        directory = tmp_path / str(number)
        directory.mkdir()
        intake = Intake(directory)
        told = events + chance.sample(events, k=10)
        chance.shuffle(told)
        intake.take(*told)
        targets = {
            (refresh.target, refresh.newest_event_at, refresh.priority) for refresh in intake.due()
        }
        found.append((targets, intake.history(), intake.history("edge")))
        intake.store.close()
    assert all(one == found[0] for one in found)
    assert len(found[0][1]) > 3


def test_a_hostile_time_in_the_journal_does_not_stop_the_intake(tmp_path: Path) -> None:
    """Regression: one event of the year 1 could be written but not read, at every start again."""
    intake = Intake(tmp_path)
    journal = Journal(tmp_path)
    zero = datetime(1, 1, 1, tzinfo=START.tzinfo)
    journal.append([("one", replace(PUSH, occurred_at=zero))], received_at=START)
    entries, _ = journal.entries_after(0, limit=10)
    intake.take(*[entry.item for entry in entries])
    assert intake.history() == [(A, zero, "ada")]
    assert intake.due()[0].newest_event_at == zero
    journal.close()
    intake.store.close()


# Too many events


def pushes(number: int, repository: str = WEB) -> list[Event]:
    name = RepositoryName(repository)
    return [replace(PUSH, repository=name, tag=TagName(f"t{n}")) for n in range(number)]


def waiting(intake: Intake, priority: Priority) -> list[Refresh]:
    later = START + timedelta(days=1)
    rows = intake.store.queue.due(intake.registries["one"].id, later, limit=10_000)
    return [row for row in rows if row.priority is priority]


def test_too_many_events_of_unknown_repositories_wait_for_a_catalog(intake: Intake) -> None:
    """What was read of none of them, they may be invented."""
    made = [event for n in range(300) for event in pushes(1, f"no/{n}")]
    intake.take(*made)
    first = waiting(intake, Priority.EVENT)
    assert sum(one.target.kind is RefreshKind.TAG for one in first) == AT_ONCE
    assert RefreshTarget(RefreshKind.LISTING) in [one.target for one in first]
    assert len(waiting(intake, Priority.LATER)) == 300 - AT_ONCE


def test_too_many_events_of_one_repository_hold_up_no_other(intake: Intake) -> None:
    with intake.store.transaction():
        for name in (WEB, RepositoryName("team/api")):
            number = intake.store.repositories.put(intake.registries["one"].id, name, seen_at=START)
            intake.store.content.put_tag(number, LATEST, A, seen_at=START)
    intake.take(*pushes(1_000), replace(PUSH, repository=RepositoryName("team/api")))
    due = intake.store.queue.due(intake.registries["one"].id, START, limit=10_000)
    assert sum(one.target.repository == WEB for one in due) == AT_ONCE
    assert sum(one.target.repository == "team/api" for one in due) == 1
    assert len(waiting(intake, Priority.LATER)) == 1_000 - AT_ONCE, "none is lost"


def test_many_moves_of_a_tag_are_all_remembered(intake: Intake) -> None:
    moves = [replace(PUSH, occurred_at=START + timedelta(seconds=n)) for n in range(300)]
    intake.take(*moves)
    assert len(intake.history()) == 300
