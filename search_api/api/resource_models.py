"""The shapes of resources, for the OpenAPI document; an answer may hold more keys than these."""

from typing import Any, Literal

from pydantic import ConfigDict

from search_api.api.models import Shape


class Resource(Shape):
    """What all resources have in common."""

    model_config = ConfigDict(extra="allow")


class Registry(Resource):
    """A registry."""

    registry: str
    """How answers name it."""
    registry_host: str
    """The host and port that clients type."""
    repository_count: int
    tag_count: int


class Registries(Shape):
    """All registries."""

    registries: list[Registry]
    next: None


class Place(Resource):
    """What names a repository."""

    registry: str
    registry_host: str
    repository: str


class Repository(Place):
    """A repository."""

    first_seen_at: str
    tag_count: int
    pulls: int
    last_pulled_at: str | None
    pushed_at: str | None
    """When an event said that something was pushed to it."""


class Repositories(Shape):
    """A page of repositories, by name."""

    repositories: list[Repository]
    next: str | None
    """The cursor of the next page; null on the last."""


class Tag(Place):
    """A tag and what it points to."""

    tag: str
    reference: str
    """What to type behind `docker pull`."""
    digest: str
    tagged_at: str
    """When it came to point there."""
    pushed_at: str | None
    """When an event said that it was pushed; null where only a crawl told of it."""
    first_seen_at: str


class TagMove(Resource):
    """That a tag came to point somewhere."""

    digest: str
    tagged_at: str
    actor: str | None
    """Who did it, as the registry names them."""
    from_event: bool


class TagWithHistory(Tag):
    """A tag, what it points to, and where it pointed."""

    history: list[TagMove]
    """Newest first."""
    history_has_more: bool


class Tags(Shape):
    """A page of tags."""

    tags: list[Tag]
    next: str | None
    """The cursor of the next page; null on the last."""


class Related(Place):
    """An image that is related to another."""

    digest: str
    reference: str
    tags: list[str]


class Image(Place):
    """An image or another artifact, with everything that is known of it."""

    digest: str
    reference: str
    """What to type behind `docker pull`."""
    tags: list[str]
    kind: str
    title: str
    description: str
    pushed_at: str | None
    size_bytes: int
    is_index: bool
    platforms: list[dict[str, Any]]
    """Each with its digest, and how large and deep it is."""
    shown_digest: str
    """The platform that config and layers are of."""
    config: dict[str, Any]
    """What it runs; secrets are masked."""
    layers: list[dict[str, Any]]
    """Each with what made it, and steps that made none, first to last."""
    labels: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    attachments: list[dict[str, Any]]
    """Signatures, bills of materials and what else refers to it."""
    bases: list[dict[str, Any]]
    """What each platform is built on, as the layers tell and as it declares."""
    derived: dict[str, Any]
    """How many images are built on it, and some of them."""
    places: list[Related]
    """Where else it is."""
    warnings: list[str]


class Images(Shape):
    """Images that are related to one."""

    images: list[Related]
    has_more: bool


class Layer(Images):
    """A layer, and images that hold it."""

    model_config = ConfigDict(extra="allow")

    digest: str
    diff_id: str | None
    size_bytes: int
    media_type: str | None
    command: str | None
    """What made it."""


class Places(Shape):
    """Where a manifest is."""

    places: list[Related]
    next: str | None
    """The cursor of the next page; null on the last."""


class Bases(Shape):
    """What each platform is built on, the immediate base first."""

    bases: list[dict[str, Any]]


class Attachments(Shape):
    """What is attached to an image and to its platforms."""

    attachments: list[dict[str, Any]]


class Change(Resource):
    """That users saw something change."""

    cursor: str
    """Behind this change."""
    at: str
    kind: Literal["tag.pushed", "tag.removed", "repository.removed"]
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    """What the tag points to now; null where it is gone."""
    previous_digest: str | None


class Changes(Shape):
    """Some changes, oldest first."""

    changes: list[Change]
    next: str
    """The cursor behind them, also where there are none: ask with it again later."""
