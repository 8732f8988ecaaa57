"""``regsearch show``: all known facts about an exact reference."""

from dataclasses import dataclass
from typing import Any

from indexer.errors import InvalidValueError, NotFoundError
from indexer.model import Reference, parse_reference
from search_api.resources.comparison import on_side
from search_api.resources.images import ImagePlace
from search_api.resources.places import LATEST
from search_api.resources.resources import Resources
from search_api.resources.tag_list import TagOrder

TAGS_SHOWN = 50
_TEXT_SHOWN = 300


def look_up(resources: Resources, text: str) -> dict[str, Any]:
    """Return the JSON of a reference's target: ``image``, ``layer``, or ``repository`` and tags.

    A name without a tag is a repository; its newest versions are first. :class:`NotFoundError` if
    nothing has that name, :class:`InvalidValueError` if several registries have it.
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
    tags = resources.tags(
        registry, repository, order=TagOrder.VERSION, with_image=True, limit=TAGS_SHOWN
    )
    return {"repository": resources.repository(registry, repository), "tags": list(tags.items)}


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """The one thing that a reference names; ``tag`` goes before ``digest`` if there are both.

    Without a repository it is a layer, with neither tag nor digest the repository itself.
    """

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None


def find_named(resources: Resources, text: str) -> NamedPlace:
    """Return what a reference names; of that only its place is read. Errors as :func:`look_up`."""
    reference = parse_reference(text)
    if not reference.path:
        return _find_digest(resources, reference.digest)
    registry, repository = find_place(resources, reference, text)
    if not (reference.digest or reference.tag):
        return NamedPlace(registry, repository)
    digest = reference.digest or _tag_digest(resources, registry, repository, reference.tag)
    resources.find_image(digest, registry=registry, repository=repository)
    return NamedPlace(registry, repository, None if reference.digest else reference.tag, digest)


def _find_digest(resources: Resources, digest: str) -> NamedPlace:
    try:
        place = resources.find_image(digest)
    except NotFoundError:
        if not resources.has_layer(digest):
            raise
        return NamedPlace(digest=digest)
    return NamedPlace(place.registry, place.repository, digest=place.digest)


def _tag_digest(resources: Resources, registry: str, repository: str, tag: str) -> str:
    place = (registry, repository, tag)
    digest = resources.targets([place]).get(place)
    if digest is None:
        raise NotFoundError(
            f"no tag {tag[:_TEXT_SHOWN]!r} in repository {repository!r} of {registry!r}"
        )
    return digest


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
        digest = reference.digest or _tag_digest(
            resources, registry, repository, reference.tag or LATEST
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
    hosts = resources.hosts()
    wanted = [(name, rest) for name, host in hosts.items() if rest and host == first]
    wanted += [(name, rest) for name in hosts if rest and name == first]
    wanted += [(name, reference.name) for name in hosts]
    # A repository that is there without such a tag is told too.
    known = resources.targets([(*place, "") for place in wanted])
    found = [place for place in dict.fromkeys(wanted) if (*place, "") in known]
    # A host chooses the registry, even if another one has a repository with that name.
    if found and (len(found) == 1 or found[0][1] == rest):
        return found[0]
    if not found:
        raise NotFoundError(f"no repository {reference.name[:_TEXT_SHOWN]!r} in any registry")
    where = ", ".join(f"{registry}/{repository}" for registry, repository in found)
    raise InvalidValueError(f"{text[:_TEXT_SHOWN]!r} is in several registries: name one of {where}")
