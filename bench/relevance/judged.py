"""The judged queries: the typed text, and the grade of each repository as an answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.relevance.catalogue import DATA, Entry, catalogue, read_lines
from bench.relevance.debian import FOLDER, PackageCatalogue

BEST = 3
"""The grade of the repository that the query names; one without a judgement has 0."""


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query as typed, its class and the grades of repositories from 1 to ``BEST``."""

    text: str
    query_class: str
    grades: Mapping[str, int]
    thing: str = ""
    """The meaning, if several queries have it and share its grades."""
    is_held_out: bool = False
    """Whether it was written and judged after the ranking was tuned, to test the ranking."""


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A catalogue, and the judged queries about it."""

    entries: Mapping[str, Entry]
    queries: tuple[JudgedQuery, ...]


def company_set() -> JudgedSet:
    """Return the set about the registry of a company."""
    return JudgedSet(catalogue(), judged_queries())


def debian_set(packages: PackageCatalogue, *, is_set_aside: bool) -> JudgedSet:
    """Return one half of the set about Debian's packages, as far as its answers are there."""
    halves = split_halves(judged_queries(FOLDER))
    known = {name: entry.name for name, entry in packages.repositories.items()}
    asked = (_with_repositories(query, known) for query in halves[is_set_aside])
    entries = {entry.name: entry for entry in packages.repositories.values()}
    return JudgedSet(entries, tuple(q for q in asked if BEST in q.grades.values()))


def split_halves(
    queries: Sequence[JudgedQuery],
) -> tuple[tuple[JudgedQuery, ...], tuple[JudgedQuery, ...]]:
    """Return the open half of each class, and the half that is set aside.

    The order of the SHA-256 of the texts decides, so that nobody chooses.
    """
    set_aside: set[str] = set()
    for name in Counter(query.query_class for query in queries):
        texts = [query.text for query in queries if query.query_class == name]
        set_aside.update(sorted(texts, key=_hash)[: len(texts) // 2])
    return (
        tuple(query for query in queries if query.text not in set_aside),
        tuple(query for query in queries if query.text in set_aside),
    )


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _with_repositories(query: JudgedQuery, known: Mapping[str, str]) -> JudgedQuery:
    """Return a query about packages with the names of their repositories."""
    grades = {known[name]: grade for name, grade in query.grades.items() if name in known}
    return replace(query, grades=grades)


@cache
def things(folder: Path = DATA) -> Mapping[str, Mapping[str, int]]:
    """Return the grades for each thing that queries mean, by its name."""
    return {row["thing"]: _grades(row) for row in read_lines(folder / "things.jsonl")}


@cache
def judged_queries(folder: Path = DATA) -> tuple[JudgedQuery, ...]:
    """Return all judged queries of a folder, class after class."""
    known = things(folder)
    return tuple(_query(row, known) for row in read_lines(folder / "queries.jsonl"))


def classes(folder: Path = DATA) -> Mapping[str, int]:
    """Return the classes in order with their numbers of queries."""
    return Counter(query.query_class for query in judged_queries(folder))


def _query(row: Mapping[str, Any], known: Mapping[str, Mapping[str, int]]) -> JudgedQuery:
    thing = row.get("thing", "")
    grades = known[thing] if thing else _grades(row)
    return JudgedQuery(row["query"], row["class"], grades, thing, row.get("held_out", False))


def _grades(row: Mapping[str, Any]) -> Mapping[str, int]:
    return {name: int(grade) for grade, names in row["grades"].items() for name in names}
