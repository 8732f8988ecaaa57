"""Pictures of a page as SVG markup. Pure: values in, markup out.

No picture has a script or a ``style`` attribute: ``drawings.css`` colours its classes. Each part
has a title, and a table or list beside each picture says the same.
"""

from search_api.pages.drawings.layer_bar import DrawnLayer, Origin, layer_bar, layer_legend
from search_api.pages.drawings.lineage_arrow import lineage_arrow
from search_api.pages.drawings.platform_bars import DrawnPlatform, platform_bars
from search_api.pages.drawings.size_bar import size_bar
from search_api.pages.drawings.tag_band import TagTarget, digest_class, digest_swatch
from search_api.pages.drawings.tag_history import TagLane, tag_lanes, tag_timeline
from search_api.pages.drawings.tag_sizes import SizedTag, tag_sizes

__all__ = [
    "DrawnLayer",
    "DrawnPlatform",
    "Origin",
    "SizedTag",
    "TagLane",
    "TagTarget",
    "digest_class",
    "digest_swatch",
    "layer_bar",
    "layer_legend",
    "lineage_arrow",
    "platform_bars",
    "size_bar",
    "tag_lanes",
    "tag_sizes",
    "tag_timeline",
]
