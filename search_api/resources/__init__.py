"""The resources of the API: what the store knows of each thing, as JSON objects."""

from search_api.resources.reading import ChangePage, Listing, Resources, TagOrder

__all__ = ["ChangePage", "Listing", "Resources", "TagOrder"]
