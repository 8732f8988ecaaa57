"""``regsearch show``: all known facts about an exact reference."""

from typing import Any

from indexer.errors import InvalidValueError, NotFoundError
from indexer.model import Reference, parse_reference
from search_api.resources.resources import Resources
from search_api.resources.tag_list import TagOrder

TAGS_SHOWN = 50
_TEXT_SHOWN = 300


def look_up(resources: Resources, text: str) -> dict[str, Any]:
    """Return the JSON of a reference's target: ``image``, ``layer``, or ``repository`` and tags.

    A name without a tag is a repository. :class:`NotFoundError` if nothing has that name,
    :class:`InvalidValueError` if several registries have it.
    """
    reference = parse_reference(text)
    if not reference.path:
        return _by_digest(resources, reference.digest)
    registry, repository = _place(resources, reference, text)
    within = {"registry": registry, "repository": repository}
    if reference.digest:
        return {"image": resources.image(reference.digest, **within)}
    if reference.tag:
        tag = resources.tag(registry, repository, reference.tag)
        image = resources.image(tag["digest"], **within)
        return {"tag": tag, "image": image}
    tags = resources.tags(registry, repository, order=TagOrder.NEWEST, limit=TAGS_SHOWN)
    return {"repository": resources.repository(registry, repository), "tags": list(tags.items)}


def _by_digest(resources: Resources, digest: str) -> dict[str, Any]:
    try:
        return {"image": resources.image(digest)}
    except NotFoundError:
        return {"layer": resources.layer(digest, limit=TAGS_SHOWN)}


def _place(resources: Resources, reference: Reference, text: str) -> tuple[str, str]:
    """Return the registry and the repository of a path."""
    first, _, rest = reference.name.partition("/")
    registries = resources.registries()
    hosts = [one["registry"] for one in registries if rest and one["registry_host"] == first]
    names = [one["registry"] for one in registries if rest and one["registry"] == first]
    wanted = [(name, rest) for name in (*hosts, *names)]
    wanted += [(one["registry"], reference.name) for one in registries]
    found = [place for place in dict.fromkeys(wanted) if _is_there(resources, *place)]
    # A host chooses the registry, even if another one has a repository with that name.
    if found and (len(found) == 1 or found[0][1] == rest):
        return found[0]
    if not found:
        raise NotFoundError(f"no repository {reference.name[:_TEXT_SHOWN]!r} in any registry")
    where = ", ".join(f"{registry}/{repository}" for registry, repository in found)
    raise InvalidValueError(f"{text[:_TEXT_SHOWN]!r} is in several registries: name one of {where}")


def _is_there(resources: Resources, registry: str, repository: str) -> bool:
    try:
        resources.repository(registry, repository)
    except NotFoundError:
        return False
    return True
