"""How a document becomes fields of an OpenSearch index, and the mappings of the indexes.

As with tantivy, scores are sums of numbers that our queries give to terms. What a word is worth in
a document is two *features*, terms that have a number in each document: the two digits of its
impact. All points are whole numbers below 2**24, so sums are exact in the four-byte floats of
scores, in any order.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from indexer.engines.protocol import EncodedDocument
from indexer.engines.ranking import (
    ENDS,
    FACET_FIELDS,
    IMPACT_MAX,
    KEYWORD,
    NAMED,
    SORT_COLUMNS,
    TEXT,
    encoding_errors,
    end_terms,
    exact_terms,
    impacts,
    named_terms,
    range_numbers,
    scored_lines,
    sort_numbers,
    stored_result,
    stored_texts,
)
from indexer.model import NUMBERS, Document, fold

SCHEMA_VERSION = 2

ID = "id"
NAME = "name"
"""The whole folded name, for the order by name."""
GRAM = "gram"
"""Single characters of the name, and pairs."""
GRAM3 = "gram3"
"""All three characters in a row of the name: what is inside a name is a phrase of them."""
IMPACT = "impact"
"""The digits of the impact of every word, as features."""
REGISTRY = "registry"
"""The exact name of the registry."""
PLACE = "place"
"""The registry and the repository, both exact, as lines."""
RESULT = "result"
TEXTS = "texts"
WORD = "word"
"""The only field of the index of words."""

_BASE = 64
PLACES = (1, _BASE)
"""What a digit of an impact is worth in each place. A feature has nine binary digits of its number
(Lucene, ``FeatureField``), so one would not be exact, and two are."""
assert IMPACT_MAX < _BASE * _BASE  # noqa: S101 - two digits are enough

_TERMS = {"type": "keyword", "doc_values": False, "norms": False}
_WORDS = {"type": "text", "analyzer": "whitespace", "norms": False}
_STORED = {"type": "keyword", "index": False, "doc_values": False}
_KEY = {"type": "keyword"}
_RANGES = {"type": "long", "doc_values": False}

MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    # Nothing else is read back. What replicas need is kept beside it for a while.
    "_source": {"includes": [RESULT, TEXTS]},
    "properties": {
        ID: _KEY,
        NAME: _KEY,
        GRAM: _TERMS,
        GRAM3: {**_WORDS, "index_options": "positions"},
        TEXT: {**_WORDS, "index_options": "positions"},
        IMPACT: {"type": "rank_features"},
        **dict.fromkeys((KEYWORD, NAMED, ENDS, REGISTRY), _TERMS),
        PLACE: _KEY,
        **dict.fromkeys(FACET_FIELDS, _KEY),
        **{f"number_{name}": _RANGES for name in NUMBERS},
        **{column: {"type": "long"} for column in SORT_COLUMNS},
        RESULT: _STORED,
        TEXTS: _STORED,
    },
}
"""The mapping of the index of a type of document."""
WORDS_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "_source": {"enabled": False},
    "properties": {WORD: _TERMS},
}
"""The mapping of the index of words, each of which is a document with itself as its id."""


def digit(word: str, place: int) -> str:
    """Return the name of a digit of the impact of a word. A word has letters and digits only."""
    return f"{word}:{place}"


def digits(worths: Mapping[str, int]) -> dict[str, int]:
    """Return the digits of the impacts of words; those that are 0 are left out."""
    found: dict[str, int] = {}
    for word, worth in worths.items():
        high, low = divmod(worth, _BASE)
        if low:
            found[digit(word, 0)] = low
        if high:
            found[digit(word, 1)] = high
    return found


def number_field(name: str) -> str:
    """Return the field of a number that ranges ask for."""
    return f"number_{name}"


def place_term(registry: str, repository: str) -> str:
    """Return the term of a repository in ``PLACE``."""
    return f"{registry}\n{repository}"


def grams(text: str, length: int) -> list[str]:
    """Return all so many characters in a row of ``text``, in order."""
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def encode(document: Document) -> EncodedDocument:
    """Return ``document`` as it is sent, in JSON, and its searchable words.

    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    with encoding_errors(document):
        name, lines = fold(document.name), list(scored_lines(document))
        worths = impacts(lines)
        numbers = sort_numbers(document)
        fields: dict[str, Any] = {
            ID: document.key.id,
            NAME: name,
            GRAM: list({*name, *grams(name, 2)}),
            GRAM3: " ".join(grams(name, 3)),
            # A phrase never goes from one value to the next.
            TEXT: [" ".join(line) for line, _ in lines],
            IMPACT: digits(worths),
            NAMED: list(named_terms(document)),
            ENDS: end_terms(name),
            REGISTRY: document.key.registry,
            PLACE: place_term(document.key.registry, document.key.repository),
            **{field: list(terms) for field, terms in exact_terms(document).items()},
            RESULT: stored_result(document).decode(),
            TEXTS: stored_texts(document).decode(),
            **numbers,
            **{number_field(field): found for field, found in range_numbers(document).items()},
        }
        return EncodedDocument(document.key, (orjson.dumps(fields), frozenset(worths)))
