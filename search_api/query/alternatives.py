"""Other words for what somebody typed: forms of English words, synonyms and abbreviations."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

from indexer.model import And, Or, Phrase, Query, Word, fold, words
from search_api.query.forms import other_forms

OTHERS_MAX = 40
"""Other words of one typed word."""
_FILE = Path(__file__).with_name("synonyms.toml")

Words = tuple[str, ...]


class Synonyms:
    """Groups of texts that mean the same."""

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self._others: dict[Words, dict[Words, None]] = {}
        for group in groups:
            texts = [tuple(words(fold(text))) for text in group]
            for text in texts:
                others = self._others.setdefault(text, {})
                others.update((other, None) for other in texts if other != text)
        self.longest = max(map(len, self._others), default=0)
        """The most words of a text."""

    def find(self, typed: Words) -> list[Words]:
        """Return the texts that mean the same as some words, or as another form of the last."""
        *before, last = typed
        for form in (last, *other_forms(last)):
            if found := self._others.get((*before, form)):
                return list(found)
        return []


def load_synonyms(own: Iterable[Sequence[str]] = ()) -> Synonyms:
    """Return the synonyms that come with the program, with an operator's ``own`` groups."""
    return Synonyms([*_groups(), *own])


def with_others(query: Query, synonyms: Synonyms, *, joins: bool = True) -> Query:
    """Return a query whose words have their forms and synonyms as others.

    Words in quotes, patterns, close spellings and negated words have none. With ``joins``, words
    side by side that are one text of the table become one word.
    """
    match query:
        case And(parts) if joins:
            return _and(tuple(_joined(parts, synonyms)))
        case And(parts) | Or(parts):
            return replace(
                query, parts=tuple(with_others(part, synonyms, joins=joins) for part in parts)
            )
        case Word(text) if _is_plain(query):
            return _word(tuple(words(text)), text, synonyms)
        case _:
            return query


def used_synonyms(query: Query, synonyms: Synonyms) -> Iterator[tuple[str, list[str]]]:
    """Yield each text of a query with others that has synonyms, and these synonyms."""
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from used_synonyms(part, synonyms)
        case Word(text, others) if others and (found := synonyms.find(tuple(words(text)))):
            yield text, [" ".join(other) for other in found]


def _and(parts: tuple[Query, ...]) -> Query:
    return parts[0] if len(parts) == 1 else And(parts)


def _joined(parts: Sequence[Query], synonyms: Synonyms) -> Iterator[Query]:
    """Yield the parts with their others; the longest texts of the table become one word each."""
    start = 0
    while start < len(parts):
        length = _length_of_text(parts[start:], synonyms)
        if length > 1:
            typed = tuple(
                part.text for part in parts[start : start + length] if isinstance(part, Word)
            )
            yield _word(typed, " ".join(typed), synonyms)
        else:
            yield with_others(parts[start], synonyms)
        start += max(1, length)


def _length_of_text(parts: Sequence[Query], synonyms: Synonyms) -> int:
    typed: list[str] = []
    for part in parts[: synonyms.longest]:
        if not isinstance(part, Word) or not _is_plain(part):
            break
        typed.append(part.text)
    lengths = range(len(typed), 1, -1)
    return next((length for length in lengths if synonyms.find(tuple(typed[:length]))), 0)


def _is_plain(word: Word) -> bool:
    return not word.is_literal and words(word.text) == [word.text]


def _word(typed: Words, text: str, synonyms: Synonyms) -> Word:
    found = synonyms.find(typed)
    single = [other[0] for other in found if len(other) == 1]
    forms = [" ".join((*typed[:-1], form)) for form in other_forms(typed[-1])]
    several: list[Word | Phrase] = [Phrase(other) for other in found if len(other) > 1]
    meant = dict.fromkeys(chain(single, forms, *map(other_forms, single)))
    meant.pop(text, None)
    return Word(text, tuple([*several, *map(Word, meant)][:OTHERS_MAX]))


@cache
def _groups() -> list[list[str]]:
    found: list[list[str]] = tomllib.loads(_FILE.read_text("utf-8"))["groups"]
    return found
