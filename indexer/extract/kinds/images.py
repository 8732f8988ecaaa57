"""Images that are more than an image: extensions and buildpacks."""

from indexer.extract.kinds.kind import Kind, label

_BUILDPACK = "io.buildpacks.buildpackage.metadata"
_BUILDER = "io.buildpacks.builder.metadata"

IMAGES = (
    Kind(
        name="docker-extension",
        is_image=True,
        labels=("com.docker.desktop.extension.api.version",),
        annotations_first=True,
        fields={
            "description": label("com.docker.extension.detailed-description"),
            "url": label("com.docker.extension.publisher-url"),
        },
        properties={"api_version": label("com.docker.desktop.extension.api.version")},
    ),
    Kind(
        name="builder",
        is_image=True,
        labels=(_BUILDER,),
        annotations_first=True,
        fields={"description": label(_BUILDER, "description")},
        properties={
            "buildpacks": label(_BUILDER, "buildpacks", "id"),
            "run_image": label(_BUILDER, "stack", "runImage", "image"),
            "lifecycle": label(_BUILDER, "lifecycle", "version"),
        },
    ),
    Kind(
        name="buildpack",
        is_image=True,
        labels=(_BUILDPACK,),
        annotations_first=True,
        fields={
            "title": label(_BUILDPACK, "id"),
            "version": label(_BUILDPACK, "version"),
            "url": label(_BUILDPACK, "homepage"),
        },
        properties={"id": label(_BUILDPACK, "id"), "stacks": label(_BUILDPACK, "stacks", "id")},
    ),
)
