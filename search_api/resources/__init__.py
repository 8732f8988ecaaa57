"""The resources of the API: the facts in the store about each, as JSON objects."""

from search_api.resources.images import ImagePlace
from search_api.resources.list_json import named_in
from search_api.resources.resources import Resources
from search_api.resources.show import NamedPlace, compare, find_named, look_up
from search_api.resources.tag_list import MATCH_MAX, TagOrder, TagPage

__all__ = [
    "MATCH_MAX",
    "ImagePlace",
    "NamedPlace",
    "Resources",
    "TagOrder",
    "TagPage",
    "compare",
    "find_named",
    "look_up",
    "named_in",
]
