"""The present ways to search registries, with the same rows: SQL, and lists on the client.

Each gets its best conditions. A document is one row, with name, description and labels in one
folded column. The bodies are in another table, and all tables are in memory. Each answers as an
engine does: with the number of matches and the first of them.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.queries import TYPES, Ask
from indexer.model.document import Document, DocumentType, TextField
from indexer.model.text import fold

LIMIT = 25
_FILTER = re.compile(r'(\w+):"([^"]*)"')
_SIZE = re.compile(r"size:>(\d+)MB")
_FILTERED = ("arch", "os", "kind", "license")
_SEARCHED = (TextField.DESCRIPTION, TextField.LABEL)
_WORDS = frozenset({"exact name", "common word", "two words", "prefix"})
_PARTS = frozenset({"substring", "wildcard"})
_ORDERS = {"size": "size DESC", "created": "created DESC", "name": "name"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query for a reference: words and parts of words, which all must match.

    ``equal`` is ``(field, value)``.
    """

    words: tuple[str, ...]
    is_prefix: bool = False
    equal: tuple[str, str] | None = None
    larger_than: int = 0
    order: str = "name"


def asked(ask: Ask) -> Asked:
    """Read one of the benchmark's own queries."""
    equal, size = _FILTER.search(ask.q), _SIZE.search(ask.q)
    words = _SIZE.sub("", _FILTER.sub("", ask.q)).split()
    return Asked(
        words=tuple(fold(word.strip("*")) for word in words),
        is_prefix=ask.q.endswith("*"),
        equal=(equal[1], equal[2]) if equal else None,
        larger_than=int(size[1]) * 1_000_000 if size else 0,
        order=ask.parameters.get("sort", "name"),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """The number of matches, and the first of them."""

    total: int
    shown: Sequence[Any]


class Reference(Protocol):
    """One way of searching."""

    name: str
    classes: frozenset[str]
    """The classes of queries that the reference can answer."""

    def find(self, document_type: DocumentType, query: str, ask: Ask) -> Found:
        """Answer a query of a class."""


class Tables:
    """The rows in SQLite, both types apart."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._database = sqlite3.connect(":memory:")
        for kind in TYPES:
            self._database.executescript(_SCHEMA.replace("TYPE", kind.value))
        with self._database:
            for number, document in enumerate(documents):
                self._put(number, document)

    def _put(self, number: int, document: Document) -> None:
        kind, text = document.key.type.value, row_text(document)
        equal = "".join(f"\n{pair[0]}={pair[1]}" for pair in document.keywords if _is_kept(pair))
        # A repository is larger than a limit if any of its images is.
        size = max(document.numbers.get("size", (0,)), default=0)
        self._database.execute(
            f"INSERT INTO rows_{kind} VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
            [number, document.name, text, f"{equal}\n", size, document.created],
        )
        for table in ("words", "parts"):
            self._database.execute(
                f"INSERT INTO {table}_{kind} (rowid, text) VALUES (?, ?)",  # noqa: S608
                [number, text],
            )
        body = json.dumps(document.result)
        self._database.execute(f"INSERT INTO results_{kind} VALUES (?, ?)", [number, body])  # noqa: S608

    def found(self, document_type: DocumentType, sql: str, values: Sequence[object]) -> Found:
        """Return the rows of a SELECT of numbers, the first of them whole."""
        numbers = self._database.execute(sql, values).fetchall()
        body = f"SELECT result FROM results_{document_type} WHERE number = ?"  # noqa: S608
        shown = [self._database.execute(body, one).fetchone()[0] for one in numbers[:LIMIT]]
        return Found(len(numbers), [json.loads(one) for one in shown])


_SCHEMA = """
CREATE TABLE rows_TYPE (
    number INTEGER PRIMARY KEY, name TEXT, text TEXT, equal TEXT, size INTEGER, created INTEGER);
CREATE TABLE results_TYPE (number INTEGER PRIMARY KEY, result TEXT);
CREATE VIRTUAL TABLE words_TYPE USING fts5(text, content='', prefix='2 3 4');
CREATE VIRTUAL TABLE parts_TYPE USING fts5(text, content='', tokenize='trigram');
"""


def row_text(document: Document) -> str:
    """Return the searched text of a document: its name, descriptions and labels."""
    texts = (text.text for text in document.texts if text.field in _SEARCHED)
    return fold("\n".join((document.name, *texts)))


def _is_kept(pair: tuple[str, str]) -> bool:
    return pair[0] in _FILTERED


class Like:
    """``LIKE '%…%'`` for every word."""

    name = "LIKE"
    classes = _WORDS | _PARTS | {"filter", "range", "sorted", "everything"}

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def find(self, document_type: DocumentType, query: str, ask: Ask) -> Found:
        """Answer a query of a class."""
        del query
        wanted = asked(ask)
        conditions = ["text LIKE ? ESCAPE '\\'"] * len(wanted.words)
        values: list[object] = [f"%{_escaped(word)}%" for word in wanted.words]
        if wanted.equal is not None:
            conditions.append("equal LIKE ? ESCAPE '\\'")
            values.append(f"%\n{_escaped('='.join(wanted.equal))}\n%")
        if wanted.larger_than:
            conditions.append("size > ?")
            values.append(wanted.larger_than)
        where = " AND ".join(conditions) or "1"
        order = _ORDERS[wanted.order]
        sql = f"SELECT number FROM rows_{document_type} WHERE {where} ORDER BY {order}"  # noqa: S608
        return self._tables.found(document_type, sql, values)


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


class FullText:
    """SQLite's FTS5: by words and their beginnings, or by trigrams for parts of words."""

    name = "FTS5"
    classes = _WORDS | _PARTS

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def find(self, document_type: DocumentType, query: str, ask: Ask) -> Found:
        """Answer a query of a class."""
        wanted = asked(ask)
        table = f"{'parts' if query in _PARTS else 'words'}_{document_type}"
        star = "*" if wanted.is_prefix else ""
        match = " ".join(f'"{word}"{star}' for word in wanted.words)
        sql = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rank"  # noqa: S608
        return self._tables.found(document_type, sql, [match])


class ClientFilter:
    """The catalog and the lists of tags, read in advance, and filtered for every query.

    Only names of repositories and their tags are in the lists.
    """

    name = "client"
    classes = _WORDS | _PARTS

    def __init__(self, documents: Iterable[Document]) -> None:
        names: set[str] = set()
        references: set[str] = set()
        for document in documents:
            names.add(document.name)
            if document.key.type is DocumentType.IMAGE:
                references.update(f"{document.name}:{tag}" for tag in document.result["tags"])
        self._lists = {
            DocumentType.REPOSITORY: [(fold(name), name) for name in sorted(names)],
            DocumentType.IMAGE: [(fold(one), one) for one in sorted(references)],
        }

    def find(self, document_type: DocumentType, query: str, ask: Ask) -> Found:
        """Answer a query of a class."""
        del query
        words = asked(ask).words
        found = [
            shown
            for folded, shown in self._lists[document_type]
            if all(word in folded for word in words)
        ]
        return Found(len(found), found[:LIMIT])
