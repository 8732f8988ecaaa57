"""The shapes of resources, for the OpenAPI document; an answer may have more keys."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from search_api.api.models import (
    Bytes,
    Count,
    Cursor,
    DigestText,
    PlatformText,
    Reference,
    RegistryText,
    RepositoryText,
    Shape,
    TagText,
    Time,
)


class Resource(Shape):
    """The common base of all resources."""

    model_config = ConfigDict(extra="allow")


class Registry(Resource):
    """A registry."""

    registry: RegistryText
    """Its name in answers."""
    registry_host: Annotated[str, Field(examples=["registry.example:5000"])]
    """The host and port in the references that users type."""
    repository_count: Count
    tag_count: Count


class Registries(Shape):
    """All registries."""

    registries: list[Registry]
    next: None


class Place(Resource):
    """The name of a repository and its registry."""

    registry: RegistryText
    registry_host: Annotated[str, Field(examples=["registry.example:5000"])]
    repository: RepositoryText


class NewestImage(Resource):
    """The image that speaks for a repository: the runnable one pushed or else created last."""

    digest: DigestText
    reference: Reference
    tags: list[TagText]
    """At most 10, the newest first."""
    tag_count: Count
    version: str
    platforms: list[PlatformText]
    created_at: Time | None
    pushed_at: Time | None
    size_bytes: Bytes | None
    """All platforms together; null if the size of a part is unknown."""


class Repository(Place):
    """A repository."""

    title: str
    description: str
    """The first description among its images, the newest image first."""
    kind: Annotated[str | None, Field(examples=["image"])]
    """Of the newest image, as all that follows; null until the repository is searchable."""
    artifact_type: str | None
    licenses: list[str]
    vendor: str
    source: str | None
    url: str | None
    documentation: str | None
    deprecated: bool
    platforms: list[PlatformText]
    """Of all images."""
    created_at: Time | None
    reference: Reference | None
    """The argument of `docker pull`: `latest`, else the newest release, else the newest tag."""
    newest_tags: list[TagText]
    newest_image: NewestImage | None
    first_seen_at: Time
    tag_count: Count
    size_bytes: Bytes | None
    """The bytes of the images of all tags together, each piece of content once; null if unknown."""
    pulls: Count
    last_pulled_at: Time | None
    pushed_at: Time | None
    """The time of the last push, as an event said."""


class RepositoryDetails(Repository):
    """A repository, with what only its own address tells."""

    untagged_count: Count
    """The number of images that lost all their tags: `type=image`, `is:untagged repo:=…`."""


class Repositories(Shape):
    """A page of repositories, by name."""

    repositories: list[Repository]
    next: Cursor | None
    """The cursor of the next page; null on the last."""


class Tag(Place):
    """A tag and its target."""

    tag: TagText
    reference: Reference
    """The argument of `docker pull`."""
    digest: DigestText
    tagged_at: Time
    """Since when it points there."""
    pushed_at: Time | None
    """The time of the push, as an event said; null if only a crawl found it."""
    first_seen_at: Time


class TagImage(Resource):
    """The image of a tag, as a list of tags tells it."""

    kind: Annotated[str, Field(examples=["image"])]
    platforms: list[PlatformText]
    size_bytes: Bytes | None
    """All platforms together; null if the size of a part is unknown."""
    created_at: Time | None
    version: str | None


class TagMove(Resource):
    """A move of a tag to a target."""

    digest: DigestText
    tagged_at: Time
    actor: str | None
    """The user who moved it, by the registry's name."""
    from_event: bool


class TagWithHistory(Tag):
    """A tag, its target, and its earlier targets."""

    history: list[TagMove]
    """Newest first."""
    history_has_more: bool


class ExpandedTag(Tag):
    """A tag in a list, with what was asked for by `expand`."""

    image: TagImage | None = None
    """With `expand=image`; null until the image is searchable."""
    history: list[TagMove] = Field(default_factory=list)
    """With `expand=history`: newest first, at most 100."""
    history_has_more: bool = False


class Tags(Shape):
    """A page of tags."""

    tags: list[ExpandedTag]
    total: Count
    """The number of tags that match, on all pages."""
    tag_count: Count
    """The number of tags of the repository."""
    next: Cursor | None
    """The cursor of the next page; null on the last."""


class Related(Place):
    """An image related to another one."""

    digest: DigestText
    reference: Reference
    tags: list[TagText]


