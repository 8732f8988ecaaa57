"""Registries, repositories, tags, images and layers: what is known of each.

Repository names hold slashes, so that what lists their tags is no address below theirs:
``/tags/REGISTRY/REPOSITORY`` lists and ``/tags/REGISTRY/REPOSITORY:TAG`` is one of them.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from indexer.store import Page
from search_api.api.caching import kept_answer
from search_api.api.operations import KEPT, Operation
from search_api.api.parameters import LIMIT_DEFAULT, CursorText, Limit
from search_api.api.resource_models import (
    Attachments,
    Bases,
    Image,
    Images,
    Layer,
    Places,
    Registries,
    Registry,
    Repositories,
    Repository,
    Tags,
    TagWithHistory,
)
from search_api.resources import TagOrder
from search_api.search import Searching, decode_place, encode_place

RegistryName = Annotated[
    str, Path(description="The name of a registry.", examples=["main"], max_length=255)
]
RepositoryPath = Annotated[
    str, Path(description="The name of a repository; it may hold slashes.", examples=["team/web"])
]
TagPath = Annotated[str, Path(description="A tag of that repository.", examples=["1.4"])]
DigestPath = Annotated[
    str,
    Path(
        description="A digest in full.",
        examples=["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
WithinRegistry = Annotated[
    str, Query(description="The name of the registry whose image is meant; any when empty.")
]
WithinRepository = Annotated[
    str, Query(description="The repository whose image is meant; any when empty.")
]


@dataclass(frozen=True, slots=True)
class Within:
    """The place whose image is meant, where a digest is in several."""

    registry: WithinRegistry = ""
    repository: WithinRepository = ""

    def named(self) -> dict[str, str | None]:
        """Return what was named, for the reading of resources."""
        return {"registry": self.registry or None, "repository": self.repository or None}


WithinPlace = Annotated[Within, Depends()]
TagSort = Annotated[
    Literal["name", "newest"], Query(description="By name, or first those that moved last.")
]


def resources_router(searching: Searching) -> APIRouter:
    """Return the operations that tell of one thing or list them."""
    router = APIRouter(route_class=Operation, responses=KEPT)
    _add_places(router, searching)
    _add_tags(router, searching)
    _add_images(router, searching)
    _add_related(router, searching)
    return router


def _add_places(router: APIRouter, searching: Searching) -> None:
    @router.get("/registries", summary="All registries", tags=["places"], response_model=Registries)
    async def registries(request: Request) -> Response:
        """Return the registries that are searched, with how much is in each."""
        found = await searching.read(lambda resources: resources.registries())
        return kept_answer(request, {"registries": found, "next": None})

    @router.get(
        "/registries/{registry}", summary="A registry", tags=["places"], response_model=Registry
    )
    async def one_registry(request: Request, registry: RegistryName) -> Response:
        """Return one registry."""
        found = await searching.read(lambda resources: resources.registry(registry))
        return kept_answer(request, found)

    @router.get(
        "/repositories/{registry}",
        summary="The repositories of a registry",
        tags=["places"],
        response_model=Repositories,
    )
    async def repositories(
        request: Request,
        registry: RegistryName,
        *,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the repositories of a registry by name, page by page."""
        after = decode_place(cursor, "repositories") if cursor else ""
        page = await searching.read(
            lambda resources: resources.repositories(registry, after=after, limit=limit)
        )
        return _listing(request, "repositories", page, place="repositories")

    @router.get(
        "/repositories/{registry}/{repository:path}",
        summary="A repository",
        tags=["places"],
        response_model=Repository,
    )
    async def one_repository(
        request: Request, registry: RegistryName, repository: RepositoryPath
    ) -> Response:
        """Return one repository."""
        found = await searching.read(lambda resources: resources.repository(registry, repository))
        return kept_answer(request, found)


