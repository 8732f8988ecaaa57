"""Which turn each event of a repository gets."""

from datetime import timedelta

from indexer.model.names import RepositoryName
from indexer.refresh.pace import (
    _KEYS_MAX,
    AT_ONCE,
    CATALOG_AFTER,
    LATER_AFTER,
    LATER_MAX,
    LISTED_AFTER,
    LISTED_EVERY,
    PER_SECOND,
    Pace,
    Turn,
)
from indexer.store import NO_REPOSITORY, Priority
from tests.fakes.clock import START

WEB, API = RepositoryName("team/web"), RepositoryName("team/api")
SECOND = timedelta(seconds=1)


def take(pace: Pace, number: int, *, repository: RepositoryName = WEB) -> list[Turn]:
    return [pace.turn(1, repository, now=START) for _ in range(number)]


def test_the_first_are_due_at_once() -> None:
    assert set(take(Pace(), AT_ONCE)) == {Turn(Priority.EVENT, START)}


def test_the_next_wait_so_many_a_second() -> None:
    turns = take(Pace(), AT_ONCE + 100 * PER_SECOND)[AT_ONCE:]
    assert {turn.priority for turn in turns} == {Priority.LATER}
    assert turns[0].due_at == START + LATER_AFTER, "a push is visible by then"
    assert turns[-1].due_at - turns[-1 - 10 * PER_SECOND].due_at == 10 * SECOND
    listed = [turn.listed_at for turn in turns if turn.listed_at is not None]
    assert listed == [START + LISTED_AFTER], "one list is read for all"


def test_after_a_while_they_are_due_at_once_again() -> None:
    pace = Pace()
    take(pace, AT_ONCE + 1)
    assert pace.turn(1, WEB, now=START).priority is Priority.LATER
    later = START + SECOND
    assert pace.turn(1, WEB, now=later) == Turn(Priority.EVENT, later)


def test_the_list_is_read_again_each_second_while_they_go_on() -> None:
    pace = Pace()
    take(pace, 10 * AT_ONCE)
    assert pace.turn(1, WEB, now=START + LISTED_EVERY / 2).listed_at is None
    assert pace.turn(1, WEB, now=START + LISTED_EVERY).listed_at is not None


def test_other_repositories_and_registries_are_not_concerned() -> None:
    pace = Pace()
    take(pace, 10 * AT_ONCE)
    assert pace.turn(1, API, now=START).priority is Priority.EVENT
    assert pace.turn(2, WEB, now=START).priority is Priority.EVENT


def test_a_catalog_is_read_less_soon_than_tags() -> None:
    turns = take(Pace(), AT_ONCE + 1, repository=NO_REPOSITORY)
    assert turns[-1].listed_at == START + CATALOG_AFTER


def test_nothing_waits_for_more_than_an_hour() -> None:
    """Also after the clock was set back."""
    pace = Pace()
    turns = take(pace, 2 * 3_600 * PER_SECOND)
    assert max(turn.due_at for turn in turns) <= START + LATER_MAX
    before = START - timedelta(days=9)
    assert pace.turn(1, WEB, now=before).due_at <= before + LATER_MAX


def test_what_is_remembered_is_bounded() -> None:
    pace = Pace()
    for number in range(10 * _KEYS_MAX):
        pace.turn(1, RepositoryName(f"r{number}"), now=START + number * SECOND)
    assert len(pace._uses) <= _KEYS_MAX + 1
