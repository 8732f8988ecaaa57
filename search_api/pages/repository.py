"""The page of a repository."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from search_api.pages.site import Site


async def answer(site: Site, request: Request) -> Response:
    """Lead to the search for a repository."""
    registry, repository = request.path_params["registry"], request.path_params["place"]
    address = site.to.search(f"repo:{repository}", registry=registry)
    return RedirectResponse(address, status_code=303)
