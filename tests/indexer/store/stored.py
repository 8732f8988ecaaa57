"""Built content as a refresh gives it to the store, and its rows in the store."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from indexer.documents import describe, image_document, repository_document
from indexer.extract import BUILT_IN
from indexer.model import Content, is_system_tag
from indexer.model.document import Document
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.store import ReadContent, RegistryRow, Store, TagMove
from tests.builders import BuiltManifest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEB = RepositoryName("team/web")
LATEST = TagName("latest")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def read_manifest(built: BuiltManifest) -> Content:
    return Content(Digest(built.digest), built.media_type, built.body)


def read_content(*built: BuiltManifest, configs: bool = True) -> ReadContent:
    """Return manifests, without what they point to but their configs."""
    found = [(Digest(one.blobs[0].digest), one.blobs[0].body) for one in built if one.blobs]
    return ReadContent(tuple(map(read_manifest, built)), tuple(found) if configs else ())


def whole(built: BuiltManifest) -> ReadContent:
    """Return an image or index with its children and their configs."""
    return read_content(built, *built.children)


def put_registry(store: Store, name: str = "default", host: str = "r.example.org") -> RegistryRow:
    with store.transaction():
        return store.registries.put(name, url=f"https://{host}", registry_host=host)


def put_repository(store: Store, name: str = WEB, registry: str = "default") -> int:
    row = put_registry(store, registry)
    with store.transaction():
        return store.repositories.put(row.id, RepositoryName(name), seen_at=NOW)


def push(store: Store, repository_id: int, tag: str, built: BuiltManifest, *, when: float) -> None:
    """Store what a refresh of a tag read."""
    with store.transaction():
        store.content.put_content(repository_id, whole(built), seen_at=at(when), kinds=BUILT_IN)
        store.content.put_tag(repository_id, TagName(tag), Digest(built.digest), seen_at=at(when))


def event_move(tag: str, digest: str, when: float, actor: str = "") -> TagMove:
    return TagMove(TagName(tag), Digest(digest), at(when), actor)


def visible_images(store: Store, repository_id: int) -> list[Digest]:
    """Return the digests that a visible tag of a repository points at, system tags aside."""
    tags = store.content.tags(repository_id)
    return sorted({digest for tag, digest in tags.items() if not is_system_tag(tag)})


def read_documents(store: Store, repository_id: int) -> list[Document]:
    """Return the documents of a repository as the indexing makes them."""
    found = [
        store.content.image(repository_id, digest)
        for digest in visible_images(store, repository_id)
    ]
    described = [
        describe(image, now=at(10**6), kinds=BUILT_IN) for image in found if image is not None
    ]
    if not described:
        return []
    repository = store.repositories.get(repository_id)
    tags = store.content.newest_tags(repository_id)
    pulls = store.pulls.get_repository(repository_id)
    images = [image_document(repository, one) for one in described]
    return [repository_document(repository, described, tags=tags, pulls=pulls), *images]


def stale_keys(store: Store) -> list[tuple[int, str]]:
    stale = store.search_index.stale(limit=10**6)
    return sorted((one.repository_id, one.digest or "") for one in stale)


def forget_stale(store: Store) -> None:
    with store.transaction():
        store.search_index.indexed(store.search_index.stale(limit=10**6))


def digests(built: Sequence[BuiltManifest]) -> list[Digest]:
    return [Digest(one.digest) for one in built]
