"""The HTTP API under ``/api/v1``; one definition checks requests and makes the OpenAPI document."""

from search_api.api.application import make_api
from search_api.api.caching import kept_response
from search_api.api.changes import Streams

__all__ = ["Streams", "kept_response", "make_api"]
