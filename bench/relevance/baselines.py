"""What people use now: ``LIKE`` in SQL, and a filter over the catalog's names on the client."""

import sqlite3
from collections.abc import Callable, Mapping

from bench.relevance.catalogue import Entry
from bench.relevance.measures import DEPTH

Ask = Callable[[str], list[str]]
"""Returns the names of the first repositories for a query."""


def like(entries: Mapping[str, Entry]) -> Ask:
    """Return ``LIKE '%…%'`` over name and description, by name."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE repositories (name TEXT PRIMARY KEY, description TEXT)")
    rows = [(entry.name, entry.description) for entry in entries.values()]
    connection.executemany("INSERT INTO repositories VALUES (?, ?)", rows)

    def ask(text: str) -> list[str]:
        found = connection.execute(
            "SELECT name FROM repositories WHERE name LIKE '%' || ?1 || '%'"
            " OR description LIKE '%' || ?1 || '%' ORDER BY name LIMIT ?2",
            [text, DEPTH],
        )
        return [name for (name,) in found]

    return ask


def catalog_filter(entries: Mapping[str, Entry]) -> Ask:
    """Return what registry pages do, and podman without a search endpoint: a part of the name."""
    names = sorted(entries)

    def ask(text: str) -> list[str]:
        return [name for name in names if text.lower() in name][:DEPTH]

    return ask
