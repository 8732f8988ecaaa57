"""The plugin that shows measured figures at the end of a run."""

import pytest

pytest_plugins = ["pytester"]


def test_figures_are_listed_at_the_end_even_when_output_is_captured(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        def test_first(figure): figure("first p50 0.31 s")
        def test_second(figure): figure("second 12 requests/s")
        """
    )
    result = pytester.runpytest_inprocess("-p", "tests.figures", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*= figures =*", "figure: first p50 0.31 s", "figure: second 12 requests/s"]
    )


def test_figures_of_other_processes_are_listed_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(figure): figure('12 requests/s')")
    result = pytester.runpytest_inprocess(
        "--numprocesses=1", "-p", "tests.figures", "-p", "no:cacheprovider"
    )
    assert result.stdout.str().count("figure: 12 requests/s") == 1


def test_a_figure_is_printed_at_once_where_output_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(figure): figure('12 requests/s')")
    result = pytester.runpytest_inprocess("-s", "-p", "tests.figures", "-p", "no:cacheprovider")
    assert result.stdout.str().count("figure: 12 requests/s") == 2


def test_a_run_without_figures_says_nothing_about_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_nothing="def test_it(): pass")
    result = pytester.runpytest_inprocess("-p", "tests.figures", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= figures =*")
