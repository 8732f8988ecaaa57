"""The words that a pattern or a spelling means, against a plain look at all words."""

from random import Random

import pytest

from indexer.engines.ranking.patterns import Pattern
from indexer.engines.ranking.vocabulary import Vocabulary
from indexer.model import Fuzzy, Wildcard
from indexer.model.spelling import edits, edits_allowed


@pytest.fixture
def words() -> list[str]:
    random = Random(4)
    lengths = (random.randrange(1, 9) for _ in range(400))
    return sorted({"".join(random.choices("abö1", k=length)) for length in lengths})


@pytest.fixture
def vocabulary(words: list[str]) -> Vocabulary:
    """All words, added in two steps."""
    vocabulary = Vocabulary(words[::2])
    vocabulary.add(words[1::2])
    return vocabulary


@pytest.mark.parametrize("word", ["", "a", "ab", "abö", "1b1b", "aabböö", "ö1ö1ö1ab", "b" * 20])
def test_near_words_are_those_with_no_more_edits_than_allowed(
    vocabulary: Vocabulary, words: list[str], word: str
) -> None:
    limit = edits_allowed(word)
    distances = {other: edits(word, other, limit=limit) for other in words}
    near = {other: distance for other, distance in distances.items() if distance <= limit}
    assert dict(vocabulary.near(word, limit=limit)) == near
    assert sorted(vocabulary.like(Fuzzy(word))) == sorted(near)


@pytest.mark.parametrize("pattern", ["*", "a*", "*ab*", "?ö?", "1*1", "nothing*"])
def test_words_like_a_pattern_are_all_that_fit(
    vocabulary: Vocabulary, words: list[str], pattern: str
) -> None:
    fitting = Pattern(pattern)
    assert sorted(vocabulary.like(Wildcard(pattern))) == list(filter(fitting.fits, words))


def test_a_pattern_may_fit_a_value_with_line_ends() -> None:
    values = ["ab", "a\nb", "b\na", "a"]
    vocabulary = Vocabulary(values)
    for pattern in ("a*b", "a?b", "*"):
        fitting = Pattern(pattern)
        assert sorted(vocabulary.like(Wildcard(pattern))) == sorted(filter(fitting.fits, values))
