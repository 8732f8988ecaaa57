"""Figures are beside the target of their size and engine, and of no other."""

import pytest
from rich.console import Console

from bench.targets import (
    INDEXING,
    PRIMARY,
    PUSH_VISIBLE,
    SEARCH_P95,
    SMALL,
    STRESS,
    TANTIVY,
    WHOOSH,
    targets_table,
    verdicts,
)


@pytest.mark.parametrize(
    ("figure", "measured", "size", "engine", "expected"),
    [
        (SEARCH_P95, 9.0, SMALL, WHOOSH, ("≤ 8", False)),
        (SEARCH_P95, 14.0, PRIMARY, WHOOSH, ("≤ 15", True)),
        (SEARCH_P95, 9.0, STRESS, TANTIVY, ("≤ 25", True)),
        (PUSH_VISIBLE, 0.6, PRIMARY, WHOOSH, ("≤ 1.5", True)),
        (PUSH_VISIBLE, 0.6, PRIMARY, TANTIVY, ("≤ 0.5", False)),
        (PUSH_VISIBLE, 0.6, STRESS, TANTIVY, ("", None)),
        (INDEXING, 2_499.0, STRESS, TANTIVY, ("≥ 2500", False)),
        (INDEXING, 500.0, SMALL, WHOOSH, ("≥ 500", True)),
        ("disk, MB", 5.0, SMALL, WHOOSH, ("", None)),
    ],
)
def test_a_figure_is_beside_its_target(
    figure: str, measured: float, size: str, engine: str, expected: tuple[str, bool | None]
) -> None:
    (found,) = verdicts({figure: measured}, size=size, engine=engine)
    assert (found.figure, found.measured) == (figure, measured)
    assert (found.target, found.reached) == expected


def test_a_table_says_what_is_reached() -> None:
    found = verdicts({SEARCH_P95: 12.0, INDEXING: 812.0}, size=SMALL, engine=WHOOSH)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(targets_table(found, title="targets"))
    lines = captured.get().splitlines()
    (search,) = (line for line in lines if "p95" in line)
    (indexing,) = (line for line in lines if "documents/s" in line)
    assert [cell.strip() for cell in search.split("│")[2:5]] == ["12", "≤ 8", "no"]
    assert [cell.strip() for cell in indexing.split("│")[2:5]] == ["812", "≥ 500", "yes"]
