"""Who asks, and what they may see."""

from search_api.access.middleware import Viewing
from search_api.access.viewer import ALL_SIGHT, NO_SIGHT, OWNER, VIEWER, Owner, Sight, Viewer

__all__ = ["ALL_SIGHT", "NO_SIGHT", "OWNER", "VIEWER", "Owner", "Sight", "Viewer", "Viewing"]
