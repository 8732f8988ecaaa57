"""The two addresses that say how the service is."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from search_api.searching import Searching


class Health:
    """The endpoints that whoever runs the service asks."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/healthz", self.health), Route("/readyz", self.readiness)]

    async def health(self, _: Request) -> JSONResponse:
        """Answer 200 while the process runs."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, _: Request) -> JSONResponse:
        """Answer 200 once searches can be answered, before that 503."""
        ready = await self._searching.is_ready()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)
