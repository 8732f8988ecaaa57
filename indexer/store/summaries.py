"""What documents say, kept for lists: nobody who lists tags or repositories reads their content.

It follows from all images of a repository, or from all bytes of an image, so it is made with the
document. It is of when the document was made: what is not searchable yet has none.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from indexer.model import Digest


@dataclass(frozen=True, slots=True)
class RepositorySummary:
    """What the document of a repository says of all its images together.

    ``size_bytes`` is the sum over their distinct configs and layers, compressed; None if unknown.
    ``shown`` is what else an answer shows of it, empty before its document is made.
    """

    size_bytes: int | None = None
    title: str = ""
    description: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """What the document of an image says, for a list of tags; ``created_at`` is RFC 3339."""

    size_bytes: int | None
    kind: str
    platforms: tuple[str, ...]
    created_at: str | None
    version: str


class SummaryTables:
    """The summaries inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_repositories(self, summaries: Iterable[tuple[int, RepositorySummary]]) -> None:
        """Keep what documents of repositories say, by their numbers."""
        self._database.conn.executemany(
            "UPDATE repositories SET size_bytes = ?, title = ?, description = ?, summary = ?"
            " WHERE id = ?",
            [
                (one.size_bytes, one.title, one.description, json.dumps(one.shown), number)
                for number, one in summaries
            ],
        )

    def put_images(self, summaries: Iterable[tuple[int, Digest, ImageSummary]]) -> None:
        """Keep what documents of images say, by the numbers of their repositories and digests."""
        self._database.conn.executemany(
            "UPDATE repository_manifests SET size_bytes = ?, summary = ?"
            " WHERE repository_id = ? AND digest = ?",
            [
                (one.size_bytes, _write(one), repository_id, digest)
                for repository_id, digest, one in summaries
            ],
        )

    def images(self, repository_id: int, digests: Iterable[Digest]) -> dict[Digest, ImageSummary]:
        """Return the summaries of those of these images of a repository that have one."""
        rows = self._database.execute(
            "SELECT digest, size_bytes, summary FROM json_each(?) CROSS JOIN repository_manifests"
            " ON repository_id = ? AND digest = value WHERE summary IS NOT NULL",
            [json.dumps(sorted(set(digests))), repository_id],
        )
        return {Digest(row[0]): _read(row[1], row[2]) for row in rows}

    def sizes(self, repository_id: int) -> dict[Digest, int]:
        """Return the compressed size of each image of a repository where it is known."""
        rows = self._database.execute(
            "SELECT digest, size_bytes FROM repository_manifests"
            " WHERE repository_id = ? AND size_bytes IS NOT NULL",
            [repository_id],
        )
        return {Digest(row[0]): row[1] for row in rows}


def read_shown(summary: str) -> Mapping[str, Any]:
    """Return what is shown of a repository out of what the store keeps."""
    found: Mapping[str, Any] = json.loads(summary)
    return found


def _write(summary: ImageSummary) -> str:
    # Without names: there is one for each image, and there may be a million.
    return json.dumps([summary.kind, summary.platforms, summary.created_at, summary.version])


def _read(size_bytes: int | None, summary: str) -> ImageSummary:
    kind, platforms, created_at, version = json.loads(summary)
    return ImageSummary(size_bytes, kind, tuple(platforms), created_at, version)
