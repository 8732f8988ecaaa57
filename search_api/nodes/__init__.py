"""What a search node fetches from the indexer nodes, which have the store."""

from search_api.nodes.details import Details
from search_api.nodes.notifications import notification_routes

__all__ = ["Details", "notification_routes"]
