"""The client of a request, for searches, which end when it is gone.

Searches take turns by user where one is known, wherever they come from, else by address.
"""

from starlette.requests import Request

from search_api.access import CALLER, Caller
from search_api.search import Client
from search_api.server.callers import caller_of


def client_of(request: Request) -> Client:
    """Return the client of a request whose body nobody needs."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    caller: Caller | None = request.scope.get(CALLER)
    name = caller.name if caller else ""
    return Client(f"user {name}" if name else caller_of(request.scope), gone)
