"""The repositories of our copy: each has a number, which everything in it is kept under."""

import json
from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.model import RepositoryName, RepositoryRow, is_system_tag


class RepositoryTables:
    """The repositories inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, registry_id: int, name: RepositoryName, *, seen_at: datetime) -> int:
        """Return the number of a repository, making its row at first sight."""
        found = self.find(registry_id, name)
        return self.add(registry_id, name, seen_at=seen_at) if found is None else found

    def add(self, registry_id: int, name: RepositoryName, *, seen_at: datetime) -> int:
        """Make the row of a repository that was never seen, and return its number."""
        cursor = self._database.execute(
            "INSERT INTO repositories (registry_id, name, first_seen_at) VALUES (?, ?, ?)",
            [registry_id, name, rfc3339(seen_at)],
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
        return cursor.lastrowid

    def find(self, registry_id: int, name: RepositoryName) -> int | None:
        """Return the number of a repository, None when it was never seen."""
        row = self._database.execute(
            "SELECT id FROM repositories WHERE registry_id = ? AND name = ?", [registry_id, name]
        ).fetchone()
        return row[0] if row else None

    def has_content(self, repository_id: int) -> bool:
        """Tell whether anything of a repository was read: events alone may be invented."""
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM tags WHERE repository_id = ?1)"
            " OR EXISTS (SELECT 1 FROM repository_manifests WHERE repository_id = ?1)",
            [repository_id],
        ).fetchone()
        return bool(row[0])

    def get(self, repository_id: int) -> RepositoryRow:
        """Return one repository by its number."""
        return self.list_by_id([repository_id])[repository_id]

    def list_by_id(self, numbers: Iterable[int]) -> dict[int, RepositoryRow]:
        """Return repositories by their numbers."""
        rows = self._database.execute(
            "SELECT repositories.id, registries.name, registry_host, repositories.name"
            " FROM json_each(?) CROSS JOIN repositories ON repositories.id = value"
            " JOIN registries ON registries.id = registry_id",
            [json.dumps(list(numbers))],
        )
        return {
            row[0]: RepositoryRow(row[0], row[1], row[2], RepositoryName(row[3])) for row in rows
        }

    def list_visible(self, registry_id: int) -> list[RepositoryName]:
        """Return the repositories of a registry that have a tag as far as we know."""
        rows = self._database.execute(
            "SELECT name FROM repositories WHERE registry_id = ? AND EXISTS"
            " (SELECT 1 FROM tags WHERE repository_id = repositories.id AND hidden_at IS NULL)",
            [registry_id],
        )
        return [RepositoryName(row[0]) for row in rows]

    def names(self) -> dict[str, frozenset[str]]:
        """Return all repositories that were ever seen, also those that are gone, by registry."""
        rows = self._database.execute(
            "SELECT registries.name, repositories.name FROM repositories"
            " JOIN registries ON registries.id = registry_id"
        )
        found: dict[str, set[str]] = {}
        for registry, name in rows:
            found.setdefault(registry, set()).add(name)
        return {registry: frozenset(names) for registry, names in found.items()}

    def count_visible(self, registry_id: int) -> int:
        """Return how many repositories of a registry have a visible tag, system tags aside."""
        rows = self._database.execute(
            "SELECT repository_id, tags.name FROM tags JOIN repositories ON id = repository_id"
            " WHERE registry_id = ? AND hidden_at IS NULL",
            [registry_id],
        )
        return len({row[0] for row in rows if not is_system_tag(row[1])})
