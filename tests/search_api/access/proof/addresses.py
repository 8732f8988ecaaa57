"""What can be asked: for each operation of the OpenAPI document, and for all other surfaces.

A new operation needs an entry here; :func:`api_addresses` raises a KeyError for one without.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.search_api.access.proof.world import (
    DESCRIPTION,
    HOSTS,
    SOFTWARE,
    TEAMS,
    TITLE,
    Place,
    World,
)
from tests.search_api.filling import Pushed

API = "/api/v1"
FACETS = (
    "registry,namespace,kind,platform,arch,os,has,license,vendor,tag,label:team,"
    "label:org.opencontainers.image.revision"
)
SORTS = ("relevance", "name", "-created", "pushed", "size", "pulls")
TYPES = ("repository", "image")
STREAM = "stream_changes"
"""An operation whose answer does not end."""


@dataclass(frozen=True, slots=True)
class Known:
    """Identifiers to ask for, whoever may see what they name."""

    places: tuple[Place, ...]
    tags: tuple[tuple[Place, str], ...]
    digests: tuple[str, ...]
    layers: tuple[str, ...]
    """Digests of layers and DiffIDs."""
    marks: tuple[str, ...]
    """Words of images: in labels, their keys, descriptions, variables and commands."""

    def __add__(self, other: "Known") -> "Known":
        return Known(
            self.places + other.places,
            self.tags + other.tags,
            self.digests + other.digests,
            self.layers + other.layers,
            self.marks + other.marks,
        )


def known_of(pushed: Iterable[Pushed]) -> Known:
    """Return all identifiers of what was pushed."""
    listed = list(pushed)
    places = tuple(Place(one.registry, one.repository) for one in listed)
    tags = tuple((place, one.tag) for place, one in zip(places, listed, strict=True))
    digests, layers, marks = [], [], []
    for one in listed:
        built = one.built
        digests += [built.digest, *(child.digest for child in built.children)]
        layers += [blob.digest for blob in built.blobs[-1:]]
        layers += built.config.get("rootfs", {}).get("diff_ids", [])[-1:] if built.blobs else []
        user = built.config.get("config", {}).get("User") if built.blobs else None
        marks += [user] if user else []
    return Known(places, tags, tuple(digests), tuple(layers), tuple(marks))


def sample(world: World, number: int, dice: Random) -> Known:
    """Return the identifiers of a few things of a world."""
    return known_of(dice.sample(world.pushed, min(number, len(world.pushed))))


def _address(path: str, **parameters: object) -> str:
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def queries(known: Known) -> Iterator[str]:
    """Yield queries with each kind of condition."""
    yield from ("", SOFTWARE[0], TEAMS[0], f"{SOFTWARE[1]} {SOFTWARE[2]}", "nginz", "arch:arm64")
    yield from ("is:multiarch", "has:sbom", "label:team", "license:MIT", "size:>1", "-nginx")
    yield from ("mk*", "v-mk*", "postgres OR redis", "registry:inner7", "host:outer8.example:5000")
    for place in known.places:
        name = place.repository
        yield from (name, name[:-1], f"{name[:-1]}~", name.rpartition("/")[2], f"{name[:9]}*")
        yield from (f"repo:{name}", f"name:{name}", f"baseof:{name}", f"base:{name}")
        yield from (f"{HOSTS[place.registry]}/{name}", f"registry:{place.registry} {name}")
        yield f"host:{HOSTS[place.registry]} {name}"
    for place, tag in known.tags:
        yield from (f"tag:{tag}", f"{place.repository}:{tag}", f"base:{place.repository}:{tag}")
        yield f"docker pull {HOSTS[place.registry]}/{place.repository}:{tag}"
    for digest in known.digests:
        yield from (f"digest:{digest}", f"digest:{digest[7:19]}", digest, f"base:{digest}")
        yield f"baseof:{digest}"
    for layer in known.layers:
        yield from (f"layer:{layer}", f"layer:{layer[7:20]}")
    for mark in known.marks:
        yield from (mark, mark[:-1], f"{mark[:-1]}~", f"label:org.{mark}", f"env:{mark.upper()}")
        yield from (f"label:org.{mark}=x{mark}", f"vendor:{mark}", f"cmd:{mark}", f"{mark[:5]}*")
        yield from (f"revision:{mark}", f"title:{mark}", f"{SOFTWARE[0]} {mark}", f'"of {mark}"')
        yield f"annotation:{DESCRIPTION}={mark}*"


def typed(known: Known) -> Iterator[str]:
    """Yield beginnings of queries, as somebody types them."""
    yield from ("n", "team", "mk", "label:", "tag:", "vendor:", "env:", "base:", "kind:", "reg")
    for place in known.places:
        yield from (place.repository[:-2], place.repository.rpartition("-")[2][:6])
        yield from (f"repo:{place.repository[:-3]}", f"{place.repository}:", f"{TEAMS[0]} mk")
        yield f"{HOSTS[place.registry]}/{place.repository[:8]}"
    for mark in known.marks:
        yield from (f"label:org.{mark[:6]}", f"label:org.{mark}=", f"revision:{mark[:6]}", mark[:7])
        yield f"env:{mark[:6].upper()}"
    for place, tag in known.tags:
        yield from (f"{place.repository}:{tag[:-2]}", f"tag:{tag[:-2]}")


def references(known: Known) -> Iterator[str]:
    """Yield texts that somebody pastes."""
    for place, tag in known.tags:
        yield from (place.repository, f"{place.repository}:{tag}")
        yield f"{place.registry}/{place.repository}:{tag}"
        yield f"{HOSTS[place.registry]}/{place.repository}:{tag}"
    for digest in (*known.digests, *known.layers):
        yield from (digest, digest[7:20])
    for place, digest in zip(known.places, known.digests, strict=False):
        yield f"{place.repository}@{digest}"


def _search(known: Known) -> Iterator[str]:
    path = f"{API}/search"
    for number, q in enumerate(queries(known)):
        kind, sort = TYPES[number % 2], SORTS[number % len(SORTS)]
        yield _address(path, q=q, type=kind, facets=FACETS, sort=sort, limit=100)
        yield _address(path, q=q, type=TYPES[1 - number % 2], limit=3, facets="label:team")
    for sort in SORTS:
        for kind in TYPES:
            yield _address(path, type=kind, sort=sort, limit=50, facets=FACETS)
    for registry in (*HOSTS, *HOSTS.values(), "nobody"):
        yield _address(path, registry=registry, facets=FACETS)


def _suggest(known: Known) -> Iterator[str]:
    for q in typed(known):
        for kind in TYPES:
            yield _address(f"{API}/suggest", q=q, type=kind, limit=20)


def _registries(_: Known) -> Iterator[str]:
    yield f"{API}/registries"


def _registry(_: Known) -> Iterator[str]:
    for registry in (*HOSTS, "nobody"):
        yield f"{API}/registries/{registry}"


def _repositories(known: Known) -> Iterator[str]:
    for registry in (*HOSTS, "nobody"):
        yield _address(f"{API}/repositories/{registry}", limit=40)


def _repository(known: Known) -> Iterator[str]:
    for place in known.places:
        for registry in HOSTS:
            yield f"{API}/repositories/{registry}/{place.repository}"


def _tags(known: Known) -> Iterator[str]:
    for place in known.places:
        path = f"{API}/tags/{place.registry}/{place.repository}"
        yield _address(path, expand="image,history", sort="newest")
        for sort in ("name", "version", "size"):
            yield _address(path, sort=sort, limit=1)
        yield _address(path, match="v-mk*")


def _tag(known: Known) -> Iterator[str]:
    for place, tag in known.tags:
        yield f"{API}/tags/{place.registry}/{place.repository}:{tag}"


def _images(under: str, **parameters: object) -> Callable[[Known], Iterator[str]]:
    def addresses(known: Known) -> Iterator[str]:
        for digest in (*known.digests, *known.layers[:2]):
            yield _address(f"{API}/images/{digest}{under}", **parameters)

    return addresses


def _images_in_places(under: str) -> Callable[[Known], Iterator[str]]:
    def addresses(known: Known) -> Iterator[str]:
        yield from _images(under)(known)
        for place, digest in zip(known.places, known.digests, strict=False):
            within = {"registry": place.registry, "repository": place.repository}
            yield _address(f"{API}/images/{digest}{under}", **within)
            yield _address(f"{API}/images/{digest}{under}", registry=place.registry)

    return addresses


def _image(known: Known) -> Iterator[str]:
    yield from _images_in_places("")(known)
    for digest in known.digests:
        yield _address(f"{API}/images/{digest}", platform="linux/arm64")


def _derived(known: Known) -> Iterator[str]:
    yield from _images("/derived", limit=100)(known)
    yield from _images("/derived", limit=1)(known)


def _compare(known: Known) -> Iterator[str]:
    texts = list(references(known))
    for a, b in zip(texts, texts[1:] + texts[:1], strict=True):
        yield _address(f"{API}/compare", a=a, b=b)


def _layer(known: Known) -> Iterator[str]:
    for layer in (*known.layers, *known.digests[:2]):
        yield f"{API}/layers/{layer}"
        yield _address(f"{API}/layers/{layer}", limit=1)


def _changes(known: Known) -> Iterator[str]:
    for order in ("oldest", "newest"):
        yield _address(f"{API}/changes", order=order, limit=100)
        for registry in (*HOSTS, "nobody"):
            yield _address(f"{API}/changes", order=order, registry=registry, limit=100)
        for place in known.places:
            within = {"registry": place.registry, "repository": place.repository}
            yield _address(f"{API}/changes", order=order, limit=2, **within)
    yield _address(f"{API}/changes", cursor="now")


def _stream(known: Known) -> Iterator[str]:
    yield f"{API}/changes/stream"
    for place in known.places:
        yield _address(
            f"{API}/changes/stream", registry=place.registry, repository=place.repository
        )


def _status(_: Known) -> Iterator[str]:
    yield f"{API}/status"


def _show(known: Known) -> Iterator[str]:
    for reference in references(known):
        yield _address(f"{API}/show", reference=reference)


OPERATIONS: Mapping[str, Callable[[Known], Iterator[str]]] = {
    "search": _search,
    "suggest": _suggest,
    "list_registries": _registries,
    "get_registry": _registry,
    "list_repositories": _repositories,
    "get_repository": _repository,
    "list_tags": _tags,
    "get_tag": _tag,
    "get_image": _image,
    "list_attachments": _images_in_places("/attachments"),
    "list_bases": _images_in_places("/bases"),
    "list_derived": _derived,
    "list_places": _images("/places", limit=1),
    "compare_images": _compare,
    "get_layer": _layer,
    "show": _show,
    "list_changes": _changes,
    STREAM: _stream,
    "get_status": _status,
}


def operations(document: Mapping[str, Any]) -> list[str]:
    """Return the operations of an OpenAPI document; AssertionError for one that is no GET."""
    found = []
    for path, methods in document["paths"].items():
        assert methods.keys() == {"get"}, path
        found.append(methods["get"]["operationId"])
    return found


def api_addresses(document: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield addresses of each operation that ends; KeyError for one that is not known here."""
    for operation in operations(document):
        asked = OPERATIONS[operation](known)
        if operation != STREAM:
            yield from asked


