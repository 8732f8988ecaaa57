"""The order of tags by version: the newest first, whatever else people call their tags."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.model import version_key

ORDERED = [
    "latest",
    "3.13.0",
    "3.13.0rc1",
    "3.13.0b2",
    "3.13.0a1",
    "2.0",
    "v1.10.2",
    "1.10.0",
    "1.10",
    "1.10-alpine",
    "1.10-alpine3.20",
    "1.10-alpine3.9",
    "1.10-rc.10",
    "1.10-rc.9",
    "1.10-rc.9-alpine",
    "1.10-beta.1",
    "1.10-alpha",
    "1.10-SNAPSHOT",
    "1.2.3-debian-12-r10",
    "1.2.3-debian-12-r9",
    "1.2",
    "1",
    "20260301",
    "20260228",
    "main",
    "release-1.10",
    "release-1.9",
    "stable",
    "1a2b3c4",
]


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_version_is_first(seed: int) -> None:
    tags = random.Random(seed).sample(ORDERED, len(ORDERED))
    assert sorted(tags, key=version_key) == ORDERED


@given(st.lists(st.text("0123456789.-_+aVvrclm", max_size=20), unique=True))
def test_any_tags_have_one_order(tags: list[str]) -> None:
    """No two are equal and none cannot be compared, or a page would miss or repeat one."""
    keys = sorted(map(version_key, tags))
    assert len(set(keys)) == len(tags)


def test_a_number_without_end_is_read_in_no_time() -> None:
    assert version_key("1" * 100_000) == version_key("1" * 100_000)
