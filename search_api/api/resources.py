"""Operations on registries, repositories, tags, images and layers.

Repository names have slashes, so the list of tags has no address below its repository:
``/tags/REGISTRY/REPOSITORY`` lists tags, and ``/tags/REGISTRY/REPOSITORY:TAG`` is one tag.
"""

from collections.abc import Mapping
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
    Comparison,
    Image,
    Images,
    Layer,
    Places,
    Registries,
    Registry,
    Repositories,
    RepositoryDetails,
    Shown,
    Tags,
    TagWithHistory,
)
from search_api.resources import MATCH_MAX, TagOrder, TagPage, compare, look_up, named_in
from search_api.search import SearchService, decode_place, encode_place

RegistryName = Annotated[
    str, Path(description="The name of a registry.", examples=["main"], max_length=255)
]
RepositoryPath = Annotated[
    str, Path(description="The name of a repository; it may have slashes.", examples=["team/web"])
]
TagPath = Annotated[str, Path(description="A tag of that repository.", examples=["1.4"])]
DigestPath = Annotated[
    str,
    Path(
        description="A full digest.",
        examples=["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
WithinRegistry = Annotated[
    str, Query(description="The name of the registry of the image; any registry if empty.")
]
WithinRepository = Annotated[
    str, Query(description="The repository of the image; any repository if empty.")
]


@dataclass(frozen=True, slots=True)
class Within:
    """The place of an image, if its digest is in several."""

    registry: WithinRegistry = ""
    repository: WithinRepository = ""

    def named(self) -> dict[str, str | None]:
        """Return the place as arguments for reading resources."""
        return {"registry": self.registry or None, "repository": self.repository or None}


WithinPlace = Annotated[Within, Depends()]
ShownPlatform = Annotated[
    str,
    Query(
        description="The platform of an index with the `config`, `layers` and `labels` to tell; the"
        " usual one if empty.",
        examples=["linux/arm64"],
    ),
]
TagSort = Annotated[
    Literal["name", "newest", "version", "size"],
    Query(
        description="By name, or first the most recently moved tags, the newest versions"
        " (`latest`, then 1.10 before 1.10-rc.1 before 1.9, then other names), or the largest."
    ),
]
TagExpand = Annotated[
    str,
    Query(
        description="What else is told of each tag, separated by commas: its `image`, its"
        " `history`.",
        examples=["image", "image,history"],
        pattern=r"^((image|history)(,(image|history))*)?$",
    ),
]
TagMatch = Annotated[
    str,
    Query(
        description="The tags that are wanted: `*` stands for any characters, `?` for one. Case"
        " matters. All tags if empty.",
        examples=["1.2*"],
        max_length=MATCH_MAX,
    ),
]


ImageA = Annotated[
    str,
    Query(
        description="An image: a reference with a tag or a digest, or a digest alone. The name of"
        " its registry or its host may stand before it.",
        examples=["team/web:1.4"],
    ),
]
ImageB = Annotated[str, Query(description="The other image.", examples=["team/web:1.5"])]
ReferenceText = Annotated[
    str,
    Query(
        description="A repository, an image by its tag or digest, or a digest alone. The name of"
        " its registry or its host may stand before it.",
        examples=["team/web:1.4"],
    ),
]
ComparedPlatform = Annotated[
    str,
    Query(
        description="The platform to compare in indexes; if empty, one that both have.",
        examples=["linux/arm64"],
    ),
]


def resources_router(service: SearchService) -> APIRouter:
    """Return the operations on single resources and lists of them."""
    router = APIRouter(route_class=Operation, responses=KEPT)
    _add_places(router, service)
    _add_tags(router, service)
    _add_images(router, service)
    _add_related(router, service)
    return router


def _add_places(router: APIRouter, service: SearchService) -> None:
    @router.get("/registries", summary="All registries", tags=["places"], response_model=Registries)
    async def list_registries(request: Request) -> Response:
        """Return the searched registries, each with its numbers of repositories and tags."""
        found = await service.read(lambda resources: resources.registries())
        return kept_answer(request, {"registries": found, "next": None})

    @router.get(
        "/registries/{registry}", summary="A registry", tags=["places"], response_model=Registry
    )
    async def get_registry(request: Request, registry: RegistryName) -> Response:
        """Return one registry."""
        found = await service.read(lambda resources: resources.registry(registry))
        return kept_answer(request, found)

    @router.get(
        "/repositories/{registry}",
        summary="The repositories of a registry",
        tags=["places"],
        response_model=Repositories,
    )
    async def list_repositories(
        request: Request,
        registry: RegistryName,
        *,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the repositories of a registry by name, page by page."""
        after = decode_place(cursor, "repositories") if cursor else ""
        page = await service.read(
            lambda resources: resources.repositories(registry, after=after, limit=limit),
            names=lambda page: named_in(page.items),
        )
        return _respond_page(request, "repositories", page, place="repositories")

    @router.get(
        "/repositories/{registry}/{repository:path}",
        summary="A repository",
        tags=["places"],
        response_model=RepositoryDetails,
    )
    async def get_repository(
        request: Request, registry: RegistryName, repository: RepositoryPath
    ) -> Response:
        """Return one repository."""
        found = await service.read(lambda resources: resources.repository(registry, repository))
        return kept_answer(request, found)


def _add_tags(router: APIRouter, service: SearchService) -> None:
    @router.get(
        "/tags/{registry}/{repository:path}:{tag}",
        summary="A tag and its history",
        tags=["tags"],
        response_model=TagWithHistory,
    )
    async def get_tag(
        request: Request, registry: RegistryName, repository: RepositoryPath, tag: TagPath
    ) -> Response:
        """Return the image of a tag, and the images it pointed to before."""
        found = await service.read(lambda resources: resources.tag(registry, repository, tag))
        return kept_answer(request, found)

    @router.get(
        "/tags/{registry}/{repository:path}",
        summary="The tags of a repository",
        tags=["tags"],
        response_model=Tags,
    )
    async def list_tags(
        request: Request,
        registry: RegistryName,
        repository: RepositoryPath,
        *,
        sort: TagSort = "name",
        match: TagMatch = "",
        expand: TagExpand = "",
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the tags of a repository that match, page by page, and how many there are."""
        place = f"tags {sort}"
        after = decode_place(cursor, place) if cursor else ""
        page = await service.read(
            lambda resources: resources.tags(
                registry,
                repository,
                order=TagOrder(sort),
                match=match,
                with_image="image" in expand,
                with_history="history" in expand,
                after=after,
                limit=limit,
            )
        )
        counts = {"total": page.total, "tag_count": page.tag_count}
        return _respond_page(request, "tags", page, place=place, more=counts)


def _add_images(router: APIRouter, service: SearchService) -> None:
    @router.get("/images/{digest}", summary="An image", tags=["images"], response_model=Image)
    async def get_image(
        request: Request,
        digest: DigestPath,
        within: WithinPlace,
        *,
        platform: ShownPlatform = "",
    ) -> Response:
        """Return all facts about an image in one repository."""
        found = await service.read(
            lambda resources: resources.image(digest, platform=platform or None, **within.named())
        )
        return kept_answer(request, found)

    @router.get(
        "/images/{digest}/attachments",
        summary="The attachments of an image",
        tags=["images"],
        response_model=Attachments,
    )
    async def list_attachments(
        request: Request, digest: DigestPath, within: WithinPlace
    ) -> Response:
        """Return signatures, bills of materials and other artifacts of an image, and theirs."""
        found = await service.read(
            lambda resources: resources.attachments(digest, **within.named())
        )
        return kept_answer(request, {"attachments": found})

    @router.get(
        "/images/{digest}/bases",
        summary="The base images of an image",
        tags=["images"],
        response_model=Bases,
    )
    async def list_bases(request: Request, digest: DigestPath, within: WithinPlace) -> Response:
        """Return the bases of each platform: those that its layers show, and those it declares."""
        found = await service.read(lambda resources: resources.bases(digest, **within.named()))
        return kept_answer(request, {"bases": found})


def _add_related(router: APIRouter, service: SearchService) -> None:
    @router.get(
        "/images/{digest}/derived",
        summary="The images built on an image",
        tags=["images"],
        response_model=Images,
    )
    async def list_derived(
        request: Request, digest: DigestPath, *, limit: Limit = LIMIT_DEFAULT
    ) -> Response:
        """Return the images built on an image, the most recently found first."""
        found = await service.read(lambda resources: resources.derived(digest, limit=limit))
        return kept_answer(request, found)

    @router.get(
        "/images/{digest}/places",
        summary="The places of an image",
        tags=["images"],
        response_model=Places,
    )
    async def list_places(
        request: Request,
        digest: DigestPath,
        *,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the repositories with an image, or with an index that lists it, page by page."""
        after = decode_place(cursor, "places") if cursor else ""
        page = await service.read(
            lambda resources: resources.places(digest, after=after, limit=limit)
        )
        return _respond_page(request, "places", page, place="places")

    @router.get(
        "/compare", summary="Two images side by side", tags=["images"], response_model=Comparison
    )
    async def compare_images(
        request: Request, a: ImageA, b: ImageB, *, platform: ComparedPlatform = ""
    ) -> Response:
        """Return the layers of two images, and in what else they differ; secrets are masked."""
        found = await service.read(lambda resources: compare(resources, a, b, platform=platform))
        return kept_answer(request, found)

    @router.get("/show", summary="What a reference names", tags=["images"], response_model=Shown)
    async def show(request: Request, reference: ReferenceText) -> Response:
        """Return the image, the repository or the layer that a reference names."""
        found = await service.read(lambda resources: look_up(resources, reference))
        return kept_answer(request, found)

    @router.get("/layers/{digest}", summary="A layer", tags=["images"], response_model=Layer)
    async def get_layer(
        request: Request, digest: DigestPath, *, limit: Limit = LIMIT_DEFAULT
    ) -> Response:
        """Return a layer by its compressed digest or its DiffID, and the images with it."""
        found = await service.read(lambda resources: resources.layer(digest, limit=limit))
        return kept_answer(request, found)


def _respond_page(
    request: Request,
    name: str,
    page: Page[dict[str, Any]] | TagPage[dict[str, Any]],
    *,
    place: str,
    more: Mapping[str, int] | None = None,
) -> Response:
    following = encode_place(page.next, place) if page.next is not None else None
    body = {name: page.items, **(more or {}), "next": following}
    return kept_answer(request, body, headers=next_link(request, following))


def base_of(request: Request) -> str:
    """Return the path that all addresses of the service begin with."""
    base: str = request.scope.get("app_root_path", "")
    return base


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """Return the header with the address of the next page: this address with the next cursor."""
    if cursor is None:
        return {}
    following = urlencode({**request.query_params, "cursor": cursor})
    return {"Link": f'<{request.url.path}?{following}>; rel="next"'}
