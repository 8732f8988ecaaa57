"""The judged queries: the typed text, and the grade of each repository as an answer."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.relevance.catalogue import read_lines

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


def things() -> Mapping[str, Mapping[str, int]]:
    """Return the grades for each thing that queries mean, by its name."""
    return {row["thing"]: _grades(row) for row in read_lines("things.jsonl")}


@cache
def judged_queries() -> tuple[JudgedQuery, ...]:
    """Return all judged queries, class after class."""
    known = things()
    return tuple(_query(row, known) for row in read_lines("queries.jsonl"))


def classes() -> Mapping[str, int]:
    """Return the classes in order with their numbers of queries."""
    return Counter(query.query_class for query in judged_queries())


def _query(row: Mapping[str, Any], known: Mapping[str, Mapping[str, int]]) -> JudgedQuery:
    thing = row.get("thing", "")
    grades = known[thing] if thing else _grades(row)
    return JudgedQuery(row["query"], row["class"], grades, thing, row.get("held_out", False))


def _grades(row: Mapping[str, Any]) -> Mapping[str, int]:
    return {name: int(grade) for grade, names in row["grades"].items() for name in names}
