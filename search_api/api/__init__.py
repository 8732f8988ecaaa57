"""The HTTP API under ``/api/v1``; its OpenAPI document is made of what checks the requests."""

from search_api.api.application import make_api

__all__ = ["make_api"]
