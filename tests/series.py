"""Series of cases of which the first few are enough before a commit."""

from collections.abc import Iterable
from typing import Any

import pytest


def series(cases: Iterable[Any], *, short: int) -> list[Any]:
    """Return cases to parametrise a test with; those behind the first ``short`` are thorough."""
    return [thorough(case) if number >= short else case for number, case in enumerate(cases)]


def thorough(*case: Any, id: str | None = None) -> Any:  # noqa: A002  # the word of pytest.param
    """Return a case that `make check` runs and `make test` does not."""
    return pytest.param(*case, id=id, marks=pytest.mark.thorough)
