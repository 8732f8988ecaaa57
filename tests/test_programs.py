"""The plugin that skips, or fails, the tests whose programs are missing."""

import pytest

pytest_plugins = ["pytester"]

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


def run(project: pytest.Pytester) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "tests.programs", "-p", "no:cacheprovider")


def test_missing_programs_skip_and_are_named_in_one_line(project: pytest.Pytester) -> None:
    result = run(project)
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
