"""The resources of the API: what the store knows of each thing, as JSON objects."""

from search_api.resources.paging import ChangePage, Listing, TagOrder
from search_api.resources.reading import Resources

__all__ = ["ChangePage", "Listing", "Resources", "TagOrder"]
