"""The plugin that skips, or fails, the tests whose programs are missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import kept_folder, pinned_versions

pytest_plugins = ["pytester"]

TOP = Path(__file__).parents[1]
PROGRAMS = str(TOP / ".ci" / "programs")

TESTS = """
    import pytest

    @pytest.mark.parametrize("number", [1, 2])
    def test_with_two_missing_programs(needs_program, number):
        needs_program("no-such-program", package="no-such-package")

    def test_with_another_missing_program(needs_program):
        needs_program("another-missing")

    def test_with_a_program_that_is_here(needs_program):
        assert needs_program("sh", package="dash").endswith("/sh")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with tests that need programs, on a machine that is no CI runner."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(TESTS)
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "tests.programs", "-p", "no:cacheprovider", *options)


@pytest.mark.parametrize("processes", [0, 1])
def test_missing_programs_skip_and_are_named_in_one_line(
    project: pytest.Pytester, processes: int
) -> None:
    result = run(project, f"--numprocesses={processes}")
    result.assert_outcomes(passed=1, skipped=3)
    expected = (
        "not run: 1 test needs another-missing (package another-missing),"
        " 2 tests need no-such-program (package no-such-package)"
    )
    result.stdout.fnmatch_lines([expected])


def test_missing_programs_fail_where_everything_must_be_tested(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(project)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["*needs no-such-program (package no-such-package)"])
    result.stdout.no_fnmatch_line("not run:*")


def test_nothing_is_said_where_nothing_is_missing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile("def test_a(needs_program): needs_program('sh')")
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("not run:*")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of kept programs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "regsearch-ci"


def keep(name: str, version: str) -> Path:
    """Make a program as if it had been built."""
    program = kept_folder(name, version) / name
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    if name.startswith("opensearch"):
        sources = (TOP / "tests" / "opensearch" / source for source in ("pom.xml", "Node.java"))
        (program.parent / "sources").write_text("".join(source.read_text() for source in sources))
    return program


def test_the_pinned_version_of_a_program_is_found_where_it_is_kept(
    pytester: pytest.Pytester, cache: Path
) -> None:
    kept = keep("helm", pinned_versions()["helm"])
    assert kept.is_relative_to(cache)
    pytester.makepyfile(f"def test_a(needs_program): assert needs_program('helm') == '{kept}'")
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.usefixtures("cache")
def test_another_version_of_a_pinned_program_is_not_used(
    project: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(keep("helm", "v0.0.1").parent))
    project.makepyfile("def test_a(needs_program): needs_program('helm')")
    result = run(project)
    result.assert_outcomes(skipped=1)
    wanted = pinned_versions()["helm"]
    result.stdout.fnmatch_lines([f"not run: 1 test needs helm {wanted} (make programs)"])


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with all that the building of programs needs to begin, but no Go."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("awk", "cat", "cmp", "dirname", "sort"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def build(cache: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", PROGRAMS],
        env={"PATH": str(tools), "XDG_CACHE_HOME": str(cache.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("found", ["", "1.25.9", "1.26rc1"])
def test_a_go_that_cannot_build_the_programs_is_named_with_the_version_that_can(
    cache: Path, tools: Path, found: str
) -> None:
    if found:
        (tools / "go").write_text(f"#!/bin/sh\necho go{found}\n")
        (tools / "go").chmod(0o755)
    ended = build(cache, tools)
    wrong = f"go is too old: this is Go {found}" if found else "go is missing"
    assert ended.returncode == 1
    assert ended.stderr == f"{PROGRAMS}: {wrong}: install Go 1.26.0 or newer\n"
    assert not cache.exists()


def test_a_missing_maven_is_named(cache: Path, tools: Path) -> None:
    for name, version in pinned_versions().items():
        if not name.startswith("opensearch"):
            keep(name, version)
    ended = build(cache, tools)
    assert ended.returncode == 1
    assert ended.stderr == f"{PROGRAMS}: mvn is missing: install Maven\n"
    assert not list(cache.glob("opensearch*"))


def test_a_node_that_was_made_of_something_else_is_built_anew(cache: Path, tools: Path) -> None:
    for name, version in pinned_versions().items():
        kept = keep(name, version)
        if name == "opensearch":
            (kept.parent / "sources").write_text("as they were before\n")
    ended = build(cache, tools)
    assert ended.returncode == 1
    assert ended.stderr == f"{PROGRAMS}: mvn is missing: install Maven\n"


def test_a_missing_npm_is_named(cache: Path, tools: Path) -> None:
    for name, version in pinned_versions().items():
        if name not in {"axe-core", "lighthouse"}:
            keep(name, version)
    ended = build(cache, tools)
    assert ended.returncode == 1
    assert ended.stderr == f"{PROGRAMS}: npm is missing: install npm\n"


def test_programs_that_were_built_are_found_again_without_go(cache: Path, tools: Path) -> None:
    pinned = pinned_versions()
    for name, version in pinned.items():
        keep(name, version)
    ended = build(cache, tools)
    assert ended.returncode == 0, ended.stderr
    found = [line.partition(":")[0] for line in ended.stdout.splitlines()]
    assert found == [f"{name} {version}" for name, version in pinned.items()]
