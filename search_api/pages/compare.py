"""The page of two images side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from indexer.errors import InvalidValueError, NotFoundError
from search_api.pages.addresses import Addresses
from search_api.pages.commands import command_text
from search_api.pages.drawings import DrawnLayer, DrawnPlatform, Origin, platform_bars
from search_api.pages.site import PageView, Site, wants_html
from search_api.resources import Resources, compare

ROWS_MAX = 300
"""Layers and differences of one sort that are shown; the JSON has all."""
_PARTS = (
    ("image", "Facts"),
    ("config", "Settings"),
    ("env", "Environment"),
    ("labels", "Labels"),
    ("annotations", "Annotations"),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What is asked for: two references, and the platform of indexes, which may be empty."""

    a: str
    b: str
    platform: str

    def address(self, to: Addresses, **changed: str) -> str:
        """Return the address of this comparison, or of a changed one."""
        return to.page("compare", **(self.parameters() | changed))

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the address."""
        return {"a": self.a, "b": self.b, "platform": self.platform}


async def answer(site: Site, request: Request) -> Response:
    """Return the page; without two references it asks for them."""
    given = request.query_params
    asked = Compared(*(given.get(name, "").strip() for name in ("a", "b", "platform")))
    if not (asked.a and asked.b):
        return await site.respond(request, form_page(site.to, asked))

    def find(resources: Resources) -> dict[str, Any]:
        return compare(resources, asked.a, asked.b, platform=asked.platform)

    try:
        found = await site.service.read(find)
    except (InvalidValueError, NotFoundError) as error:
        if not wants_html(request.headers):
            raise
        status = 404 if isinstance(error, NotFoundError) else 400
        page = form_page(site.to, asked, message=str(error), status=status)
        return await site.respond(request, page)
    return await site.respond(request, compare_page(site.to, asked, found))


def form_page(to: Addresses, asked: Compared, *, message: str = "", status: int = 200) -> PageView:
    """Return the page that asks for two references, or for others if these are not there."""
    return PageView(
        "compare.html",
        title="Compare images",
        values={"asked": asked, "found": None, "message": message},
        twin=to.api("openapi.json"),
        canonical=asked.address(to),
        status=status,
    )


def compare_page(to: Addresses, asked: Compared, found: Mapping[str, Any]) -> PageView:
    """Return what the page shows of a comparison."""
    sides = [_side(found[name], getattr(asked, name), to) for name in ("a", "b")]
    layers = [[_layer(one, to) for one in found["layers"][name]] for name in ("a", "b")]
    bars = [
        DrawnPlatform(side["name"], list(map(_drawn, rows)), side["address"])
        for side, rows in zip(sides, layers, strict=True)
    ]
    parts = [(title, found[name]) for name, title in _PARTS if found[name]]
    return PageView(
        "compare.html",
        title=f"{sides[0]['name']} and {sides[1]['name']}",
        values={
            "asked": asked,
            "found": found,
            "message": "",
            "sides": sides,
            "rows": list(zip_longest(*layers))[:ROWS_MAX],
            "rows_left": max(0, max(map(len, layers)) - ROWS_MAX),
            "bars": platform_bars(bars, prefix="compared"),
            "differences": [(title, rows[:ROWS_MAX], len(rows)) for title, rows in parts],
            "swapped": asked.address(to, a=asked.b, b=asked.a),
            "platforms": [
                (one, asked.address(to, platform=one), one == found["a"]["platform"])
                for one in found["platforms"]
            ],
        },
        twin=to.api("compare", **asked.parameters()),
        canonical=asked.address(to),
        is_kept=True,
    )


def _side(side: Mapping[str, Any], text: str, to: Addresses) -> dict[str, Any]:
    """Return one of the two: it is called as it was asked for, without the registry's host."""
    address = partial(to.image, side["digest"], side["registry"], side["repository"])
    # Of one image the platform is not asked for.
    platform = side["platform"] if side["platforms"] else None
    return {
        **side,
        "name": text.removeprefix(f"{side['registry_host']}/"),
        "address": address(platform=platform),
    }


def _layer(layer: Mapping[str, Any], to: Addresses) -> dict[str, Any]:
    return {
        **layer,
        "text": layer["title"] or command_text(layer["command"] or ""),
        "address": to.layer(layer["digest"]),
    }


def _drawn(layer: Mapping[str, Any]) -> DrawnLayer:
    # What is compressed in another way has the same DiffID.
    same = layer["diff_id"] or layer["digest"]
    return DrawnLayer(layer["size_bytes"], Origin.OWN, layer["text"], digest=same)
