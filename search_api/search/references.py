"""The image that the result of a repository names: one that meets the conditions of the query.

A repository meets a condition if any of its images does. Its stored ``reference`` is good without
conditions only. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from indexer.engines.ranking import pattern
from indexer.model import (
    And,
    Condition,
    Everything,
    FacetCondition,
    Glob,
    Not,
    Or,
    Query,
    Range,
    fold,
)

_OF_REPOSITORY = {"registry", "host", "repo", "namespace", "name"}
"""Fields and facets whose values all images of a repository have."""


def image_conditions(query: Query) -> Query:
    """Return what an image of a matching repository must meet; everything without conditions.

    Words and names are left out, because they find the repository and not an image. Beside a
    condition in an OR they stay: an image may match them instead.
    """
    match query:
        case And(parts):
            kept = [image_conditions(part) for part in parts]
            kept = [part for part in kept if part != Everything()]
            return And(tuple(kept)) if kept else Everything()
        case Or(parts):
            alternatives = [(image_conditions(part), part) for part in parts]
            if all(found == Everything() for found, _ in alternatives):
                return Everything()
            return Or(
                tuple(part if found == Everything() else found for found, part in alternatives)
            )
        case Not(part):
            return Everything() if image_conditions(part) == Everything() else query
        case Condition(field=name) | Glob(field=name) | FacetCondition(facet=name):
            return Everything() if name in _OF_REPOSITORY else query
        case Range():
            return query
        case _:
            return Everything()


def repository_condition(result: Mapping[str, Any]) -> Query:
    """Return the condition that the images of a repository's result meet."""
    return And(
        (
            Condition("registry", fold(result["registry"])),
            Condition("repo", fold(result["repository"])),
        )
    )


def with_reference(
    result: Mapping[str, Any], image: Mapping[str, Any] | None, query: Query
) -> Mapping[str, Any]:
    """Return the result of a repository with the reference of one of its images.

    Without an image it stays as it is. Of the tags of the image, the reference has the newest that
    fits the query best.
    """
    if image is None:
        return result
    reference, tags = image["reference"], image["tags"]
    asked = list(_tag_conditions(query))
    if tags and asked:
        tag = max(tags, key=lambda one: sum(_has_tag(condition, one) for condition in asked))
        reference = f"{reference.removesuffix(tags[0])}{tag}"
    return {**result, "reference": reference}


def _tag_conditions(query: Query) -> Iterator[Condition | Glob | FacetCondition]:
    """Yield the conditions on tags that an image may meet."""
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _tag_conditions(part)
        case Condition("tag") | Glob("tag") | FacetCondition("tag"):
            yield query


def _has_tag(condition: Condition | Glob | FacetCondition, tag: str) -> bool:
    match condition:
        case Condition(value=value, is_prefix=is_prefix):
            return fold(tag).startswith(value) if is_prefix else fold(tag) == value
        case FacetCondition(value=value):
            return tag == value
        case Glob(pattern=text):
            return pattern(text).fits(fold(tag))
