"""``/go?ref=``: from a pasted reference, command or digest to the one thing that it names."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.errors import InvalidValueError, NotFoundError
from search_api.pages.addresses import Addresses
from search_api.pages.site import Site
from search_api.query import pasted_reference
from search_api.resources import Resources, look_up

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

    def find(resources: Resources) -> dict[str, Any]:
        return look_up(resources, reference)

    try:
        found = await site.service.read(find)
    except (NotFoundError, InvalidValueError):
        return None
    return _address(found, site.to)


def _address(found: Mapping[str, Any], to: Addresses) -> str:
    if "layer" in found:
        return to.layer(found["layer"]["digest"])
    if "tag" in found:
        tag = found["tag"]
        return to.tag(tag["registry"], tag["repository"], tag["tag"])
    if "image" in found:
        image = found["image"]
        return to.image(image["digest"], image["registry"], image["repository"])
    repository = found["repository"]
    return to.repository(repository["registry"], repository["repository"])
