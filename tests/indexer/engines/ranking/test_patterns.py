"""Wildcard patterns."""

from random import Random

import pytest

from indexer.engines.ranking.patterns import Pattern
from indexer.model.text import folded_words as words


def slow_fits(pattern: str, text: str) -> bool:
    """The definition, by recursion."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slow_fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and slow_fits(pattern[1:], text[1:])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("*gress", "ingress"), ("w?b", "web"), ("[a]*", "[a]b"), ("a.*", "a.b"), ("?", "\n")],
)
def test_what_fits_fits(pattern: str, text: str) -> None:
    assert Pattern(pattern).fits(text)


@pytest.mark.parametrize(
    ("pattern", "text"), [("w?b", "wb"), ("[a]*", "a"), ("a.*", "ab"), ("*a", "a\n"), ("", "a")]
)
def test_what_does_not_fit_does_not(pattern: str, text: str) -> None:
    assert not Pattern(pattern).fits(text)


def test_patterns_fit_by_their_definition_in_texts_and_in_lines() -> None:
    random = Random(1)
    for _ in range(2000):
        pattern = Pattern(text := "".join(random.choices("ab.*?", k=random.randint(0, 7))))
        texts = ["".join(random.choices("ab.", k=random.randint(0, 8))) for _ in range(9)]
        fitting = [each for each in texts if slow_fits(text, each)]
        assert [each for each in texts if pattern.fits(each)] == fitting, text
        assert pattern.lines("\n".join(["", *texts, ""])) == fitting, text
        assert all(each.startswith(pattern.prefix) for each in fitting)
        assert all(len(each) >= pattern.length_min for each in fitting)


def test_a_pattern_of_many_wildcards_is_no_slower_on_hostile_text() -> None:
    """Taking a piece back and trying again would take longer than anyone can wait here."""
    hostile = "a" * 20_000
    assert not Pattern("*a" * 200 + "*b").fits(hostile)
    assert Pattern("*a" * 200 + "*b").lines(f"\n{hostile}\n") == []


def test_the_words_of_a_text_that_fit_are_found_in_it() -> None:
    random = Random(2)
    for _ in range(2000):
        pattern = Pattern(text := "".join(random.choices("aab-*?", k=random.randint(1, 7))))
        folded = "".join(random.choices("aab- é", k=random.randint(0, 12)))
        assert pattern.words(folded) == {word for word in words(folded) if pattern.fits(word)}, text
    assert Pattern("*aaaa").words("b" + "a" * 80) == {"b" + "a" * 63}
