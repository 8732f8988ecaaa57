"""The page of an image, by its tag or by its digest."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from search_api.pages.site import Site


async def answer_tag(site: Site, request: Request) -> Response:
    """Lead to the search for the image of a tag."""
    registry, place = request.path_params["registry"], request.path_params["place"]
    repository, _, tag = place.rpartition(":")
    address = site.to.search(f"repo:{repository} tag:{tag}", registry=registry)
    return RedirectResponse(address, status_code=303)
