"""The soak, half a minute of it."""

from collections.abc import Callable
from pathlib import Path

from tests.attack.soak import GOOD, soak
from tests.programs import NeedsProgram

MINUTES = 0.5


def test_pushes_deletes_and_searches_beside_a_hostile_registry(
    tmp_path: Path, needs_program: NeedsProgram, figure: Callable[[str], None]
) -> None:
    for program in GOOD.values():
        needs_program(program)
    found = soak(tmp_path, minutes=MINUTES)
    for line in found.lines():
        figure(f"soak of {MINUTES} minutes: {line}")
    assert not found.differences
    assert not found.errors
    assert found.pushed > 0
    assert found.seconds
