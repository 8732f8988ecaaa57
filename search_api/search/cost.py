"""What a query would cost, so that a monstrous one is refused before it runs. Pure.

The limits were measured with 30,000 images: within each of them, a search takes half a second at
most. What people and programs ask for stays far below them.
"""

from collections.abc import Iterator

from indexer.errors import CostlyQueryError
from indexer.model import (
    And,
    AtLeast,
    Condition,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)
from indexer.store import KEYS_MAX
from search_api.query import TERMS_MAX
from search_api.search.request import SearchRequest

PATTERNS_MAX = 16
"""Patterns and close spellings of a query: each is compared with all words of the index."""
CONDITIONS_MAX = 2 * KEYS_MAX + TERMS_MAX
"""Conditions of a query, after ``base:``, ``baseof:`` and ``layer:`` became those of layers. One of
these may mean as much as the store finds for it, several only as much together."""
COMPARISONS_MAX = 400_000
"""Words, their other forms and synonyms, times the results in whose texts they are marked."""
_PATTERN_WORDS = 8
"""A pattern is as much work in a text as so many words."""
_DIGITS_MIN = 7
"""The beginning of a digest or commit with so many digits means few of them."""


def check_patterns(query: Query) -> None:
    """Check the patterns of a parsed query; :class:`CostlyQueryError` if there are too many."""
    patterns = sum(_is_pattern(part) for part in _leaves(query))
    if patterns > PATTERNS_MAX:
        raise CostlyQueryError(
            f"{patterns} patterns in a query (with *, ? or ~); the limit is {PATTERNS_MAX}:"
            " use fewer, or several searches",
            column=1,
        )


def check_conditions(query: Query) -> None:
    """Check a query with resolved lineage; :class:`CostlyQueryError` if it has become too long."""
    conditions = sum(1 for _ in _leaves(query))
    if conditions > CONDITIONS_MAX:
        raise CostlyQueryError(
            f"the query means {conditions} layers and conditions; the limit is {CONDITIONS_MAX}:"
            " use fewer of base:, baseof: and layer:, or longer names in them",
            column=1,
        )


def check_page(query: Query, request: SearchRequest) -> None:
    """Check the words and results of an expanded query; :class:`CostlyQueryError` if too many."""
    if not request.with_texts:
        return
    words = sum(map(_words, _leaves(query)))
    if words * request.limit > COMPARISONS_MAX:
        raise CostlyQueryError(
            f"{words} words with their synonyms (a pattern counts as {_PATTERN_WORDS}) times"
            f" {request.limit} results are {words * request.limit}; the limit is"
            f" {COMPARISONS_MAX}: use a limit of {COMPARISONS_MAX // words} or fewer words",
            column=1,
        )


def _is_pattern(part: Query) -> bool:
    match part:
        case Wildcard() | Fuzzy() | Glob() | Prefix():
            return True
        case Condition("digest" | "revision", value, is_prefix=True):
            return len(value) < _DIGITS_MIN
        case Condition(value=value, is_prefix=is_prefix):
            return is_prefix and value != ""
        case _:
            return False


def _words(part: Query) -> int:
    match part:
        case Wildcard() | Fuzzy() | Prefix():
            return _PATTERN_WORDS
        case Word():
            return 1 + len(part.others) + len(part.examples) + sum(map(len, part.apart))
        case Phrase(found):
            return len(found)
        case Path():
            return 1
        case _:
            return 0


def _leaves(query: Query) -> Iterator[Query]:
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case _:
            yield query
