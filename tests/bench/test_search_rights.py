"""The benchmark of rights asks the same of each caller, and keeps its search indexes."""

from pathlib import Path

import pytest

from bench.engine_material import prepare
from bench.queries import CLASSES
from bench.search_rights import ALL, RightsRow, measure_rights, print_rights
from tests.bench.corpus.sizes import TINY


def test_each_class_is_asked_for_each_caller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = prepare(tmp_path, TINY, number=2)
    for _ in range(2):
        rows = measure_rights(made, tmp_path / "whoosh", engine="whoosh", seen=(4, 36))
        assert {row.query for row in rows} == {*CLASSES, ALL}
        assert {len(times) for row in rows for times in (row.p50, row.p95, row.waited)} == {3}
        assert rows[-1].searches == 2 * 2 * len(CLASSES)
    print_rights(rows)
    assert "all classes" in capsys.readouterr().out


def test_the_ratio_is_that_of_each_caller_to_nobody() -> None:
    row = RightsRow("whoosh", "prefix", "image", [1, 1, 1], [4, 5, 2], [9, 9, 9], searches=3)
    assert row.ratios == [1.25, 0.5]
