"""The query language: from the text of a query to the tree of :mod:`indexer.model.query`.

``docs/query-language.md`` defines it.
"""

from search_api.query.alternatives import (
    Synonyms,
    load_synonyms,
    used_synonyms,
    with_others,
)
from search_api.query.fields import FACTS, FIELDS, facet_query
from search_api.query.hints import mistaken_fields
from search_api.query.parser import QUERY_MAX, TERMS_MAX, parse_query, plain_query
from search_api.query.references import pasted_reference
from search_api.query.spelling import (
    correctable_words,
    text_with_words_replaced,
    with_words_replaced,
)
from search_api.query.split import split_terms
from search_api.query.tokens import quoted

__all__ = [
    "FACTS",
    "FIELDS",
    "QUERY_MAX",
    "TERMS_MAX",
    "Synonyms",
    "correctable_words",
    "facet_query",
    "load_synonyms",
    "mistaken_fields",
    "parse_query",
    "pasted_reference",
    "plain_query",
    "quoted",
    "split_terms",
    "text_with_words_replaced",
    "used_synonyms",
    "with_others",
    "with_words_replaced",
]