class Image(Place):
    """An image or another artifact, with all known facts."""

    digest: DigestText
    reference: Reference
    """The argument of `docker pull`."""
    tags: list[TagText]
    kind: Annotated[str, Field(examples=["image"])]
    title: str
    description: str
    version: str | None
    properties: dict[str, list[str]]
    """The facts that only its kind has, such as the `app_version` of a chart."""
    pushed_at: Time | None
    size_bytes: Bytes | None
    """Null if the size of a part is unknown, as in schema 1."""
    is_index: bool
    platforms: list[dict[str, Any]]
    """Each with its digest, its size and its number of layers."""
    shown_digest: DigestText
    """The digest of the platform with this config and these layers."""
    config: dict[str, Any]
    """The command and settings of its containers; secrets are masked."""
    layers: list[dict[str, Any]]
    """The steps of the build in order, each with its command; some made no layer."""
    labels: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    attachments: list[dict[str, Any]]
    """Signatures, bills of materials and other artifacts that refer to it."""
    bases: list[dict[str, Any]]
    """The bases of each platform: those that its layers show, and those it declares."""
    derived: dict[str, Any]
    """The number of images built on it, and some of them."""
    places: list[Related]
    """The other places with this image."""
    warnings: list[str]


class ComparisonSide(Place):
    """One of two images, as the platform that is compared."""

    digest: DigestText
    """Of what was asked for, as the reference and the tags; an index has many platforms."""
    reference: Reference
    tags: list[TagText]
    platforms: list[PlatformText]
    """Of an index."""
    platform: PlatformText | None
    compared_digest: DigestText
    kind: Annotated[str, Field(examples=["image"])]
    title: str
    version: str | None
    created_at: Time | None
    size_bytes: Bytes | None
    layer_count: Count | None


class ComparedLayer(Resource):
    """A layer of one of two images."""

    position: Annotated[int, Field(ge=1)]
    digest: DigestText
    diff_id: DigestText | None
    size_bytes: Bytes | None
    command: str | None
    """The command that made it."""
    shared: bool
    """Whether the other image has it too, anywhere, be it compressed in another way."""


class ComparedLayers(Resource):
    """The layers of two images, each in order."""

    common: Count
    """The number of first layers that are the same in both."""
    shared_count: Count
    """The number of distinct layers of the first image that the other one has too."""
    shared_size_bytes: Bytes | None
    """What these take; null if the size of one is unknown."""
    a: list[ComparedLayer]
    b: list[ComparedLayer]


class Difference(Resource):
    """A value that differs; null where an image has none."""

    key: str
    a: Any
    b: Any


class Comparison(Resource):
    """Two images side by side."""

    a: ComparisonSide
    b: ComparisonSide
    same: bool
    """Whether both are the same manifest."""
    platforms: list[PlatformText]
    """The platforms that both have, if both are indexes."""
    layers: ComparedLayers
    image: list[Difference]
    """The facts: `version`, `created_at`, `size_bytes` and so on."""
    config: list[Difference]
    """`user`, `entrypoint`, `cmd`, `exposed_ports`, `volumes`, `working_dir`, `stop_signal`,
    `healthcheck`."""
    env: list[Difference]
    labels: list[Difference]
    annotations: list[Difference]


class Images(Shape):
    """Images related to one image."""

    images: list[Related]
    has_more: bool


class LayerImage(Related):
    """An image with a layer."""

    position: Annotated[int | None, Field(ge=1)]
    """The place of the layer among those of the image, or of its first platform with it."""
    layer_count: Count | None
    """The number of layers there."""


class Layer(Resource):
    """A layer, and the images with it."""

    images: list[LayerImage]
    has_more: bool
    total: Count
    """The number of images with it, of which `images` are some."""
    total_is_exact: bool
    """Whether there are not more than `total`: they are counted to a limit."""

    digest: DigestText
    diff_id: DigestText | None
    size_bytes: Bytes | None
    """Null if no image with it says that."""
    media_type: str | None
    command: str | None
    """The command that made it; null if no image with it says that."""


class Shown(Shape):
    """What a reference names: an image, with its tag if it has one; a repository; or a layer."""

    image: Image | None = None
    tag: TagWithHistory | None = None
    """Beside `image`, if the reference has a tag."""
    repository: RepositoryDetails | None = None
    tags: list[ExpandedTag] = Field(default_factory=list)
    """Beside `repository`: its first 50 tags by version, each with its image."""
    layer: Layer | None = None


class Places(Shape):
    """The places of a manifest."""

    places: list[Related]
    next: Cursor | None
    """The cursor of the next page; null on the last."""


class Bases(Shape):
    """The bases of each platform, the immediate base first."""

    bases: list[dict[str, Any]]


class Attachments(Shape):
    """The attachments of an image and of its platforms."""

    attachments: list[dict[str, Any]]


class Change(Resource):
    """A change that users could see."""

    cursor: Cursor
    """The cursor after this change."""
    at: str
    kind: Literal["tag.pushed", "tag.removed", "repository.removed"]
    registry: RegistryText
    repository: RepositoryText
    tag: TagText | None
    digest: DigestText | None
    """The new target of the tag; null if the tag is gone."""
    previous_digest: DigestText | None
    pushed_at: Time | None
    """The time of the push, as an event said; null if only a crawl found it."""
    actor: str | None
    """The user who pushed it, by the registry's name."""


class Changes(Shape):
    """Some changes, in the order that was asked for."""

    changes: list[Change]
    next: Cursor | None
    """The cursor of the next request. Oldest first there is always one, after these changes even
    if there are none. Newest first it is null after the oldest change."""
