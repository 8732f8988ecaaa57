"""The parts of the Whoosh engine that need no index: bitmaps, cache, merge policy."""

from random import Random

import pytest

from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.policy import FAN, SegmentSize, segments_to_merge


@pytest.mark.parametrize("density", [0, 0.001, 0.05, 0.5, 1])
@pytest.mark.parametrize("size", [1, 7, 8, 1000])
def test_a_bitmap_holds_the_documents_it_was_made_of(size: int, density: float) -> None:
    random = Random(size)
    chosen = [n for n in range(size) if random.random() < density]
    bitmap = bitmaps.from_documents(reversed(chosen), size=size)
    assert bitmaps.documents(bitmap) == chosen
    assert bitmap.bit_count() == len(chosen)
    assert list(bitmaps.flags(bitmap, size=size)) == [n in set(chosen) for n in range(size)]
    assert bitmaps.full(size) & ~bitmap == bitmaps.from_documents(
        (n for n in range(size) if n not in set(chosen)), size=size
    )


def test_the_cache_lets_the_longest_unused_value_go() -> None:
    cache = SegmentCache(2500)
    made: list[str] = []

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key

        return cache.get("segment", key, make, size_bytes=lambda _: 800)

    assert [get("a"), get("b"), get("a"), get("c"), get("a"), get("b")] == list("abacab")
    assert made == ["a", "b", "c", "b"]
    assert cache.used_bytes <= 2500


def test_the_cache_forgets_a_segment_but_not_the_others() -> None:
    cache = SegmentCache(10_000)
    for segment in ("one", "two"):
        cache.get(segment, "key", lambda: 1, size_bytes=lambda _: 100)
    before = cache.used_bytes
    cache.forget("one")
    assert cache.used_bytes == before // 2
    assert cache.get("two", "key", lambda: 2, size_bytes=lambda _: 100) == 1
    assert cache.get("one", "key", lambda: 3, size_bytes=lambda _: 100) == 3


def test_the_cache_forgets_a_segment_some_of_whose_values_had_to_go() -> None:
    cache = SegmentCache(1500)
    for key in ("a", "b", "a", "c"):
        for segment in ("one", "two"):
            cache.get(segment, key, lambda: 1, size_bytes=lambda _: 300)
    cache.forget("one")
    cache.forget("none")
    assert cache.used_bytes == 1000
    cache.forget("two")
    assert cache.used_bytes == 0


def test_a_value_larger_than_the_cache_is_made_again_each_time() -> None:
    cache = SegmentCache(1000)
    values = iter([1, 2])
    for expected in (1, 2):
        value = cache.get("segment", "key", lambda: next(values), size_bytes=lambda _: 2000)
        assert value == expected
    assert cache.used_bytes == 0


def _whole(*sizes: int) -> list[SegmentSize]:
    return [SegmentSize(size, size) for size in sizes]


def test_segments_of_similar_size_are_merged_when_there_are_enough() -> None:
    assert segments_to_merge(_whole(*[1] * (FAN - 1))) == set()
    assert segments_to_merge(_whole(*[1] * FAN)) == set(range(FAN))
    assert segments_to_merge(_whole(2500, *[1] * FAN, 300)) == set(range(1, FAN + 1))


def test_smaller_segments_are_merged_with_those_of_a_full_tier() -> None:
    sizes = _whole(*[600] * FAN, 20, 3, 5000)
    assert segments_to_merge(sizes) == set(range(FAN + 2))


def test_a_worn_segment_is_written_anew_when_nothing_else_is_merged() -> None:
    sizes = [SegmentSize(1000, 800), SegmentSize(1000, 801), SegmentSize(90_000, 72_000)]
    assert segments_to_merge(sizes) == {0}
    assert segments_to_merge(sizes[1:]) == {1}
    assert segments_to_merge([*sizes, *_whole(*[1] * FAN)]) == set(range(3, 3 + FAN))


def test_segments_stay_few_and_no_document_is_merged_often() -> None:
    """Whatever the batches are, segments and rewriting grow with the logarithm of documents."""
    random = Random(5)
    sizes: list[SegmentSize] = []
    rewritten = 0
    for _ in range(3000):
        new = random.choice([1, 1, 1, 10, 500])
        sizes.append(SegmentSize(new, new))
        merged = segments_to_merge(sizes)
        if merged:
            together = sum(sizes[place].alive for place in merged)
            rewritten += together
            sizes = [size for place, size in enumerate(sizes) if place not in merged]
            sizes.append(SegmentSize(together, together))
        assert len(sizes) < 6 * FAN
    assert rewritten < 3 * sum(size.alive for size in sizes)
