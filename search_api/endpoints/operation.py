"""The endpoints for probes of the service: whether it runs, and whether it can be used."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from search_api.search import SearchService


class Health:
    """The endpoints for probes of the service."""

    def __init__(
        self, service: SearchService, *, find_problem: Callable[[], Awaitable[str | None]]
    ) -> None:
        """Take what tells why notifications cannot be stored now, if they cannot."""
        self._service = service
        self._find_problem = find_problem

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/healthz", self.health), Route("/readyz", self.readiness)]

    def _search_problem(self) -> str:
        if self._service.load().processes_ready == 0:
            return "no search process runs: they start, or are being replaced"
        return "the search index cannot be read yet"

    async def health(self, _: Request) -> JSONResponse:
        """Answer 200 while the process runs."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, _: Request) -> JSONResponse:
        """Answer 200 when the service can search and be notified, else 503 with the reason."""
        problem = await self._find_problem()
        if problem is None and not await self._service.is_ready():
            problem = self._search_problem()
        if problem is None:
            return JSONResponse({"ready": True})
        return JSONResponse({"ready": False, "reason": problem}, status_code=503)
