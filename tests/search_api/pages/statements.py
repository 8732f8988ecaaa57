"""Counting what a page, or an answer of the API, asks of the store."""

from collections.abc import Callable
from pathlib import Path

import httpx2
from starlette.applications import Starlette
from starlette.routing import Mount

from indexer.store import Store
from search_api.api import make_api
from search_api.pages import Site, page_routes
from search_api.search import OWNER, VIEWER, SearchService, make_web_service
from tests.fakes.clock import ManualClock
from tests.search_api.filling import make_client, settings_for
from tests.search_api.pages.conftest import HTML


async def count_statements(directory: Path, address: str) -> tuple[int, httpx2.Response]:
    """Return how many statements an address runs when it is asked for again, and the answer."""
    clock = ManualClock()
    VIEWER.set(OWNER)
    service = make_web_service(settings_for(directory), clock=clock)
    pages = page_routes(Site(service, clock=clock, version="0"))
    app = Starlette(routes=[Mount("/api/v1", make_api(service)), *pages])
    found: list[str] = []
    async with make_client(app) as client:
        await client.get(address, headers=HTML)
        await _trace(service, found.append)
        response = await client.get(address, headers=HTML)
        await _trace(service, None)
    await service.close()
    reading = [one for one in found if one.lstrip().upper().startswith(("SELECT", "WITH"))]
    return len(reading), response


async def _trace(service: SearchService, trace: Callable[[str], None] | None) -> None:
    def set_trace(store: Store) -> None:
        store._database.conn.set_trace_callback(trace)

    await service._thread.run(lambda: service._known_store().read(set_trace))
    await service._status_thread.run(
        lambda: service._status_searcher._state.read(set_trace)  # type: ignore[attr-defined]
    )