def docker_addresses(known: Known) -> Iterator[str]:
    """Yield addresses that docker and podman ask."""
    yield from ("/v1/_ping", "/v2/", "/v2/_catalog", "/v2/_catalog?n=7")
    for number, q in enumerate(queries(known)):
        yield _address("/v1/search", q=q, n=(100, 3)[number % 2], page=number % 3 + 1)
    for place in known.places:
        yield _address("/v2/_catalog", n=5, last=place.repository)


def extension_addresses(known: Known) -> Iterator[str]:
    """Yield addresses of the OCI extension, with each parameter."""
    yield from ("/v2/_oci/ext/discover", "/v2/_oci/ext/search?n=20")
    path = "/v2/_oci/ext/search"
    for place in known.places:
        yield _address(path, repository=place.repository)
        yield _address(path, repository=place.repository, key="")
        yield _address(path, **{"global": place.repository})
    for place, tag in known.tags:
        yield _address(path, image=tag, n=2)
        yield _address(path, repository=place.repository, image=tag)
    for digest in known.digests:
        yield _address(path, digest=digest)
    for mark in known.marks:
        yield _address(path, key=mark)
        yield _address(path, **{"global": mark})
        yield _address(path, annotation=f"{DESCRIPTION}={mark}")
    yield _address(path, annotation=TITLE)
    yield _address(path, mediaType="application/vnd.oci.image.manifest.v1+json", n=30)
    yield _address(path, artifactType="application/spdx+json", n=30)


