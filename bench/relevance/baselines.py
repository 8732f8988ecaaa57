"""The baselines: ``LIKE`` in SQL, and a filter over the catalog's names on the client."""

import sqlite3
from collections.abc import Callable, Mapping

from bench.relevance.catalogue import Entry
from bench.relevance.measures import DEPTH

Ask = Callable[[str], list[str]]
"""Returns the names of the first repositories for a query."""


_HAS = "(name LIKE '%' || ? || '%' OR description LIKE '%' || ? || '%')"


def like(entries: Mapping[str, Entry]) -> Ask:
    """Return ``LIKE '%…%'`` over name and description, by name."""
    connection = _table(entries)
    return lambda text: _names(connection, [text], order="name")


def words_like(entries: Mapping[str, Entry]) -> Ask:
    """Return the same for each word of the text; all must match, in the order of pulls."""
    connection = _table(entries)
    return lambda text: _names(connection, text.split(), order="pulls DESC")


def _table(entries: Mapping[str, Entry]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE repositories (name TEXT, description TEXT, pulls INTEGER)")
    rows = [(entry.name, entry.description, entry.pulls) for entry in entries.values()]
    connection.executemany("INSERT INTO repositories VALUES (?, ?, ?)", rows)
    return connection


def _names(connection: sqlite3.Connection, words: list[str], *, order: str) -> list[str]:
    where = " AND ".join([_HAS] * len(words))
    query = f"SELECT name FROM repositories WHERE {where} ORDER BY {order} LIMIT {DEPTH}"  # noqa: S608 - of this module's own words
    return [name for (name,) in connection.execute(query, [w for w in words for _ in range(2)])]


def catalog_filter(entries: Mapping[str, Entry]) -> Ask:
    """Return the search of registry pages, and of podman without an endpoint: by a name's part."""
    names = sorted(entries)

    def ask(text: str) -> list[str]:
        return [name for name in names if text.lower() in name][:DEPTH]

    return ask
