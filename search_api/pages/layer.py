"""The page of a layer: what made it, and the images that hold it."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from search_api.pages.addresses import Addresses
from search_api.pages.commands import command_lines, command_text
from search_api.pages.image_layers import image_address, image_name
from search_api.pages.site import PageView, Site

IMAGES_SHOWN = 50


async def answer(site: Site, request: Request) -> Response:
    """Return the page of a layer, by its digest or its DiffID."""
    digest = request.path_params["digest"]
    found = await site.service.read(lambda resources: resources.layer(digest, limit=IMAGES_SHOWN))
    return await site.respond(request, layer_page(site.to, found))


def layer_page(to: Addresses, found: Mapping[str, Any]) -> PageView:
    """Return what the page of a layer shows."""
    digest, raw = found["digest"], found["command"] or ""
    images = [
        {
            **one,
            "name": image_name(one, registry=one["registry"]),
            "address": image_address(one, to),
        }
        for one in found["images"]
    ]
    return PageView(
        "layer.html",
        title=f"Layer {digest}",
        values={
            "layer": found,
            "images": images,
            "text": command_text(raw),
            "lines": command_lines(raw) if raw else (),
            "several": len({one["registry"] for one in images}) > 1,
            "search": to.search(f"layer:{digest}", type="image"),
        },
        twin=to.api(f"layers/{digest}"),
        canonical=to.layer(digest),
        is_kept=True,
    )
