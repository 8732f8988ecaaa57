"""Sizes in words."""

import pytest

from indexer.model import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_549, "1.5 kB"),
        (9_960, "10 kB"),
        (49_000_000, "49 MB"),
        (151_400_000, "151 MB"),
        (999_499, "999 kB"),
        (999_999, "1.0 MB"),
        (2_500_000_000_000, "2.5 TB"),
        (25 * 10**15, "25000 TB"),
    ],
)
def test_a_size_is_in_decimal_units(size: int | None, text: str) -> None:
    assert size_text(size) == text
