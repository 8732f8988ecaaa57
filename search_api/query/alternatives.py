"""Other words for what somebody typed: forms of English words, synonyms and abbreviations."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from indexer.model import And, Or, Phrase, Query, Word, fold, words
from search_api.query.forms import other_forms

_KEPT = 4096
OTHERS_MAX = 40
"""Other words of one typed word."""
_FILE = Path(__file__).with_name("synonyms.toml")

_NAME = re.compile(r"[^\W_]+(?:[-_][^\W_]+)*")

Words = tuple[str, ...]


class Synonyms:
    """Groups of texts that mean the same, and kinds with what is one of them."""

    def __init__(
        self,
        groups: Iterable[Sequence[str]],
        kinds: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._others: dict[Words, dict[Words, None]] = {}
        for group in groups:
            texts = [tuple(words(fold(text))) for text in group]
            for text in texts:
                others = self._others.setdefault(text, {})
                others.update((other, None) for other in texts if other != text)
        self._examples: dict[Words, dict[Words, None]] = {}
        for kind, examples in kinds.items():
            named = tuple(words(fold(kind)))
            names = (named, *self._others.get(named, ()))
            of_kind: dict[Words, None] = {}
            for one in (tuple(words(fold(example))) for example in examples):
                of_kind.update(dict.fromkeys((one, *self._others.get(one, ()))))
            for text in names:
                found = self._examples.setdefault(text, {})
                found.update((one, None) for one in of_kind if one not in names)
        self._known = lru_cache(_KEPT)(self._find_known)
        self.longest = max(map(len, [*self._others, *self._examples]), default=0)
        """The most words of a text."""

    def find(self, typed: Words) -> list[Words]:
        """Return the texts that mean the same as some words, or as another form of the last."""
        known = self._known(typed)
        others = list(self._others.get(known, ()))
        is_form = known[:-1] == typed[:-1] and known[-1] in (typed[-1], *other_forms(typed[-1]))
        return others if is_form else [known, *others]

    def examples(self, typed: Words) -> list[Words]:
        """Return what is of the kind that some words name, or another form of the last."""
        return list(self._examples.get(self._known(typed), ()))

    def has(self, typed: Words) -> bool:
        """Tell whether the table knows some words."""
        known = self._known(typed)
        return known in self._others or known in self._examples

    def _find_known(self, typed: Words) -> Words:
        """Return the text of the table that some words are; ``typed`` itself if none is."""
        *before, last = typed
        # An abbreviation such as "db" has no other forms than its plural.
        forms = [(*before, form) for form in (last, *other_forms(last), last.removesuffix("s"))]
        if len(typed) == 2 and typed[0].endswith("ing"):
            # "Scanning ports" is what a port scanner does.
            things, doers = (last, *other_forms(last)), other_forms(typed[0])
            forms += [(thing, doer) for thing in things for doer in doers]
        tables = (self._others, self._examples)
        return next((form for form in forms if any(form in table for table in tables)), typed)


def load_synonyms(own: Iterable[Sequence[str]] = ()) -> Synonyms:
    """Return the synonyms that come with the program, with an operator's ``own`` groups."""
    table = _table()
    return Synonyms([*table["groups"], *own], table["kinds"])


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
        case Word(text) if typed := _typed(query):
            if len(typed) > 1 and not synonyms.has(typed):
                return query
            return _word(typed, text, synonyms)
        case _:
            return query


def used_synonyms(query: Query, synonyms: Synonyms) -> Iterator[tuple[str, list[str]]]:
    """Yield each text of a query with others that has synonyms, and these synonyms."""
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from used_synonyms(part, synonyms)
        case Word(text) if query.others or query.examples:
            typed = tuple(words(text))
            found = dict.fromkeys([*synonyms.find(typed), *synonyms.examples(typed)])
            if found:
                yield text, [" ".join(other) for other in found]


def _and(parts: tuple[Query, ...]) -> Query:
    return parts[0] if len(parts) == 1 else And(parts)


def _joined(parts: Sequence[Query], synonyms: Synonyms) -> Iterator[Query]:
    """Yield the parts with their others; the longest texts of the table become one word each."""
    start = 0
    while start < len(parts):
        length = _length_of_text(parts[start:], synonyms)
        if length > 1:
            typed = tuple(chain.from_iterable(map(_typed, parts[start : start + length])))
            yield _word(typed, " ".join(typed), synonyms)
        else:
            yield with_others(parts[start], synonyms)
        start += max(1, length)


def _length_of_text(parts: Sequence[Query], synonyms: Synonyms) -> int:
    """Return how many parts are the longest text of the table; 0 for none or one."""
    longest, typed = 0, Words()
    for length, part in enumerate(parts[: synonyms.longest], start=1):
        found = _typed(part)
        if not found:
            break
        typed += found
        if length > 1 and synonyms.has(typed):
            longest = length
    return longest


def _typed(query: Query) -> Words:
    """Return the words of a part that may have others: one, or several joined by a hyphen."""
    if not isinstance(query, Word) or query.is_literal or not _NAME.fullmatch(query.text):
        return ()
    return tuple(words(query.text))


def _word(typed: Words, text: str, synonyms: Synonyms) -> Word:
    found = synonyms.find(typed)
    single = [other[0] for other in found if len(other) == 1]
    # The forms of several words are found apart.
    forms = other_forms(text) if len(typed) == 1 else ()
    several: list[Word | Phrase] = [Phrase(other) for other in found if len(other) > 1]
    meant = dict.fromkeys(chain(single, forms, *map(other_forms, single)))
    meant.pop(text, None)
    others = tuple([*several, *map(Word, meant)][:OTHERS_MAX])
    return Word(
        text,
        others,
        tuple(map(_other, synonyms.examples(typed))),
        tuple((one, *other_forms(one)) for one in typed) if len(typed) > 1 else (),
    )


def _other(found: Words) -> Word | Phrase:
    return Phrase(found) if len(found) > 1 else Word(found[0])


@cache
def _table() -> Any:
    return tomllib.loads(_FILE.read_text("utf-8"))
