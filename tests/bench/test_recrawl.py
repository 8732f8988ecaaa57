"""The simulation of crawls measures what it says, and learning pays in it."""

import pytest

from bench.recrawl import figures, make_history, measure, simulate
from bench.targets import FRESHER
from indexer.model import RepositoryName, TagName

HOUR = 3_600.0
PLACE = RepositoryName("team/app-0"), TagName("t0")


@pytest.mark.parametrize(
    ("moves", "seen", "wrong", "age"),
    [
        ([], [0], 0, 0),
        ([5], [0], 15, 15 * 15 / 2),
        ([5], [0, 5], 0, 0),
        ([5, 6, 7], [0, 9], 4, 4 * 4 / 2),
        ([5, 15], [0, 9], 9, (4 * 4 + 5 * 5) / 2),
    ],
)
def test_time_is_wrong_from_the_first_unseen_move_to_the_next_look(
    moves: list[float], seen: list[float], wrong: float, age: float
) -> None:
    assert measure(moves, seen, 0, 20) == (wrong, age)


def test_only_the_time_asked_for_counts() -> None:
    assert measure([5], [0, 12], 10, 20) == (2, (7 * 7 - 5 * 5) / 2)


def test_few_tags_make_most_moves() -> None:
    moves = sorted(map(len, make_history(tags=1_000, days=14, seed=1).values()), reverse=True)
    assert sum(moves[:150]) > 0.9 * sum(moves)
    assert moves[500] == 0


@pytest.mark.anyio
async def test_a_tag_that_moves_is_seen_sooner_for_no_more_requests() -> None:
    days, learning = 3.0, 1.0
    moves = make_history(tags=40, days=days, seed=1)
    moves = {place: times if len(times) < 2 else [] for place, times in moves.items()}
    moves[PLACE] = [number * 5 * HOUR for number in range(1, 14)]
    found = [
        await simulate(moves, learns=learns, days=days, learning_days=learning)
        for learns in (False, True)
    ]
    assert figures(*found)[FRESHER] > 2
