"""The supervisor counts restarts, and others read the counts."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from search_api.processes.restarts import RESTARTS_FILE, RestartCounts, read_restarts


def test_restarts_are_counted_from_the_start_of_the_supervisor(tmp_path: Path) -> None:
    assert read_restarts(tmp_path) == {}
    counts = RestartCounts(tmp_path, names=["web", "indexer"])
    counts.add("web")
    counts.add("web")
    assert read_restarts(tmp_path) == {"web": 2, "indexer": 0}
    RestartCounts(tmp_path, names=["web", "indexer"])
    assert read_restarts(tmp_path) == {"web": 0, "indexer": 0}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"restarts": [1]}', '{"restarts": {"web": "x"}}']
)
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RESTARTS_FILE).write_text(text)
    assert read_restarts(tmp_path) == {}


def test_a_failing_disk_is_logged_and_nothing_else(tmp_path: Path) -> None:
    with capture_logs() as logs:
        RestartCounts(tmp_path / "away", names=["web"]).add("web")
    assert {line["event"] for line in logs} == {"restarts_not_written"}
