"""``regsearch show``: all known facts about an exact reference."""

from typing import Any

from indexer.errors import InvalidValueError, NotFoundError
from indexer.model import Reference, parse_reference
from search_api.resources.comparison import on_side
from search_api.resources.resources import ImagePlace, Resources
from search_api.resources.tag_list import TagOrder

TAGS_SHOWN = 50
_LATEST = "latest"
_TEXT_SHOWN = 300


def look_up(resources: Resources, text: str) -> dict[str, Any]:
    """Return the JSON of a reference's target: ``image``, ``layer``, or ``repository`` and tags.

    A name without a tag is a repository. :class:`NotFoundError` if nothing has that name,
    :class:`InvalidValueError` if several registries have it.
    """
    reference = parse_reference(text)
    if not reference.path:
        return _by_digest(resources, reference.digest)
    registry, repository = find_place(resources, reference, text)
    within = {"registry": registry, "repository": repository}
    if reference.digest:
        return {"image": resources.image(reference.digest, **within)}
    if reference.tag:
        tag = resources.tag(registry, repository, reference.tag)
        image = resources.image(tag["digest"], **within)
        return {"tag": tag, "image": image}
    tags = resources.tags(registry, repository, order=TagOrder.NEWEST, limit=TAGS_SHOWN)
    return {"repository": resources.repository(registry, repository), "tags": list(tags.items)}


def compare(resources: Resources, a: str, b: str, *, platform: str = "") -> dict[str, Any]:
    """Return the JSON of two images side by side; ``a`` and ``b`` are references.

    A name without a tag means its tag ``latest``. ``platform`` chooses in an index, else one is
    chosen that both have. The errors are those of :func:`look_up`, and say of which of the two.
    """
    return resources.compare(
        _locate(resources, "a", a), _locate(resources, "b", b), platform=platform
    )


def _locate(resources: Resources, side: str, text: str) -> ImagePlace:
    with on_side(side):
        reference = parse_reference(text)
        if not reference.path:
            return ImagePlace(reference.digest)
        registry, repository = find_place(resources, reference, text)
        digest = (
            reference.digest
            or resources.tag(registry, repository, reference.tag or _LATEST, limit=1)["digest"]
        )
        return ImagePlace(digest, registry, repository)


def _by_digest(resources: Resources, digest: str) -> dict[str, Any]:
    try:
        return {"image": resources.image(digest)}
    except NotFoundError:
        return {"layer": resources.layer(digest, limit=TAGS_SHOWN)}


def find_place(resources: Resources, reference: Reference, text: str) -> tuple[str, str]:
    """Return the registry and the repository of a path."""
    first, _, rest = reference.name.partition("/")
    registries = resources.registries()
    hosts = [one["registry"] for one in registries if rest and one["registry_host"] == first]
    names = [one["registry"] for one in registries if rest and one["registry"] == first]
    wanted = [(name, rest) for name in (*hosts, *names)]
    wanted += [(one["registry"], reference.name) for one in registries]
    found = [place for place in dict.fromkeys(wanted) if resources.has_repository(*place)]
    # A host chooses the registry, even if another one has a repository with that name.
    if found and (len(found) == 1 or found[0][1] == rest):
        return found[0]
    if not found:
        raise NotFoundError(f"no repository {reference.name[:_TEXT_SHOWN]!r} in any registry")
    where = ", ".join(f"{registry}/{repository}" for registry, repository in found)
    raise InvalidValueError(f"{text[:_TEXT_SHOWN]!r} is in several registries: name one of {where}")
