"""The HTTP API under ``/api/v1``; its OpenAPI document is made of what checks the requests."""

from search_api.api.application import make_api
from search_api.api.changes import Streams

__all__ = ["Streams", "make_api"]
