"""The resources of the API: the facts in the store about each, as JSON objects."""

from search_api.resources.resources import ImagePlace, Resources
from search_api.resources.show import compare, look_up
from search_api.resources.tag_list import MATCH_MAX, TagOrder, TagPage
from search_api.resources.tag_versions import version_key

__all__ = [
    "MATCH_MAX",
    "ImagePlace",
    "Resources",
    "TagOrder",
    "TagPage",
    "compare",
    "look_up",
    "version_key",
]
