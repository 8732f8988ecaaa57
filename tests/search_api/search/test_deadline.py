"""A search ends at its deadline, or as soon as nobody waits for it."""

import time

import pytest

from indexer.errors import SearchCancelledError, SearchTimeoutError
from search_api.search.deadline import Deadline, TimeLimit


def test_a_search_without_a_limit_goes_on() -> None:
    Deadline().check()


def test_after_the_deadline_a_check_names_the_limit_and_what_to_shorten() -> None:
    deadline = Deadline()
    over = TimeLimit(1.5, time.monotonic() - 0.1)
    assert over.left < 0
    with (
        pytest.raises(SearchTimeoutError, match=r"longer than 1\.5 s .*search_deadline.* fewer"),
        deadline.set(over, lambda: False),
    ):
        deadline.check()
    deadline.check()


def test_a_search_that_is_cancelled_ends_before_its_deadline() -> None:
    deadline, is_cancelled = Deadline(), False
    with deadline.set(TimeLimit.of(60), lambda: is_cancelled):
        deadline.check()
        is_cancelled = True
        with pytest.raises(SearchCancelledError):
            deadline.check()
    deadline.check()
