"""What the page of an image shows of its layers: where each is from, and what made it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_api.pages.addresses import Addresses
from search_api.pages.commands import BuildCommand, command_lines, command_text, dockerfile
from search_api.pages.drawings import DrawnLayer, DrawnPlatform, Origin

ROWS_MAX = 300
"""Steps that are shown; the JSON has all."""
_ONE_LINE = 90
"""Characters of a command that need not be folded."""
_STATEMENTS = "attestation"
_TYPE_WORDS = ("application/vnd.", "oci.image.", "docker.image.", "layer.v1.")


@dataclass(frozen=True, slots=True)
class ShownBase:
    """A base of an image: its first layers, and the images that have exactly these."""

    layer_count: int
    name: str
    address: str
    reference: str
    others: Sequence[tuple[str, str]]
    has_more: bool


def image_name(one: Mapping[str, Any], *, registry: str) -> str:
    """Return what an image is called on a page: its reference, without the host of ``registry``."""
    reference: str = one["reference"]
    if one["registry"] == registry:
        return reference.removeprefix(f"{one['registry_host']}/")
    return reference


def image_address(one: Mapping[str, Any], to: Addresses) -> str:
    """Return the address of an image in a list: by its first tag, or by its digest."""
    if one["tags"]:
        return to.tag(one["registry"], one["repository"], one["tags"][0])
    return to.image(one["digest"], one["registry"], one["repository"])


def bases_view(image: Mapping[str, Any], to: Addresses) -> list[ShownBase]:
    """Return the bases of the platform that is shown, the immediate one first."""
    found = []
    for base in _shown_bases(image)["bases"]:
        named = [
            (image_name(one, registry=image["registry"]), image_address(one, to))
            for one in base["images"]
        ]
        if named:
            found.append(
                ShownBase(
                    base["layer_count"],
                    *named[0],
                    reference=base["images"][0]["reference"],
                    others=named[1:],
                    has_more=base["has_more"],
                )
            )
    return found


def declared_base(image: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the base that the platform that is shown declares."""
    declared: Mapping[str, Any] | None = _shown_bases(image)["declared"]
    return declared


def layer_rows(
    image: Mapping[str, Any], bases: Sequence[ShownBase], to: Addresses
) -> list[dict[str, Any]]:
    """Return the steps that made an image, each with its layer if it made one."""
    # Layers are looked up in what tags lead to, and statements are none. A base has tags.
    is_found = image["kind"] != _STATEMENTS and any(one["tags"] for one in image["places"])
    rows, number = [], 0
    for step in image["layers"]:
        is_layer = step["digest"] is not None
        origin, base = _origin(number, bases, image) if is_layer else (Origin.UNKNOWN, None)
        number += is_layer
        raw = step["command"] or ""
        lines = command_lines(raw) if raw else ()
        rows.append(
            {
                **step,
                "number": number if is_layer else None,
                "address": to.layer(step["digest"]) if is_layer and (is_found or base) else "",
                "text": command_text(raw),
                "lines": lines,
                "is_folded": len(lines) > 1 or len(command_text(raw)) > _ONE_LINE,
                "origin": origin,
                "base": base,
                "type": _short_type(step["media_type"] or ""),
            }
        )
    return rows


def drawn_layers(rows: Sequence[Mapping[str, Any]]) -> list[DrawnLayer]:
    """Return the layers among the steps for the bar."""
    return [
        DrawnLayer(
            row["size_bytes"],
            row["origin"],
            row["title"] or row["text"],
            row["base"].name if row["base"] else "",
            row["address"],
            row["digest"],
        )
        for row in rows
        if row["digest"]
    ]


def drawn_platforms(
    image: Mapping[str, Any],
    layers: Mapping[str, Sequence[Mapping[str, Any]]],
    addresses: Mapping[str, str],
    to: Addresses,
) -> list[DrawnPlatform]:
    """Return the platforms of an index that were read; ``addresses`` are those of their pages."""
    return [
        DrawnPlatform(
            one["platform"],
            [
                DrawnLayer(
                    layer["size_bytes"],
                    Origin.OWN,
                    href=to.layer(layer["digest"]),
                    digest=layer["digest"],
                )
                for layer in layers[one["digest"]]
            ],
            addresses[one["platform"]],
        )
        for one in image["platforms"]
        if one["platform"] and one["digest"] in layers
    ]


def dockerfile_text(image: Mapping[str, Any], bases: Sequence[ShownBase]) -> str:
    """Return a Dockerfile that may have made an image; "" if its commands are not known."""
    steps = [
        BuildCommand(step["command"] or "", is_empty=step["digest"] is None)
        for step in image["layers"]
    ]
    if not any(step.text for step in steps):
        return ""
    if not bases:
        return dockerfile(steps)
    return dockerfile(steps, base=bases[0].reference, base_layers=bases[0].layer_count)


def _shown_bases(image: Mapping[str, Any]) -> Mapping[str, Any]:
    nothing: Mapping[str, Any] = {"bases": [], "declared": None}
    return next(
        (one for one in image["bases"] if one["manifest"] == image["shown_digest"]), nothing
    )


def _origin(
    place: int, bases: Sequence[ShownBase], image: Mapping[str, Any]
) -> tuple[Origin, ShownBase | None]:
    """Return where the layer at a place is from: the lowest base that has it, or the image."""
    holding = [base for base in bases if place < base.layer_count]
    if holding:
        return Origin.BASE, min(holding, key=lambda base: base.layer_count)
    # Without a base that is known, nobody can tell what is the image's own.
    is_own = bool(bases) or image["kind"] not in _BUILT
    return Origin.OWN if is_own else Origin.UNKNOWN, None


_BUILT = frozenset({"image", "builder", "buildpack", "docker-extension", "wasm-image"})
"""Kinds that are built on bases."""


def _short_type(media_type: str) -> str:
    for word in _TYPE_WORDS:
        media_type = media_type.replace(word, "")
    return media_type
