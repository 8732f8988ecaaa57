"""What people see in a real terminal, at three widths: nothing is folded, references are whole."""

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.store import Store
from search_api.web import make_web
from tests.builders import helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.programs import NeedsProgram
from tests.search_api.filling import (
    Pushed,
    bring_up_to_date,
    finish_crawl,
    put,
    seem_served,
    settings_for,
)
from tests.series import series

PROGRAM = str(Path(sys.executable).with_name("regsearch"))
WIDTHS = (60, 80, 120)
SECONDS = 120
HOST = "registry.internal.example.org:5000"
REGISTRIES = {"main": HOST}
DESCRIPTION = "org.opencontainers.image.description"
TEXT = "Storefront, basket and checkout of the customer web shop, with a cache and 日本語の説明"
WEB = index(
    [
        image(architecture=name, seed="web", labels={"team": "payments"})
        for name in ("amd64", "arm64")
    ],
    annotations={DESCRIPTION: TEXT},
)
CONTENT = (
    *(Pushed("platform/team/web", WEB, tag) for tag in ("1.9", "1.10", "latest")),
    Pushed("platform/charts/gateway", helm_chart("gateway", "3.2.1", TEXT), "3.2.1"),
    Pushed("bistro", image(), "1"),
)
Show = Callable[[str, int], list[str]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a service over a registry with a name as long as they are."""
    directory = tmp_path_factory.mktemp("data")
    clock = ManualClock()
    with closing(Store(directory)) as store:
        put(store, CONTENT, clock=clock, registries=REGISTRIES)
        finish_crawl(store, "main", clock=clock, registries=REGISTRIES)
    asyncio.run(bring_up_to_date(directory, clock=clock))
    seem_served(directory, clock=clock)
    with serving(make_web(settings_for(directory, registries=REGISTRIES))) as address:
        yield address


@pytest.fixture
def show(needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Show]:
    """Give what a command shows in a terminal of tmux, with lines as they were printed."""
    tmux = needs_program("tmux")
    with tempfile.TemporaryDirectory(prefix="tmux-") as folder:
        # Those of the terminal in which the tests run, if there is one, say nothing about this.
        left_out = ("REGSEARCH_", "COLUMNS", "LINES", "TMUX", "NO_COLOR")
        others = {key: text for key, text in os.environ.items() if not key.startswith(left_out)}
        environment = {**others, "TMUX_TMPDIR": folder, "LC_ALL": "C.UTF-8", "TERM": "xterm"}

        def run(*words: str) -> str:
            return subprocess.run(
                [tmux, "-u", "-f", "/dev/null", *words],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
                timeout=SECONDS,
            ).stdout

        def shown(command: str, width: int) -> list[str]:
            script = f"{PROGRAM} {command}; tmux wait-for -S over; sleep 1000"
            size = ["-x", str(width), "-y", "150"]
            run("new-session", "-d", *size, f"sh -c {shlex.quote(script)}")
            run("wait-for", "over")
            # -J joins what the terminal had to fold.
            text = run("capture-pane", "-p", "-J")
            run("kill-server")
            return text.rstrip().splitlines()

        yield shown


def cells(line: str) -> int:
    """Return how wide a line is: Chinese and Japanese signs take two columns."""
    return sum(2 if "\u3000" <= sign <= "\u9fff" else 1 for sign in line.rstrip())


def assert_fits(lines: list[str], width: int) -> None:
    """Only a word that people copy whole may be wider than the terminal."""
    wide = [line for line in lines if cells(line) > width and len(line.split()) > 1]
    assert wide == []


@pytest.mark.parametrize("width", series(WIDTHS, short=1))
def test_each_result_is_its_reference_with_details_beneath(
    show: Show, url: str, width: int
) -> None:
    lines = show(f"search --url {url} team/web", width)
    assert_fits(lines, width)
    assert lines[0] == f"{HOST}/platform/team/web:latest"
    assert lines[1].startswith("  Storefront, basket and checkout of the customer ")
    assert lines[1].endswith("説明") is (width == 120)
    assert lines[2].startswith("  linux/amd64 linux/arm64, all tags 1.")
    assert lines[3] == "  tags: latest 1.10 1.9"
    assert lines[4] == "1 of 1 shown"


@pytest.mark.parametrize("width", series(WIDTHS, short=1))
@pytest.mark.parametrize(
    "command",
    [
        "show platform/team/web:1.10",
        "show platform/team/web",
        "show platform/charts/gateway:3.2.1",
        "status",
        "changes",
        "search --columns reference,kind,description,size,tags",
        "search --columns repository,description,tags",
        "search --type image --facets platform,kind,registry,license",
    ],
)
def test_nothing_is_folded(show: Show, url: str, command: str, width: int) -> None:
    lines = show(f"{command} --url {url}", width)
    assert len(lines) > 3
    assert_fits(lines, width)
    assert "Traceback" not in "\n".join(lines)


def test_a_tag_is_shown_as_it_was_asked_for(show: Show, url: str) -> None:
    """Another tag of the same image is not what the user typed."""
    lines = show(f"show --url {url} platform/team/web:1.10", 80)
    assert lines[0] == f"reference: {HOST}/platform/team/web:1.10"
    assert "tags: latest 1.10 1.9" in lines
    assert any(line.startswith("created: 2026-01-02 03:04 UTC (") for line in lines)


def test_a_table_that_fits_is_a_table(show: Show, url: str) -> None:
    head, *rows = show(f"search --url {url} --columns repository,description,tags", 60)
    assert head.split() == ["REPOSITORY", "DESCRIPTION", "TAGS"]
    assert len(rows) == 3
    places = {row.index(text) for row, text in ((head, "TAGS"), (rows[0], "latest"))}
    assert len(places) <= 2
    assert "platform/team/web " in "\n".join(rows)


@pytest.mark.parametrize("width", series(WIDTHS, short=1))
def test_a_backfill_ends_with_a_line(show: Show, tmp_path: Path, width: int) -> None:
    registry = FakeRegistry()
    for number in range(40):
        registry.put(f"team/web{number}", image(seed=str(number)), tag="1.0")
    with serving(registry.app) as address:
        command = f"backfill --data-dir {tmp_path}/data --config {tmp_path}/regsearch.toml"
        (tmp_path / "regsearch.toml").write_text(f'[[registry]]\nurl = "{address}"\n')
        lines = show(command, width)
    assert lines == ["backfill: done, 40 repositories"]
