"""Documents made of built content."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from indexer.documents import (
    DescribedImage,
    describe,
    image_document,
    repository_document,
)
from indexer.extract import BUILT_IN
from indexer.model import Content
from indexer.model.document import Document, TextField
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.model.stored import Pulls, RepositoryRow, StoredImage
from tests import builders
from tests.builders import BuiltManifest

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROW = RepositoryRow(1, "Default", "R.example.org:5000", RepositoryName("team/web-app"))
OCI = "org.opencontainers.image."
CREATED = "2026-01-02T03:04:05.000000Z"
CREATED_SECONDS = 1_767_323_045
PUSHED = "2026-02-03T04:05:06.500000Z"
SYSTEM_TAG = TagName("sha256-" + "a" * 64 + ".sig")


def stored(built: BuiltManifest) -> Content:
    return Content(
        digest=Digest(built.digest),
        content_type=built.media_type,
        body=built.body,
        config=built.blobs[0].body if built.blobs else None,
        children=tuple(map(stored, built.children)),
    )


NO_PULLS = Pulls()


def described(built: BuiltManifest, *tags: str, pushed_at: str | None = PUSHED) -> DescribedImage:
    names = tuple(map(TagName, tags or ("latest",)))
    return describe(StoredImage(stored(built), names, pushed_at), now=NOW, kinds=BUILT_IN)


def on_base(built: BuiltManifest, labels: Mapping[str, str]) -> DescribedImage:
    """Return an image that is built on one with these labels."""
    manifest = replace(stored(built), base_labels=(labels,))
    return describe(StoredImage(manifest, (TagName("latest"),), PUSHED), now=NOW, kinds=BUILT_IN)


def image_of(built: BuiltManifest, *tags: str, pushed_at: str | None = PUSHED) -> Document:
    return image_document(ROW, described(built, *tags, pushed_at=pushed_at))


def repository_of(
    *images: DescribedImage, tags: tuple[str, ...] = ("latest",), pulls: Pulls = NO_PULLS
) -> Document:
    return repository_document(ROW, images, tags=tuple(map(TagName, tags)), pulls=pulls)


def keywords(document: Document, field: str) -> set[str]:
    return {value for name, value in document.keywords if name == field}


FULL = builders.image(
    labels={
        f"{OCI}title": "Web App",
        f"{OCI}description": "Serves\nthe  Café",
        f"{OCI}version": "1.4.2",
        f"{OCI}vendor": "Example Ltd",
        f"{OCI}licenses": "MIT",
        f"{OCI}authors": "Ada",
        "com.example.Team": "Payments",
    },
    annotations={"com.example.stage": "Prod"},
    architecture="arm64",
    variant="v9",
    seed="full",
)


def texts(document: Document, field: TextField) -> list[str]:
    return [text.text for text in document.texts if text.field is field]


def keyed(document: Document, field: TextField) -> dict[str, str]:
    return {text.key: text.text for text in document.texts if text.field is field}
