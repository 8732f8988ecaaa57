"""``/go?ref=``: from a pasted reference, command or digest to the one thing that it names."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.errors import InvalidValueError, NotFoundError
from search_api.pages.addresses import Addresses
from search_api.pages.site import Site
from search_api.query import pasted_reference
from search_api.resources import NamedPlace, find_named

REFERENCE_MAX = 1_000


async def answer(site: Site, request: Request) -> Response:
    """Lead to what a text names, or to what a search for it finds."""
    text = request.query_params.get("ref", "").strip()
    address = await named_address(site, text)
    return RedirectResponse(address or site.to.search(text), status_code=303)


async def named_address(site: Site, text: str) -> str | None:
    """Return the address of the one thing that a text names; None if it names none."""
    reference = pasted_reference(text[:REFERENCE_MAX])
    if reference is None:
        return None
    try:
        found = await site.service.read(lambda resources: find_named(resources, reference))
    except (NotFoundError, InvalidValueError):
        return None
    return _address(found, site.to)


def _address(found: NamedPlace, to: Addresses) -> str:
    registry, repository = found.registry, found.repository
    if registry is None or repository is None:
        return to.layer(found.digest or "")
    if found.tag:
        return to.tag(registry, repository, found.tag)
    if found.digest:
        return to.image(found.digest, registry, repository)
    return to.repository(registry, repository)
