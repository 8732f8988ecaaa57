"""The resources of the API: what the store knows of each thing, as JSON objects."""

from search_api.resources.resources import Resources, TagOrder
from search_api.resources.show import look_up

__all__ = ["Resources", "TagOrder", "look_up"]
