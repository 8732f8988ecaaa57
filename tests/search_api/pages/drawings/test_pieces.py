"""What is drawn as one."""

from hypothesis import given
from hypothesis import strategies as st

from search_api.pages.drawings.pieces import pieces


@given(st.lists(st.integers(0, 100), max_size=300), st.integers(1, 200))
def test_pieces_cover_the_row_in_order(sizes: list[int], limit: int) -> None:
    found = pieces(sizes, limit=limit, groups=[size % 3 for size in sizes])
    assert [place for piece in found for place in piece] == list(range(len(sizes)))
    assert len(found) == min(limit, len(sizes))


def test_equal_neighbours_are_merged_evenly() -> None:
    found = pieces([1] * 1_000, limit=100)
    assert max(map(len, found)) <= 20


def test_small_neighbours_are_merged_first() -> None:
    found = pieces([1, 1, 50, 1, 1, 60], limit=4)
    assert range(2, 3) in found
    assert range(5, 6) in found
