"""Killing web and indexer at random steps loses nothing, halves nothing and doubles nothing."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.series import series
from tests.torture.rounds import BACKFILL_EVERY, torture

# Each ends with a comparison with the whole registry; the second has one before that, too.
ROUNDS = (1, BACKFILL_EVERY + 1, 12)


@pytest.mark.parametrize("rounds", series(ROUNDS, short=1))
def test_what_was_acknowledged_survives_kills_at_any_step(
    tmp_path: Path, figure: Callable[[str], None], rounds: int
) -> None:
    """The short form of ``make torture``, with other steps in every run."""
    told: list[str] = []
    tally = torture(tmp_path, rounds=rounds, seed=secrets.token_hex(4), report=told.append)
    figure(f"torture with seed {tally.seed}, {tally.seconds:.0f} s: {tally.line()}")
    assert not tally.findings, "\n".join(told)
    assert tally.rounds == rounds
    assert tally.kills.total() >= rounds
    assert tally.acknowledged > 0
    assert tally.backfills > 0
