"""Conditions on large repositories, answered from the documents of their images.

A repository meets a condition if one of its images does. A small one has the keywords and numbers
of all its images in its own document. For a large one that document would be written again with
every push, and most of a push would be that. So its images are asked: their documents are there in
any case. What asks them is put into the query, so that each engine answers the rest as always.
"""

from collections.abc import Callable
from dataclasses import replace

from indexer.engines.ranking.fields import BY_IMAGES
from indexer.model import (
    And,
    AtLeast,
    Condition,
    Glob,
    MetByImages,
    Not,
    Or,
    Query,
    Range,
)

IS_MET_BY_IMAGES = Condition(BY_IMAGES, "")
"""The repositories whose images are asked."""
_OWN = frozenset({"registry", "host", "repo", "namespace", "name"})
"""The fields that every repository has in its own document."""

Places = frozenset[tuple[str, str]]
"""The registries and names of repositories."""


def asks_images(query: Query) -> bool:
    """Tell whether any part of a query is a condition that images answer."""
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            return any(map(asks_images, parts))
        case Not(part):
            return asks_images(part)
        case _:
            return _is_asked(query)


def answer_by_images(query: Query, find: Callable[[Query], Places]) -> Query:
    """Return a query for repositories in which each condition is met by what images meet, too.

    ``find`` returns those of the large repositories that have an image which a query matches.
    """
    match query:
        case And(parts):
            return And(tuple(answer_by_images(part, find) for part in parts))
        case Or(parts):
            asked = tuple(filter(_is_asked, parts))
            others = tuple(answer_by_images(part, find) for part in parts if part not in asked)
            # Once for all of them: a base may be some hundred conditions.
            return Or((_met(Or(asked), find), *others)) if asked else Or(others)
        case AtLeast(parts=parts):
            return replace(query, parts=tuple(answer_by_images(part, find) for part in parts))
        case Not(part):
            return Not(answer_by_images(part, find))
        case _:
            return _met(query, find) if _is_asked(query) else query


def _met(query: Query, find: Callable[[Query], Places]) -> Query:
    found = find(query)
    return MetByImages(query, found) if found else query


def _is_asked(query: Query) -> bool:
    match query:
        case Condition(field) | Glob(field):
            return field not in _OWN and field[:1] not in "@/"
        case Range():
            return True
        case _:
            return False
