"""The state of the registry, of the store and of the answers of web, in one common form."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from indexer.model.names import is_system_tag
from tests.builders import BuiltManifest
from tests.fakes.registry import FakeRegistry
from tests.torture.deliveries import Move, TagPlace
from tests.torture.history import NUMBER

Tags = Mapping[TagPlace, str]
PAGE = 100
WAITING = {
    "entries to be taken in": "SELECT count(*) FROM journal.entries WHERE action IS NOT NULL"
    " AND id > coalesce((SELECT position FROM positions WHERE name = 'journal'), 0)",
    "refreshes": "SELECT count(*) FROM queue WHERE set_aside = 0",
    "stale documents": "SELECT count(*) FROM stale_documents",
    "rebuilds": "SELECT count(*) FROM rebuild",
    "incomplete search indexes": "SELECT 1 - coalesce(sum(complete), 0) FROM search_index",
    "absences to be decided about": "SELECT count(*) FROM absences WHERE held_at IS NULL",
    "crawls": "SELECT count(*) FROM crawls WHERE finished_at IS NULL",
}
"""What an idle service has none of."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of both types: tags and number of each image, tag count of each repository.

    ``twice`` are those that were answered more than once.
    """

    images: Mapping[tuple[str, str], tuple[frozenset[str], str]]
    repositories: Mapping[str, int]
    twice: tuple[str, ...] = ()


def tags_of_registry(registry: FakeRegistry) -> Tags:
    """Return the true target of every tag."""
    return {
        TagPlace(name, tag): digest
        for name, repository in registry.content.repositories.items()
        for tag, digest in repository.tags.items()
    }


def derive_documents(tags: Tags, built: Mapping[str, BuiltManifest]) -> Documents:
    """Return the expected documents, given the targets of the tags."""
    images: dict[tuple[str, str], set[str]] = {}
    repositories: Counter[str] = Counter()
    for place, digest in tags.items():
        if not is_system_tag(place.tag):
            images.setdefault((place.repository, digest), set()).add(place.tag)
            repositories[place.repository] += 1
    return Documents(
        {key: (frozenset(names), _number(built[key[1]])) for key, names in images.items()},
        dict(repositories),
    )


def _number(built: BuiltManifest) -> str:
    """Return the label that tells an image from all others; artifacts and indexes have none."""
    settings = built.config.get("config") if built.blobs else None
    return str(settings["Labels"][NUMBER]) if isinstance(settings, dict) else ""


def answered_documents(http: httpx2.Client, built: Mapping[str, BuiltManifest]) -> Documents:
    """Return every document that searches answer, page after page, of both types."""
    images, repositories = list(_answered(http, "image")), list(_answered(http, "repository"))
    seen = Counter([(found["repository"], found["digest"]) for found in images])
    named = Counter([found["repository"] for found in repositories])
    return Documents(
        {
            (found["repository"], found["digest"]): (
                frozenset(found["tags"]),
                # An index shows the labels of its children.
                "" if built[found["digest"]].children else found["labels"].get(NUMBER, ""),
            )
            for found in images
        },
        {found["repository"]: found["tag_count"] for found in repositories},
        tuple(str(key) for count in (seen, named) for key, n in count.items() if n > 1),
    )


def _answered(http: httpx2.Client, document_type: str) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        parameters = {"q": "", "type": document_type, "limit": str(PAGE), **cursor}
        answer = http.get("/api/v1/search", params=parameters)
        answer.raise_for_status()
        body = answer.json()
        yield from body["results"]
        if body["next"] is None:
            return
        cursor = {"cursor": body["next"]}


@contextmanager
def opened(data: Path) -> Iterator[sqlite3.Connection]:
    """Open store and, as ``journal``, journal for reading, both as they are at one moment."""
    uri = f"{(data / 'store.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as store:
        store.execute("ATTACH ? AS journal", [f"{(data / 'journal.db').as_uri()}?mode=ro"])
        store.execute("BEGIN")
        yield store


def waiting(store: sqlite3.Connection) -> dict[str, int]:
    """Return the amounts of waiting work by kind; none in an idle service."""
    counts = {what: store.execute(query).fetchone()[0] for what, query in WAITING.items()}
    return {what: count for what, count in counts.items() if count}


def tags_of_store(store: sqlite3.Connection) -> Tags:
    """Return the target of every visible tag in the store."""
    rows = store.execute(
        "SELECT repositories.name, tags.name, digest FROM tags"
        " JOIN repositories ON repositories.id = repository_id WHERE hidden_at IS NULL"
    )
    return {TagPlace(row[0], row[1]): row[2] for row in rows}


def held_back(store: sqlite3.Connection) -> set[TagPlace]:
    """Return the tags that are shown only because too much was gone at once."""
    rows = store.execute(
        "SELECT name, tag FROM absences JOIN repositories ON repositories.id = repository_id"
    )
    return {TagPlace(row[0], row[1]) for row in rows}


def moves_of_store(store: sqlite3.Connection) -> set[Move]:
    """Return the moves of tags that events told of."""
    rows = store.execute(
        "SELECT name, tag, digest, tagged_at FROM tag_moves"
        " JOIN repositories ON repositories.id = repository_id WHERE from_event"
    )
    return {Move(TagPlace(row[0], row[1]), row[2], datetime.fromisoformat(row[3])) for row in rows}


def children_in_bodies(bodies: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Return the children that each manifest names, by digest."""
    return {
        digest: [child["digest"] for child in json.loads(body).get("manifests", ())]
        for digest, body in bodies.items()
    }
