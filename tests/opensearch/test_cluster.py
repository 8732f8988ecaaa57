"""Clusters for tests: found, started, killed and paused; a Java that is new enough."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.opensearch.cluster import VERSIONS, running
from tests.programs import NeedsProgram, pinned_versions
from tests.series import thorough

TOP = Path(__file__).parents[2]
JAVA = TOP / ".ci" / "java"


@pytest.mark.parametrize("program", ["opensearch", thorough("opensearch2")])
def test_a_node_has_the_pinned_version(
    needs_program: NeedsProgram, tmp_path: Path, program: str
) -> None:
    with running(needs_program(program), tmp_path / "cluster") as cluster:
        assert cluster.ask("GET", "/")["version"]["number"] == pinned_versions()[program]
        assert cluster.health(seconds=60) == ("green", 1)
    assert cluster.health() == ("", 0)


@pytest.mark.thorough
def test_a_cluster_lives_on_without_one_of_three_nodes_and_takes_it_back(
    needs_program: NeedsProgram, tmp_path: Path
) -> None:
    with running(needs_program("opensearch"), tmp_path / "cluster", nodes=3) as cluster:
        cluster.ask("PUT", "/kept", {"settings": {"number_of_replicas": 1}})
        cluster.ask("PUT", "/kept/_doc/1?refresh=true", {"n": 1})
        cluster.wait()
        cluster.kill(0)
        cluster.wait(status="yellow")
        assert cluster.ask("GET", "/kept/_count")["count"] == 1
        cluster.start(0)
        cluster.wait()
        cluster.pause(2)
        with pytest.raises(httpx2.TimeoutException):
            httpx2.get(cluster.urls[2], timeout=1)
        cluster.resume(2)
        assert httpx2.get(cluster.urls[2], timeout=30).status_code == 200


@pytest.fixture
def java(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that makes the home of a Java of some version."""

    def make(version: str) -> Path:
        home = tmp_path / f"java-{version}"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "javac").write_text(f"#!/bin/sh\necho javac {version}\n")
        (home / "bin" / "javac").chmod(0o755)
        return home

    return make


def find(wanted: str, **homes: Path) -> subprocess.CompletedProcess[str]:
    named = {name: str(home) for name, home in homes.items()}
    return subprocess.run(
        [JAVA, wanted],
        env={"PATH": "/usr/bin:/bin", **named},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_oldest_java_that_is_new_enough_is_found(java: Callable[[str], Path]) -> None:
    homes = {"JAVA_HOME": java("901.0.1"), "JAVA_HOME_900_X64": java("900.0.2")}
    assert find("900", **homes).stdout == f"{homes['JAVA_HOME_900_X64']}\n"
    assert find("901", **homes).stdout == f"{homes['JAVA_HOME']}\n"
    assert find("900", JAVA_HOME=java("1.8.0_402")).stdout == ""


def test_a_missing_java_is_named() -> None:
    ended = find("902")
    assert ended.returncode == 1
    remedy = "install a JDK, or set JAVA_HOME"
    assert ended.stderr == f"{JAVA}: Java 902 or newer is missing: {remedy}\n"


def test_make_check_runs_the_tests_of_searching_with_each_version() -> None:
    """A program that is missing fails in CI, so none of these tests is skipped there."""
    dry = ["make", "--dry-run", "check"]
    ended = subprocess.run(dry, cwd=TOP, capture_output=True, text=True, check=True)
    runs = [line for line in ended.stdout.splitlines() if "-m pytest" in line]
    assert any(
        line.endswith("-m pytest --no-loadscope-reorder --numprocesses auto") for line in runs
    )
    others = set(VERSIONS) - {"opensearch"}
    for version in others:
        (run,) = (line for line in runs if f"TEST_OPENSEARCH={version} " in line)
        assert run.endswith(" -k opensearch tests/indexer/engines")


def test_each_program_needs_the_java_that_is_pinned_with_it() -> None:
    lines = (JAVA.parent / "versions").read_text().splitlines()
    pinned = {
        words[0]: words[2].removeprefix("maven:")
        for words in map(str.split, lines)
        if len(words) == 3 and words[2].startswith("maven:")
    }
    assert pinned == VERSIONS
