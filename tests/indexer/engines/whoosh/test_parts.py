"""The parts of the Whoosh engine that need no index: bitmaps and cache."""

from random import Random
from sys import getsizeof

import pytest

from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache


@pytest.mark.parametrize("density", [0, 0.001, 0.05, 0.5, 1])
@pytest.mark.parametrize("size", [1, 7, 8, 1000])
def test_a_bitmap_holds_the_documents_it_was_made_of(size: int, density: float) -> None:
    random = Random(size)
    chosen = [n for n in range(size) if random.random() < density]
    bitmap = bitmaps.from_documents(reversed(chosen), size=size)
    assert bitmaps.documents(bitmap) == chosen
    assert bitmap.bit_count() == len(chosen)
    assert list(bitmaps.flags(bitmap, size=size)) == [n in set(chosen) for n in range(size)]
    assert ((1 << size) - 1) & ~bitmap == bitmaps.from_documents(
        (n for n in range(size) if n not in set(chosen)), size=size
    )


def test_the_cache_lets_the_longest_unused_value_go() -> None:
    cache = SegmentCache(2500)
    made: list[str] = []

    def get(key: str) -> str:
        def make() -> tuple[str, bytes]:
            made.append(key)
            return key, bytes(700)

        return cache.get("segment", key, make)[0]

    assert [get("a"), get("b"), get("a"), get("c"), get("a"), get("b")] == list("abacab")
    assert made == ["a", "b", "c", "b"]
    assert cache.used_bytes <= 2500


def test_the_cache_forgets_a_segment_but_not_the_others() -> None:
    cache = SegmentCache(10_000)
    for segment in ("one", "two"):
        cache.get(segment, "key", lambda: 1)
    before = cache.used_bytes
    cache.forget("one")
    assert cache.used_bytes == before // 2
    assert cache.get("two", "key", lambda: 2) == 1
    assert cache.get("one", "key", lambda: 3) == 3


def test_the_cache_forgets_a_segment_some_of_whose_values_had_to_go() -> None:
    cache, value = SegmentCache(1500), bytes(300 - getsizeof(b""))
    for key in ("a", "b", "a", "c"):
        for segment in ("one", "two"):
            cache.get(segment, key, lambda: value)
    cache.forget("one")
    cache.forget("none")
    assert cache.used_bytes == 1000
    cache.forget("two")
    assert cache.used_bytes == 0


def test_a_value_larger_than_the_cache_is_made_again_each_time() -> None:
    cache = SegmentCache(1000)
    values = iter([1, 2])
    for expected in (1, 2):
        value = cache.get("segment", "key", lambda: (next(values), bytes(2000)))
        assert value[0] == expected
    assert cache.used_bytes == 0
