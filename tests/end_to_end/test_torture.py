"""Killing web and indexer at random steps loses nothing, halves nothing and doubles nothing."""

import secrets
from collections.abc import Callable
from pathlib import Path

from tests.torture.rounds import torture

ROUNDS = 12


def test_what_was_acknowledged_survives_kills_at_any_step(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """The short form of ``make torture``, with other steps in every run."""
    told: list[str] = []
    tally = torture(tmp_path, rounds=ROUNDS, seed=secrets.token_hex(4), report=told.append)
    figure(f"torture with seed {tally.seed}, {tally.seconds:.0f} s: {tally.line()}")
    assert not tally.findings, "\n".join(told)
    assert tally.rounds == ROUNDS
    assert tally.kills.total() >= ROUNDS
    assert tally.acknowledged > 0
    assert tally.backfills > 0
