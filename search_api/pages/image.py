"""The page of an image, by its tag or by its digest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from search_api.pages.addresses import Addresses
from search_api.pages.drawings import (
    digest_swatch,
    layer_bar,
    layer_legend,
    lineage_arrow,
    platform_bars,
    size_bar,
    tag_timeline,
)
from search_api.pages.image_facts import (
    attachments_view,
    history_view,
    labels_view,
    links_view,
    masks_secrets,
    platforms_view,
    tag_targets,
)
from search_api.pages.image_layers import (
    ROWS_MAX,
    bases_view,
    declared_base,
    dockerfile_text,
    drawn_layers,
    drawn_platforms,
    image_address,
    image_name,
    layer_rows,
)
from search_api.pages.pull import PullCommand, pull_commands
from search_api.pages.site import PageView, Site
from search_api.query import facet_query
from search_api.resources import Resources

OTHER_TAGS_MAX = 100
"""Tags of the repository that are offered for a comparison: those with the nearest names."""
DERIVED_SHOWN = 5
HISTORY_OPEN = 8
"""Moves of a tag that are not folded."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What the store says of an image, and of the tag it was asked by if it was one.

    ``layers`` are those of each of its platforms, by the digests of their manifests.
    ``held`` are the images in the history of the tag that are still there, with their sizes.
    """

    image: Mapping[str, Any]
    layers: Mapping[str, Sequence[Mapping[str, Any]]]
    other_tags: Sequence[str]
    tag: Mapping[str, Any] | None = None
    held: Mapping[str, int | None] = field(default_factory=dict)


def read_tag(
    registry: str, repository: str, tag: str, platform: str | None, resources: Resources
) -> FoundImage:
    """Return the image of a tag, or what one of its platforms says, with the tag's history."""
    told = resources.tag(registry, repository, tag)
    image, layers = resources.image_with_layers(
        told["digest"],
        registry=registry,
        repository=repository,
        platform=platform,
    )
    moved = {move["digest"] for move in told["history"] if move["digest"]}
    held = resources.sizes(registry, repository, moved)
    return FoundImage(image, layers, _other_tags(image, tag, resources), told, held)


def read_image(
    digest: str,
    registry: str | None,
    repository: str | None,
    platform: str | None,
    resources: Resources,
) -> FoundImage:
    """Return an image by its digest, in one repository if it is named."""
    image, layers = resources.image_with_layers(
        digest, registry=registry, repository=repository, platform=platform
    )
    return FoundImage(image, layers, _other_tags(image, "", resources))


async def answer_tag(site: Site, request: Request) -> Response:
    """Return the page of the image that a tag points to."""
    registry, place = request.path_params["registry"], request.path_params["place"]
    repository, _, tag = place.rpartition(":")
    platform = request.query_params.get("platform") or None
    found = await site.service.read(partial(read_tag, registry, repository, tag, platform))
    return await site.respond(request, image_page(site, found, platform=platform))


async def answer_digest(site: Site, request: Request) -> Response:
    """Return the page of an image, by its digest."""
    asked = request.query_params
    registry, repository, platform = (
        asked.get(name) or None for name in ("registry", "repository", "platform")
    )
    digest = request.path_params["digest"]
    found = await site.service.read(partial(read_image, digest, registry, repository, platform))
    return await site.respond(request, image_page(site, found, platform=platform))


