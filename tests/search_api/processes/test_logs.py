"""Logging: one line each, naming the process, and no addresses of requests."""

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from search_api.processes.logs import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before, hook = structlog.get_config(), sys.excepthook
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    sys.excepthook = hook
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_an_event_and_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", process="web")
    structlog.get_logger().info("push_seen", repository="team/web", tag="1 2")
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("timestamp=20")
    assert 'level=info process=web event=push_seen repository=team/web tag="1 2"' in line


def test_hostile_text_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", process="web")
    structlog.get_logger().warning("odd", reason='x\nlevel=error event="forged"')
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_below_the_level_is_left_out(
    capsys: pytest.CaptureFixture[str], level: str, shown: list[str]
) -> None:
    configure_logging(level, process="web")
    log = structlog.get_logger()
    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)("happened")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("level=")[1].split()[0] for line in lines] == shown


def test_a_traceback_is_part_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", process="indexer")
    try:
        int("oh no")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in line


def test_a_log_that_cannot_be_written_takes_nothing_with_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: a log on a full disk turned the 503 of a notification into a 500."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stderr", full)
        configure_logging("debug", process="web")
        log = structlog.get_logger()
        for each in ("debug", "info", "warning", "error"):
            getattr(log, each)("happened")
        # What is left in its buffer must not be written when it is closed.
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()


def test_the_http_client_does_not_log_addresses() -> None:
    """It logs the whole address of every request at level info, query and all."""
    configure_logging("debug", process="indexer")
    for name in ("httpx2", "httpcore2"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING


def lines_of_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_of_json_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", process="web", as_json=True)
    log = structlog.get_logger()
    log.info("push_seen", repository="team/web", count=2, path=Path("a"), tag="1\n2", is_new=True)
    log.debug("not_shown")
    (line,) = lines_of_json(capsys)
    assert str(line.pop("timestamp")).startswith("20")
    assert line == {
        "process": "web",
        "level": "info",
        "event": "push_seen",
        "repository": "team/web",
        "count": 2,
        "path": "a",
        "tag": "1\n2",
        "is_new": True,
    }


def test_what_cannot_be_written_as_text_is_a_line_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", process="web", as_json=True)
    structlog.get_logger().info("seen", path="half of a character: \ud800")
    (line,) = lines_of_json(capsys)
    assert line["event"] == "seen"


def test_what_libraries_log_and_what_ends_the_process_are_objects_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", process="web", as_json=True)
    logging.getLogger("asyncio").error("a task of %s was lost", "theirs")
    try:
        int("oh no")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    theirs, crash = lines_of_json(capsys)
    assert (theirs["event"], theirs["logger"]) == ("a task of theirs was lost", "asyncio")
    assert (crash["event"], crash["level"]) == ("crashed", "error")
    assert "ValueError: invalid literal" in str(crash["exception"])
