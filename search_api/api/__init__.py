"""The HTTP API under ``/api/v1``; one definition checks requests and makes the OpenAPI document."""

from search_api.api.application import api_middleware, make_api, sharing_middleware
from search_api.api.caching import kept_answer, kept_response
from search_api.api.changes import Streams
from search_api.api.resources import next_link

__all__ = [
    "Streams",
    "api_middleware",
    "kept_answer",
    "kept_response",
    "make_api",
    "next_link",
    "sharing_middleware",
]
