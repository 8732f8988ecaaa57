"""Reading places: registries, repositories and tags."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from indexer.errors import NotFoundError
from indexer.model import Digest, parse_digest, version_key
from indexer.store import Page, ShownRepository
from search_api.resources.list_json import (
    history_json,
    image_summary_json,
    place_json,
    registry_json,
    repository_json,
    tag_json,
)
from search_api.resources.store_reader import NAME_SHOWN, StoreReader
from search_api.resources.tag_list import TagOrder, TagPage, read_tags

LATEST = "latest"
HISTORY_MAX = 100


class PlaceResources(StoreReader):
    """Reads places, each by its name."""

    def registries(self) -> list[dict[str, Any]]:
        """Return the registries that the settings name, by name."""
        return [registry_json(registry) for registry in self._store.shown.registries()]

    def registry(self, name: str) -> dict[str, Any]:
        """Return one registry."""
        found = self._store.shown.registry(name)
        if found is None:
            raise NotFoundError(f"no registry {name[:NAME_SHOWN]!r}")
        return registry_json(found)

    def hosts(self) -> Mapping[str, str]:
        """Return the hosts of the registries by their names; nothing of them is counted."""
        return self._store.shown.hosts()

    def repositories(self, registry: str, *, after: str = "", limit: int) -> Page[dict[str, Any]]:
        """Return repositories of a registry by name."""
        self.registry(registry)
        found = self._store.shown.repositories(registry, after=after, limit=limit)
        return found.map(repository_json)

    def repository(self, registry: str, repository: str) -> dict[str, Any]:
        """Return one repository, with how many images of it lost their tags."""
        found = self._repository(registry, repository)
        return {
            **repository_json(found),
            "untagged_count": self._store.untagged.count(found.row.id),
        }

    def empty_repository(self, registry: str, repository: str) -> dict[str, Any] | None:
        """Return a repository without tags, and how many images lost theirs; None if unknown."""
        found = self._store.shown.empty_repository(registry, repository)
        # What only an event told of may be invented.
        if found is None or not self._store.repositories.has_content(found.id):
            return None
        return {**place_json(found), "untagged_count": self._store.untagged.count(found.id)}

    def tags(
        self,
        registry: str,
        repository: str,
        *,
        order: TagOrder = TagOrder.NAME,
        match: str = "",
        with_image: bool = False,
        with_history: bool = False,
        after: str = "",
        limit: int,
    ) -> TagPage[dict[str, Any]]:
        """Return tags of a repository that fit a pattern such as ``1.2*``; all fit an empty one.

        If asked for, each has what is known of its image, and where it pointed before.
        """
        found = self._repository(registry, repository)
        page = read_tags(
            self._store,
            found.row.id,
            order=order,
            match=match,
            after=after,
            limit=limit,
            tag_count=found.tag_count,
        )
        told = [tag_json(found.row, tag) for tag in page.items]
        if with_image:
            images = self._store.summaries.images(found.row.id, [tag.digest for tag in page.items])
            told = [
                {**one, "image": image_summary_json(images.get(tag.digest))}
                for one, tag in zip(told, page.items, strict=True)
            ]
        if with_history:
            names = [tag.name for tag in page.items]
            moves = self._store.shown.moves_of(found.row.id, names, limit=HISTORY_MAX)
            told = [{**one, **history_json(moves[one["tag"]])} for one in told]
        return TagPage(tuple(told), page.next, page.total, page.tag_count)

    def tags_beside(self, registry: str, repository: str, tag: str, *, limit: int) -> list[str]:
        """Return tags next to a name, as versions are sorted, and ``latest``; others are not read.

        There need not be such a tag, nor any in the repository.
        """
        shown = self._store.shown
        place = shown.repository(registry, repository)
        if place is None:
            return []
        found: set[str] = {*shown.tags_beside(place.row.id, tag, limit=limit)}
        if tag != LATEST and shown.tag(place.row.id, LATEST):
            found.add(LATEST)
        return sorted(found, key=version_key)[:limit]

    def tags_of(
        self, registry: str, repository: str, digests: Iterable[str]
    ) -> Mapping[str, Sequence[str]]:
        """Return all tags of some images of a repository, by their digests."""
        row = self._repository(registry, repository).row
        found = self._store.shown.tags_of(row.id, map(parse_digest, digests))
        return {str(digest): tags for digest, tags in found.items()}

    def tag(
        self, registry: str, repository: str, tag: str, *, limit: int = HISTORY_MAX
    ) -> dict[str, Any]:
        """Return one tag with its history, of at most so many moves."""
        row = self._repository(registry, repository).row
        found = self._store.shown.tag(row.id, tag)
        if found is None:
            raise NotFoundError(
                f"no tag {tag[:NAME_SHOWN]!r} in repository {row.name!r} of {row.registry!r}"
            )
        moves = self._store.shown.moves(row.id, tag, limit=limit)
        return {**tag_json(row, found), **history_json(moves)}

    def targets(
        self, places: Collection[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], Digest | None]:
        """Return where tags point now, each named by registry, repository and tag.

        The digest is None where the repository is there without that tag. Other places are missing.
        """
        return self._store.shown.targets(places)

    def first_tags(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return a tag of each repository that has any, named by registry and repository."""
        return self._store.shown.first_tags(places)

    def sizes(
        self, registry: str, repository: str, digests: Iterable[str]
    ) -> dict[str, int | None]:
        """Return those of some manifests that a repository still has, each with its size."""
        row = self._repository(registry, repository).row
        return dict(self._store.shown.sizes(row.id, map(parse_digest, digests)).items())

    def _repository(self, registry: str, name: str) -> ShownRepository:
        found = self._store.shown.repository(registry, name)
        if found is None:
            self.registry(registry)
            raise NotFoundError(f"no repository {name[:NAME_SHOWN]!r} in registry {registry!r}")
        return found