def image_page(site: Site, found: FoundImage, *, platform: str | None) -> PageView:
    """Return what the page of an image shows."""
    image, tag, to, now = found.image, found.tag, site.to, site.clock.now()
    registry, repository = image["registry"], image["repository"]
    within = {"registry": registry, "repository": repository}
    bases = bases_view(image, to)
    rows = layer_rows(image, bases, to)
    layers = drawn_layers(rows)
    addresses = {
        one["platform"]: _address(image, tag, to, platform=one["platform"])
        for one in image["platforms"]
        if one["platform"]
    }
    platforms = drawn_platforms(image, found.layers, addresses, to) if image["is_index"] else []
    shown_platforms = platforms_view(image, addresses)
    history = history_view(tag, found.held, to) if tag else []
    name = f"{repository}:{tag['tag']}" if tag else image["digest"]
    sizes = [layer.size_bytes for layer in layers if layer.size_bytes is not None]
    commands, pinned = pull_view(image, tag, platform=platform)
    dockerfile = dockerfile_text(image, bases)
    return PageView(
        "image.html",
        title=name,
        values={
            "image": image,
            "tag": tag,
            "name": name,
            "namespace": repository.rpartition("/")[0],
            "platform": platform,
            "platforms": shown_platforms,
            "platform_search": to.search(
                facet_query("platform", shown_platforms["shown"] or ""), type="image"
            ),
            "actor": history[0]["actor"] if history else None,
            "also": _also(image, tag, to),
            "commands": commands,
            "pinned": pinned,
            "links": links_view(image),
            "rows": rows[:ROWS_MAX],
            "rows_left": max(0, len(rows) - ROWS_MAX),
            "layer_count": len(layers),
            "layers_size": sum(sizes) if sizes else None,
            "largest": max(sizes, default=0),
            "bar": layer_bar(layers, prefix="layers") if layers else "",
            "legend": layer_legend(layers, prefix="layers") if layers else "",
            "platform_bars": platform_bars(platforms, prefix="platforms")
            if len(platforms) > 1
            else "",
            "is_shared": _is_shared(found.layers.values()),
            "is_built": any(row["text"] for row in rows),
            "dockerfile": dockerfile,
            "bases": bases,
            "declared": declared_base(image),
            "derived": _derived(image, to),
            "derived_search": to.search(f"base:{image['digest']}", type="image"),
            "attachments": attachments_view(image, to),
            "labels": labels_view(image, to),
            "history": history,
            "history_open": HISTORY_OPEN,
            "timeline": tag_timeline(
                tag_targets(history),
                now=now,
                prefix="history",
                is_cut=bool(tag and tag["history_has_more"]),
            ),
            "places": _places(image, to),
            "other_tags": found.other_tags,
            "has_secrets": masks_secrets(image, [row["text"] for row in rows]),
            "arrow": lineage_arrow(),
            "fan": lineage_arrow(is_fan=True),
            "size_bar": size_bar,
            "swatch": digest_swatch,
        },
        twin=to.api(f"images/{image['digest']}", **within, platform=platform),
        canonical=_address(image, tag, to, platform=platform),
        is_kept=True,
    )


def pull_view(
    image: Mapping[str, Any], tag: Mapping[str, Any] | None, *, platform: str | None
) -> tuple[list[PullCommand], dict[str, PullCommand]]:
    """Return the commands that fetch an image by its tag, and by tool those by its digest.

    Those by digest fetch the ``platform`` alone if one was chosen. An image without a tag has no
    others.
    """
    digest = image["shown_digest"] if platform else image["digest"]
    exact = f"{image['registry_host']}/{image['repository']}@{digest}"
    by_digest = pull_commands(exact, image["kind"])
    reference = tag["reference"] if tag else image["reference"]
    if "@" in reference:
        return by_digest, {}
    return pull_commands(reference, image["kind"]), {one.tool: one for one in by_digest}


def _address(
    image: Mapping[str, Any],
    tag: Mapping[str, Any] | None,
    to: Addresses,
    *,
    platform: str | None,
) -> str:
    registry, repository = image["registry"], image["repository"]
    if tag:
        return to.tag(registry, repository, tag["tag"], platform=platform)
    return to.image(image["digest"], registry, repository, platform=platform)


def _also(
    image: Mapping[str, Any], tag: Mapping[str, Any] | None, to: Addresses
) -> list[tuple[str, str]]:
    """Return the other tags of the same image, with their pages."""
    return [
        (one, to.tag(image["registry"], image["repository"], one))
        for one in image["tags"]
        if not tag or one != tag["tag"]
    ]


def _derived(image: Mapping[str, Any], to: Addresses) -> list[tuple[str, str]]:
    return [
        (image_name(one, registry=image["registry"]), image_address(one, to))
        for one in image["derived"]["images"][:DERIVED_SHOWN]
    ]


def _is_shared(platforms: Iterable[Sequence[Mapping[str, Any]]]) -> bool:
    """Tell whether several platforms have a layer in common."""
    digests = [digest for layers in platforms for digest in {one["digest"] for one in layers}]
    return len(set(digests)) < len(digests)


def _places(image: Mapping[str, Any], to: Addresses) -> list[tuple[str, str]]:
    """Return where else the same image is."""
    here = (image["registry"], image["repository"], image["digest"])
    return [
        (image_name(one, registry=image["registry"]), image_address(one, to))
        for one in image["places"]
        if (one["registry"], one["repository"], one["digest"]) != here
    ]


def _other_tags(image: Mapping[str, Any], tag: str, resources: Resources) -> list[str]:
    """Return tags of the same repository that may be compared with an image."""
    near = tag or next(iter((*image["tags"], *image["last_tags"])), "")
    return resources.tags_beside(image["registry"], image["repository"], near, limit=OTHER_TAGS_MAX)
