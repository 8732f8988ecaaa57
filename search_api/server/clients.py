"""The client of a request, for searches, which end when it is gone."""

from starlette.requests import Request

from search_api.search import Client
from search_api.server.callers import caller_of


def client_of(request: Request) -> Client:
    """Return the client of a request whose body nobody needs."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return Client(caller_of(request.scope), gone)
