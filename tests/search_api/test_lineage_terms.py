"""What the store is asked about a query, and what it is not."""

from typing import Any

import pytest

from search_api.lineage_terms import resolved
from tests.search_api.query.asking import parsed


class Unasked:
    """Keys of lineage that nobody should need."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.mark.parametrize(
    "text",
    ["", "web", "*gress -postgers~", "(size:>1 OR pushed:<7d) tag:*x", "team/*/web label:*"],
)
def test_what_is_no_lineage_is_left_as_it_is(text: str) -> None:
    query = parsed(text)
    assert resolved(query, Unasked()) == query  # type: ignore[arg-type]
