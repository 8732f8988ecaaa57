"""Two images side by side: which layers both have, and in what else they differ. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from indexer.clock import rfc3339
from indexer.errors import InvalidValueError, NotFoundError
from indexer.extract import Anatomy, BuildStep, Facts, Part, read_build, sum_sizes
from indexer.model import Content, RepositoryRow, StoredImage
from search_api.resources.image_json import config_json
from search_api.resources.list_json import format_reference, place_json

PLATFORMS_MAX = 200
"""Platforms that are told; an index may name a thousand."""
_NAMES_SHOWN = 20
_TEXT_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """An image of a repository, and the platform of it that is compared.

    ``anatomy`` and ``facts`` are those of the platform; ``platforms`` are all of an index.
    """

    repository: RepositoryRow
    image: StoredImage
    anatomy: Anatomy
    facts: Facts
    platforms: Sequence[str]


@contextmanager
def on_side(side: str) -> Iterator[None]:
    """Let an error name the side, ``a`` or ``b``, that it is about."""
    try:
        yield
    except (InvalidValueError, NotFoundError) as error:
        raise type(error)(f"{side}: {error}") from error


def list_platforms(anatomy: Anatomy) -> dict[str, Part]:
    """Return those platforms of an index whose manifests are known; none of anything else."""
    found: dict[str, Part] = {}
    for part in anatomy.parts if anatomy.is_index else ():
        if part.is_platform and part.manifest:
            found.setdefault(str(part.platform), part)
    return found


def choose_part(own: Anatomy, other: Anatomy, *, wanted: str = "") -> Part:
    """Return the part of an image that is compared with another image.

    It is that of the ``wanted`` platform, else of one that the other image has too: what speaks
    for either of them if possible. :class:`NotFoundError` if an index lacks the wanted platform.
    """
    parts = list_platforms(own)
    if not parts:
        return own.shown
    if wanted:
        if wanted not in parts:
            names = ", ".join(sorted(parts)[:_NAMES_SHOWN])
            raise NotFoundError(f"no platform {wanted[:_TEXT_SHOWN]!r}: it has {names}")
        return parts[wanted]
    shown = {str(own.shown.platform), str(other.shown.platform)}
    both = parts.keys() & (list_platforms(other).keys() or {str(other.shown.platform)})
    # Sorted, so that both images choose the same.
    chosen = next((name for name in (*sorted(shown & both), *sorted(both))), None)
    return parts[chosen] if chosen else own.shown


def find_content(content: Content, digest: str | None) -> Content:
    """Return the manifest with a digest in or below another one, which it is if none has it."""
    waiting, seen = [content], {content.digest}
    while waiting:
        one = waiting.pop()
        if one.digest == digest:
            return one
        waiting += [child for child in one.children if child.digest not in seen]
        seen.update(child.digest for child in one.children)
    return content


def compare_images(a: ComparedImage, b: ComparedImage) -> dict[str, Any]:
    """Return the two images, their layers, and each difference as ``{key, a, b}``."""
    ours, theirs = a.facts, b.facts
    return {
        "a": _side(a),
        "b": _side(b),
        "same": _digest(a) == _digest(b),
        "platforms": [name for name in a.platforms if name in b.platforms],
        "layers": _layers(a.anatomy.shown, b.anatomy.shown),
        "image": _differences(_said(a), _said(b)),
        "config": _differences(_config(a), _config(b)),
        "env": _differences(_env(a), _env(b)),
        "labels": _differences(ours.labels, theirs.labels),
        "annotations": _differences(ours.annotations, theirs.annotations),
    }


def _side(one: ComparedImage) -> dict[str, Any]:
    digest, tags = one.image.content.digest, one.image.tags
    platform = one.anatomy.shown.platform
    return {
        **place_json(one.repository),
        "digest": digest,
        "reference": format_reference(one.repository, digest, tags),
        "tags": list(tags[:_NAMES_SHOWN]),
        "platforms": list(one.platforms[:PLATFORMS_MAX]),
        "platform": str(platform) if platform else None,
        "compared_digest": _digest(one),
        **_said(one),
        "title": one.facts.title or one.repository.name.rpartition("/")[2],
    }


def _digest(one: ComparedImage) -> str:
    return one.anatomy.shown.digest or one.image.content.digest


def _said(one: ComparedImage) -> dict[str, Any]:
    facts, manifest = one.facts, one.anatomy.shown.manifest
    return {
        "kind": facts.kind,
        "artifact_type": facts.artifact_type or None,
        "media_type": facts.media_type or None,
        "title": facts.title,
        "version": facts.version or None,
        "revision": facts.revision or None,
        "source": facts.source or None,
        "created_at": rfc3339(facts.created_at) if facts.created_at else None,
        "size_bytes": facts.size_bytes,
        "layer_count": len(manifest.layers) if manifest else None,
    }


def _config(one: ComparedImage) -> dict[str, Any]:
    config = config_json(one.anatomy.shown)
    del config["env"]
    return config


def _env(one: ComparedImage) -> dict[str, str]:
    return {each["name"]: each["value"] for each in config_json(one.anatomy.shown)["env"]}


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of which one has another value, or none; in the order of ``a``."""
    pairs = ((key, a.get(key), b.get(key)) for key in dict.fromkeys((*a, *b)))
    return [{"key": key, "a": ours, "b": theirs} for key, ours, theirs in pairs if ours != theirs]


def _layers(a: Part, b: Part) -> dict[str, Any]:
    ours, theirs = _with_layer(a), _with_layer(b)
    in_common = 0
    for one, other in zip(ours, theirs, strict=False):
        if not _keys([one]) & _keys([other]):
            break
        in_common += 1
    in_a, in_b = _keys(ours), _keys(theirs)
    shared = {step.layer.digest: step.layer for step in ours if _keys([step]) & in_b and step.layer}
    return {
        "common": in_common,
        "shared_count": len(shared),
        "shared_size_bytes": sum_sizes(layer.size_bytes for layer in shared.values()),
        "a": [_layer(n, step, in_b) for n, step in enumerate(ours, 1)],
        "b": [_layer(n, step, in_a) for n, step in enumerate(theirs, 1)],
    }


def _with_layer(part: Part) -> list[BuildStep]:
    return [step for step in read_build(part).steps if step.layer is not None]


def _keys(steps: Iterable[BuildStep]) -> set[str]:
    """Return what layers are known by: one that is compressed again has the same DiffID."""
    return {
        key
        for step in steps
        for key in (step.layer.digest if step.layer else None, step.diff_id)
        if key is not None
    }


def _layer(position: int, step: BuildStep, others: set[str]) -> dict[str, Any]:
    layer, entry = step.layer, step.step
    return {
        "position": position,
        "digest": layer.digest if layer else None,
        "diff_id": step.diff_id,
        "size_bytes": layer.size_bytes if layer else None,
        "title": step.title or None,
        "command": entry.created_by or None if entry else None,
        "shared": bool(_keys([step]) & others),
    }