def _add_tags(router: APIRouter, searching: Searching) -> None:
    @router.get(
        "/tags/{registry}/{repository:path}:{tag}",
        summary="A tag with its history",
        tags=["tags"],
        response_model=TagWithHistory,
    )
    async def one_tag(
        request: Request, registry: RegistryName, repository: RepositoryPath, tag: TagPath
    ) -> Response:
        """Return what a tag points to and where it pointed before."""
        found = await searching.read(lambda resources: resources.tag(registry, repository, tag))
        return kept_answer(request, found)

    @router.get(
        "/tags/{registry}/{repository:path}",
        summary="The tags of a repository",
        tags=["tags"],
        response_model=Tags,
    )
    async def tags(
        request: Request,
        registry: RegistryName,
        repository: RepositoryPath,
        *,
        sort: TagSort = "name",
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the tags of a repository, page by page."""
        place = f"tags {sort}"
        after = decode_place(cursor, place) if cursor else ""
        page = await searching.read(
            lambda resources: resources.tags(
                registry, repository, order=TagOrder(sort), after=after, limit=limit
            )
        )
        return _listing(request, "tags", page, place=place)


def _add_images(router: APIRouter, searching: Searching) -> None:
    @router.get("/images/{digest}", summary="An image", tags=["images"], response_model=Image)
    async def image(request: Request, digest: DigestPath, within: WithinPlace) -> Response:
        """Return everything that is known of an image, as one repository has it."""
        found = await searching.read(lambda resources: resources.image(digest, **within.named()))
        return kept_answer(request, found)

    @router.get(
        "/images/{digest}/attachments",
        summary="What is attached to an image",
        tags=["images"],
        response_model=Attachments,
    )
    async def attachments(request: Request, digest: DigestPath, within: WithinPlace) -> Response:
        """Return signatures, bills of materials and what else refers to it, and to that in turn."""
        found = await searching.read(
            lambda resources: resources.attachments(digest, **within.named())
        )
        return kept_answer(request, {"attachments": found})

    @router.get(
        "/images/{digest}/bases",
        summary="What an image is built on",
        tags=["images"],
        response_model=Bases,
    )
    async def bases(request: Request, digest: DigestPath, within: WithinPlace) -> Response:
        """Return what each platform is built on, as the layers tell and as it declares."""
        found = await searching.read(lambda resources: resources.bases(digest, **within.named()))
        return kept_answer(request, {"bases": found})


def _add_related(router: APIRouter, searching: Searching) -> None:
    @router.get(
        "/images/{digest}/derived",
        summary="What is built on an image",
        tags=["images"],
        response_model=Images,
    )
    async def derived(
        request: Request, digest: DigestPath, *, limit: Limit = LIMIT_DEFAULT
    ) -> Response:
        """Return images that are built on it, those first that came to be known last."""
        found = await searching.read(lambda resources: resources.derived(digest, limit=limit))
        return kept_answer(request, found)

    @router.get(
        "/images/{digest}/places",
        summary="Where an image is",
        tags=["images"],
        response_model=Places,
    )
    async def places(
        request: Request,
        digest: DigestPath,
        *,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the repositories that have it, or an index with it, page by page."""
        after = decode_place(cursor, "places") if cursor else ""
        page = await searching.read(
            lambda resources: resources.places(digest, after=after, limit=limit)
        )
        return _listing(request, "places", page, place="places")

    @router.get("/layers/{digest}", summary="A layer", tags=["images"], response_model=Layer)
    async def layer(
        request: Request, digest: DigestPath, *, limit: Limit = LIMIT_DEFAULT
    ) -> Response:
        """Return a layer, by its compressed digest or its DiffID, and images that hold it."""
        found = await searching.read(lambda resources: resources.layer(digest, limit=limit))
        return kept_answer(request, found)


def _listing(request: Request, name: str, page: Page[dict[str, Any]], *, place: str) -> Response:
    following = encode_place(page.next, place) if page.next is not None else None
    body = {name: page.items, "next": following}
    return kept_answer(request, body, headers=next_link(request, following))


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """Return the header with the address of the next page, the same but for its cursor."""
    if cursor is None:
        return {}
    following = urlencode({**request.query_params, "cursor": cursor})
    return {"Link": f'<{request.url.path}?{following}>; rel="next"'}
