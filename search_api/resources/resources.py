"""Reading resources: one method for each, which answers JSON objects out of the store.

What is not there, or is not shown, is a :class:`NotFoundError` that names it. Lists give the place
where the next page begins.
"""

from search_api.resources.changes import ChangeResources
from search_api.resources.images import ImageResources
from search_api.resources.layers import LayerResources


class Resources(ChangeResources, ImageResources, LayerResources):
    """What can be read of an open store; for one request. ``now`` is the time."""
