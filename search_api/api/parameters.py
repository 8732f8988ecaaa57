"""The parameters of operations: what each may be, for the checks and the OpenAPI document alike."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BeforeValidator

from indexer.model import FACETS, LABEL_FACET, LIMIT_MAX
from search_api.search import FACETS_MAX, parse_count

LIMIT_DEFAULT = 25
COMPLETIONS_DEFAULT = 8
COMPLETIONS_MAX = 20


def _number(maximum: int) -> BeforeValidator:
    """Return a check that takes digits alone, where pydantic takes signs and spaces too."""

    return BeforeValidator(lambda value: parse_count(str(value), maximum=maximum))


DocumentTypeName = Literal["repository", "image"]
SortName = Literal[
    "relevance",
    "-relevance",
    "name",
    "-name",
    "created",
    "-created",
    "pushed",
    "-pushed",
    "size",
    "-size",
    "pulls",
    "-pulls",
]

QueryText = Annotated[
    str,
    Query(
        description="What to search for, in the query language; everything when empty.",
        examples=["nginx", "arch:arm64 label:team=payments", '"reverse proxy" size:<100MB'],
    ),
]
Type = Annotated[DocumentTypeName, Query(description="What to list.")]
InRegistry = Annotated[
    str, Query(description="The name or host of the registry to stay within; all when empty.")
]
Facets = Annotated[
    str,
    Query(
        description=f"What to count among all that match, by commas: {', '.join(FACETS)} or"
        f" {LABEL_FACET}KEY; at most {FACETS_MAX}.",
        examples=["kind,platform,label:team"],
    ),
]
SortBy = Annotated[
    SortName,
    Query(description="The order: greatest or newest first, names from A; `-` before it reverses."),
]
Limit = Annotated[
    int,
    _number(LIMIT_MAX),
    Query(ge=1, le=LIMIT_MAX, description="How many to answer at most."),
]
CompletionLimit = Annotated[
    int,
    _number(COMPLETIONS_MAX),
    Query(ge=1, le=COMPLETIONS_MAX, description="How many to answer at most."),
]
CursorText = Annotated[
    str, Query(description="The `next` of the page before; the first page when empty.")
]
