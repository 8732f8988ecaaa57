"""The service's JSON answers as values; a missing or mistyped key fails the test that reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """One result of the search API; what only images have is empty for a repository."""

    registry: str
    repository: str
    reference: str
    kind: str
    platforms: frozenset[str]
    digest: str
    tags: frozenset[str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    pulls: int


@dataclass(frozen=True, slots=True)
class RegistryFreshness:
    """How far the service is with one registry; ``error`` is empty when all is well."""

    refreshes_waiting: int
    entries_waiting: int
    last_complete_crawl_at: str
    first_backfill_running: bool
    held_back: int
    error: str
    behind: tuple[str, ...]

    @property
    def idle(self) -> bool:
        """Tell whether the first backfill is done and nothing waits."""
        waiting = self.refreshes_waiting + self.entries_waiting
        return bool(self.last_complete_crawl_at) and not self.first_backfill_running and not waiting


@dataclass(frozen=True, slots=True)
class Freshness:
    """How true an answer is, as a whole and for each registry."""

    complete: bool
    behind: tuple[str, ...]
    registries: Mapping[str, RegistryFreshness]


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of the search API."""

    total: int
    total_is_exact: bool
    results: tuple[Found, ...]
    next: str | None
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class DockerRow:
    """One result of ``/v1/search``, or one row that a search client printed."""

    name: str
    description: str

    @property
    def repository(self) -> str:
        """The name without the host of its registry, which has a port here."""
        host, _, rest = self.name.partition("/")
        return rest if ":" in host else self.name


def parse_answer(body: Any) -> Answer:
    """Turn the body of ``GET /api/v1/search`` into a value."""
    return Answer(
        total=body["total"],
        total_is_exact=body["total_is_exact"],
        results=tuple(_parse_found(result, body["type"]) for result in body["results"]),
        next=body["next"],
        freshness=parse_freshness(body["freshness"]),
    )


def parse_freshness(body: Any) -> Freshness:
    """Turn the ``freshness`` object of an answer into a value."""
    registries = {name: _parse_registry(entry) for name, entry in body["registries"].items()}
    return Freshness(complete=body["complete"], behind=tuple(body["behind"]), registries=registries)


def parse_docker_rows(body: Any) -> list[DockerRow]:
    """Turn the body of ``GET /v1/search`` into rows."""
    return [DockerRow(entry["name"], entry["description"]) for entry in body["results"]]


def _parse_found(body: Any, kind_of_document: str) -> Found:
    is_image = kind_of_document == "image"
    return Found(
        registry=body["registry"],
        repository=body["repository"],
        reference=body["reference"],
        kind=body["kind"],
        platforms=frozenset(body["platforms"]),
        digest=body["digest"] if is_image else "",
        tags=frozenset(body["tags"] if is_image else ()),
        labels=body["labels"] if is_image else {},
        annotations=body["annotations"] if is_image else {},
        pulls=body["pulls"],
    )


def _parse_registry(body: Any) -> RegistryFreshness:
    return RegistryFreshness(
        refreshes_waiting=body["refreshes_waiting"],
        entries_waiting=body["entries_waiting"],
        last_complete_crawl_at=body["last_complete_crawl_at"] or "",
        first_backfill_running=body["first_backfill_running"],
        held_back=body["held_back"],
        error=body["error"] or "",
        behind=tuple(body["behind"]),
    )
