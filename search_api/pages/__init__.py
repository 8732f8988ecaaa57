"""The web page: one module for each page, templates, drawings, and files of its own."""

from search_api.pages.routes import answer_page, missing_page, page_routes
from search_api.pages.site import Site

__all__ = ["Site", "answer_page", "missing_page", "page_routes"]
