"""One search: request, searcher, service, and what becomes of an answer."""

from search_api.search.completions import completion_json, completions
from search_api.search.corrections import corrected
from search_api.search.cursors import (
    Cursor,
    Order,
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
)
from search_api.search.request import (
    FACETS_MAX,
    LIMIT_MAX,
    Asked,
    ask,
    parse_count,
    parse_facets,
    parse_order,
)
from search_api.search.response import quarantined_json, search_bytes, search_json, status_json
from search_api.search.searcher import Answer, Searcher, Status
from search_api.search.service import Searching
from search_api.search.setup import make_searcher, make_searching

__all__ = [
    "FACETS_MAX",
    "LIMIT_MAX",
    "Answer",
    "Asked",
    "Cursor",
    "Order",
    "Searcher",
    "Searching",
    "Status",
    "ask",
    "completion_json",
    "completions",
    "corrected",
    "decode_cursor",
    "decode_place",
    "encode_cursor",
    "encode_place",
    "make_searcher",
    "make_searching",
    "parse_count",
    "parse_facets",
    "parse_order",
    "quarantined_json",
    "search_bytes",
    "search_json",
    "status_json",
]
