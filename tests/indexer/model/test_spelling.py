"""How far apart spellings are."""

from functools import cache
from random import Random

import pytest

from indexer.model.spelling import edits, edits_allowed, near


@cache
def slow_edits(one: str, other: str) -> int:
    """The definition, by recursion."""
    if not one or not other:
        return len(one) + len(other)
    found = min(
        slow_edits(one[:-1], other) + 1,
        slow_edits(one, other[:-1]) + 1,
        slow_edits(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )
    if len(one) > 1 and len(other) > 1 and one[-1] == other[-2] and one[-2] == other[-1]:
        found = min(found, slow_edits(one[:-2], other[:-2]) + 1)
    return found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("postgers", "postgres", 1),
        ("web", "web", 0),
        ("web", "wbe", 1),
        ("ca", "abc", 3),
        ("数据库", "数据", 1),
        ("", "ab", 2),
    ],
)
def test_edits_are_counted(one: str, other: str, expected: int) -> None:
    assert edits(one, other, limit=3) == edits(other, one, limit=3) == expected


def test_edits_are_those_of_the_definition_up_to_the_limit() -> None:
    random = Random(1)
    for _ in range(3000):
        one, other = ("".join(random.choices("abç", k=random.randint(0, 7))) for _ in range(2))
        for limit in (0, 1, 2):
            assert edits(one, other, limit=limit) == min(slow_edits(one, other), limit + 1)


@pytest.mark.parametrize(("word", "allowed"), [("", 0), ("ab", 0), ("abc", 1), ("数据库架构", 1)])
def test_short_words_allow_few_edits(word: str, allowed: int) -> None:
    assert edits_allowed(word) == allowed
    assert edits_allowed("postgr") == 2


def test_words_near_another_are_those_within_the_limit() -> None:
    random = Random(2)
    for _ in range(200):
        word, *among = ("".join(random.choices("abç", k=random.randint(0, 7))) for _ in range(20))
        expected = {other: slow_edits(word, other) for other in among}
        found = dict(near(word, among, limit=2))
        assert found == {other: n for other, n in expected.items() if n <= 2}
    assert list(near("web", (), limit=1)) == []
