"""Sizes are counted by folder, for any two revisions."""

import ast
from pathlib import PurePosixPath

import pytest

from tests import house
from tests.house import Size, Source, sizes, table


def source(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text, ast.parse(text))


def test_packed_lines_are_as_many_statements() -> None:
    found = sizes((source("indexer/a.py", "x = 1; y = 2\n"), source("indexer/b/c/d.py", "z = 3\n")))
    assert found == {"indexer": Size(2, 1), "indexer/b": Size(1, 1), "all": Size(3, 2)}


def test_a_folder_that_only_one_revision_has_is_in_the_table() -> None:
    before, now = {"indexer/old": Size(1_000, 2), "all": Size(1_000, 2)}, {"all": Size(0, 0)}
    lines = [line.split() for line in table({"before": before, "now": now})]
    assert lines[2:] == [["indexer/old", "1,000", "2", "0", "0"], ["all", "1,000", "2", "0", "0"]]


def test_every_module_of_the_working_tree_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["house"])
    house.main()
    printed = capsys.readouterr().out
    assert "loose in indexer/: " in printed
    assert "\nsearch_api/api " in printed
    assert {one.module for one in house.product()} >= {"indexer.run", "search_api", "webhooks"}
