"""One search: request, searcher, service, and the JSON of its result."""

from search_api.search.clients import Client
from search_api.search.completions import completion_json, completions
from search_api.search.cursors import (
    Cursor,
    Order,
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
)
from search_api.search.freshness import ReasonCode, SearchLoad, ServiceStatus
from search_api.search.node_requests import LINEAGE_PATH, read_rights
from search_api.search.process import StartedProcess
from search_api.search.request import (
    FACETS_MAX,
    SearchRequest,
    parse_count,
    parse_facets,
    parse_order,
)
from search_api.search.response import (
    API,
    freshness_json,
    quarantined_json,
    search_bytes,
    search_json,
    search_page,
    status_json,
)
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService
from search_api.search.setup import make_service, make_web_service, start_search_process
from search_api.search.viewer import (
    ALL_SIGHT,
    NO_SIGHT,
    OWNER,
    VIEWER,
    AskedImage,
    Owner,
    SettledViewer,
    Sight,
    Viewer,
)

__all__ = [
    "ALL_SIGHT",
    "API",
    "FACETS_MAX",
    "LINEAGE_PATH",
    "NO_SIGHT",
    "OWNER",
    "VIEWER",
    "AskedImage",
    "Client",
    "Cursor",
    "Order",
    "Owner",
    "ReasonCode",
    "SearchLoad",
    "SearchRequest",
    "SearchService",
    "Searcher",
    "ServiceStatus",
    "SettledViewer",
    "Sight",
    "StartedProcess",
    "Viewer",
    "completion_json",
    "completions",
    "decode_cursor",
    "decode_place",
    "encode_cursor",
    "encode_place",
    "freshness_json",
    "make_service",
    "make_web_service",
    "parse_count",
    "parse_facets",
    "parse_order",
    "quarantined_json",
    "read_rights",
    "search_bytes",
    "search_json",
    "search_page",
    "start_search_process",
    "status_json",
]
