"""Notifications at a search node, which has no journal for them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from search_api.http_errors import error_answer

# Nothing of the registry that was named: without its secret nobody learns which there are.
_ELSEWHERE = (
    "this is a search node: send notifications to the indexer node that has the registry, at the"
    " url of its [[node]]"
)


def notification_routes() -> list[Route]:
    """Return the route that answers each notification 404, and says where they go."""
    return [Route("/webhooks/{registry}", _answer, methods=["POST"])]


async def _answer(_: Request) -> Response:
    return error_answer(404, "NOT_FOUND", _ELSEWHERE)
