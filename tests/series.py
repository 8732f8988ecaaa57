"""Series of cases of which the first few are enough before a commit."""

from collections.abc import Iterable
from typing import Any

import pytest


def series(cases: Iterable[Any], *, short: int) -> list[Any]:
    """Return cases to parametrise a test with; those behind the first ``short`` are thorough."""
    return [
        pytest.param(case, marks=pytest.mark.thorough) if number >= short else case
        for number, case in enumerate(cases)
    ]
