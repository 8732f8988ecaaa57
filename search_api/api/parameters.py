"""The parameters of operations, with their limits, for the checks and the OpenAPI document."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BeforeValidator

from indexer.model import FACETS, LABEL_FACET, LIMIT_MAX
from search_api.search import FACETS_MAX, parse_count

LIMIT_DEFAULT = 25
COMPLETIONS_DEFAULT = 8
COMPLETIONS_MAX = 20


def _number(maximum: int) -> BeforeValidator:
    """Return a check that takes digits only. Pydantic alone takes signs and spaces too."""

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
        description="The query, in the query language; everything if empty.",
        examples=["nginx", "arch:arm64 label:team=payments", '"reverse proxy" size:<100MB'],
    ),
]
Type = Annotated[DocumentTypeName, Query(description="The type of the results.")]
InRegistry = Annotated[
    str, Query(description="The name or host of the only registry to search; all if empty.")
]
Facets = Annotated[
    str,
    Query(
        description="The facets to count over all matches, separated by commas:"
        f" {', '.join(FACETS)} or {LABEL_FACET}KEY; at most {FACETS_MAX}.",
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
    Query(ge=1, le=LIMIT_MAX, description="The maximum number of results."),
]
CompletionLimit = Annotated[
    int,
    _number(COMPLETIONS_MAX),
    Query(ge=1, le=COMPLETIONS_MAX, description="The maximum number of suggestions."),
]
CursorText = Annotated[
    str, Query(description="The `next` of the previous page; the first page if empty.")
]