def page_addresses(known: Known) -> Iterator[str]:
    """Yield addresses of all pages."""
    yield from ("/", "/search", "/help", "/status", "/changes", "/compare", "/sign-in")
    yield "/nowhere"
    for number, q in enumerate(queries(known)):
        yield _address("/search", q=q, type=TYPES[number % 2])
    for kind in TYPES:
        yield _address("/search", sort="name", limit=100, type=kind)
    for registry in HOSTS:
        yield _address("/search", registry=registry)
        yield _address("/changes", registry=registry)
    for place, tag in known.tags:
        path = f"/r/{place.registry}/{place.repository}"
        yield from (path, f"{path}:{tag}", _address(path, tags="v-*", sort="version"))
        yield _address("/changes", registry=place.registry, repository=place.repository)
    for place, digest in zip(known.places, known.digests, strict=False):
        yield f"/i/{digest}"
        yield _address(f"/i/{digest}", registry=place.registry, repository=place.repository)
    for layer in (*known.layers, *known.digests[:1]):
        yield f"/l/{layer}"
    texts = list(references(known))
    for text in texts:
        yield _address("/go", ref=text)
    for a, b in zip(texts, texts[1:] + texts[:1], strict=True):
        yield _address("/compare", a=a, b=b)


def is_of_api(address: str) -> bool:
    """Tell whether an address is one of the API."""
    return address.startswith(API)


def path_of(text: str) -> str:
    """Return a text as a part of a path."""
    return quote(text, safe="/:@")
