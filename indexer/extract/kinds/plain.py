"""What is of no particular kind: plain images, and artifacts of types that nobody taught us."""

from collections.abc import Iterator
from typing import Any

from indexer.extract.kinds.kind import ARTIFACT, IMAGE, Kind, Material, config, layer
from indexer.extract.secrets import is_secret_name, masked
from indexer.model import Manifest, ManifestKind

ENTRIES_MAX = 100
"""Values of an unknown config that are searched."""
_TEXT_MAX = 1_024


def plain_kind(manifest: Manifest) -> Kind:
    """Return the kind of what no kind was recognised in."""
    is_of_images = manifest.kind is ManifestKind.INDEX and not manifest.artifact_type
    return PLAIN_IMAGE if manifest.is_image or is_of_images else UNKNOWN


def _everything(material: Material) -> Iterator[Any]:
    """Yield ``key: value`` for the texts and numbers of a config, from its top down."""
    level: list[tuple[str, Any]] = [("", material.config)]
    found = 0
    while level and found < ENTRIES_MAX:
        below: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, dict):
                below += [(name[:256], one) for name, one in list(value.items())[:ENTRIES_MAX]]
            elif isinstance(value, list):
                below += [(key, one) for one in value[:ENTRIES_MAX]]
            elif isinstance(value, str | int | float) and not is_secret_name(key):
                found += 1
                text = masked(value[:_TEXT_MAX]) if isinstance(value, str) else value
                yield f"{key}: {text}" if not isinstance(value, bool) else key if value else ""
        level = below[: 10 * ENTRIES_MAX]


def _on_layers(material: Material) -> Iterator[Any]:
    for one in material.layers:
        yield from one.annotations.values()


PLAIN_IMAGE = Kind(name=IMAGE, is_image=True)
"""An image that is nothing else besides."""

UNKNOWN = Kind(
    name=ARTIFACT,
    attaches=True,
    # Many tools spell their metadata so, and it is all that we can know of it.
    fields={
        "title": (config("title"), config("name")),
        "description": config("description"),
        "version": config("version"),
        "vendor": config("vendor"),
        "authors": (config("authors"), config("maintainers"), config("author")),
        "licenses": (config("licenses"), config("license")),
        "keywords": (config("keywords"), config("tags")),
        "url": (config("homepage"), config("url"), config("home")),
        "source": (config("source"), config("repository")),
        "documentation": config("documentation"),
    },
    properties={"config": _everything},
    contents=(layer("org.opencontainers.image.title"), _on_layers),
)
"""An artifact of a type that no kind knows."""
