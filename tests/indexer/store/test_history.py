"""The history of tags: the moves that count, and the time of the present target."""

from random import Random

import pytest

from indexer.model.names import Digest
from indexer.store import Store, TagMove
from indexer.store.history import CLOCK_SKEW_SECONDS, Since, TagHistory
from tests.indexer.store.stored import LATEST, at, event_move, put_repository

A, B = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)


def seen(digest: Digest, when: float) -> TagMove:
    return TagMove(LATEST, digest, at(when), from_event=False)


def told(digest: Digest, when: float, actor: str = "") -> TagMove:
    return event_move(LATEST, digest, when, actor)


@pytest.fixture
def history(store: Store) -> TagHistory:
    return TagHistory(store._database)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], []),
        ([seen(A, 1)], [seen(A, 1)]),
        ([told(A, 1), seen(A, 2)], [told(A, 1)]),
        ([told(A, 1), seen(A, 2), seen(A, 3)], [told(A, 1)]),
        ([seen(A, 1), seen(A, 2)], [seen(A, 1)]),
        ([told(A, 1), told(A, 2)], [told(A, 1), told(A, 2)]),
        ([told(A, 1), seen(B, 2)], [told(A, 1), seen(B, 2)]),
        ([told(A, 1), told(B, 2), seen(A, 3)], [told(A, 1), told(B, 2), seen(A, 3)]),
        ([seen(A, 1), told(B, 2)], [seen(A, 1), told(B, 2)]),
        ([seen(A, 1), told(A, CLOCK_SKEW_SECONDS)], [told(A, CLOCK_SKEW_SECONDS)]),
        (
            [seen(A, 1), told(A, 2 + CLOCK_SKEW_SECONDS)],
            [seen(A, 1), told(A, 2 + CLOCK_SKEW_SECONDS)],
        ),
        ([seen(A, 1), seen(B, 2), told(A, 3)], [seen(A, 1), seen(B, 2), told(A, 3)]),
    ],
)
def test_a_move_that_was_only_seen_counts_where_no_event_tells_of_it(
    store: Store, history: TagHistory, moves: list[TagMove], expected: list[TagMove]
) -> None:
    for number, order in enumerate((moves, moves[::-1], moves * 2)):
        repository_id = put_repository(store, f"r{number}")
        for move in order:
            history.add([(repository_id, move)])
        assert history.moves(repository_id, LATEST) == expected[::-1]


def test_an_event_tells_more_of_a_move_that_was_seen_and_a_sight_tells_nothing_more(
    store: Store, history: TagHistory
) -> None:
    repository_id = put_repository(store)
    for move in (seen(A, 1), told(A, 1), told(A, 1, "ada"), told(A, 1), seen(A, 1)):
        history.add([(repository_id, move)])
    assert history.moves(repository_id, LATEST) == [told(A, 1, "ada")]


def test_since_when_is_the_last_time_and_only_events_are_pushes(
    store: Store, history: TagHistory
) -> None:
    repository_id = put_repository(store)
    for move in (told(A, 1), told(B, 2), seen(A, 3), event_move("stable", B, 9)):
        history.add([(repository_id, move)])
    one, two, three, nine = (f"2026-03-01T12:00:0{second}.000000Z" for second in (1, 2, 3, 9))
    expected = {A: Since(three, one), B: Since(two, two)}
    assert {one: history.since_at(repository_id, LATEST, one) for one in (A, B)} == expected
    assert history.since_all(repository_id) == {
        (LATEST, A): expected[A],
        (LATEST, B): expected[B],
        ("stable", B): Since(nine, nine),
    }
    assert history.since_at(repository_id, "absent", A) == Since()


def test_since_when_is_the_same_for_one_digest_and_for_all(
    store: Store, history: TagHistory
) -> None:
    """One reads a few moves and the other one all of them."""
    random = Random(7)
    for number in range(150):
        repository_id = put_repository(store, f"r{number}")
        for _ in range(random.randrange(1, 9)):
            when = random.choice((1, 2, 3, 4, CLOCK_SKEW_SECONDS, 2 * CLOCK_SKEW_SECONDS))
            kind = random.choice((seen, told))
            history.add([(repository_id, kind(random.choice((A, B)), when))])
        every = history.since_all(repository_id)
        places = [(repository_id, LATEST, digest) for digest in (A, B)]
        some = history.since_of(places)
        for place in places:
            expected = every.get((LATEST, place[2]), Since())
            assert history.since_at(*place) == some[place] == expected


def test_moves_of_the_first_and_the_last_times_are_told_apart(
    store: Store, history: TagHistory
) -> None:
    """Times are the sender's, so any may come; their distance is reckoned by SQLite."""
    repository_id = put_repository(store)
    moves = [told(A, -63_000_000_000), seen(B, 0), told(B, 250_000_000_000)]
    for move in moves:
        history.add([(repository_id, move)])
    assert history.moves(repository_id, LATEST) == moves[::-1]
