"""The shapes of answers, for the OpenAPI document; an answer may hold more keys than these."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """What all shapes have in common."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Error(Shape):
    """What went wrong."""

    code: str
    """A name for programs, such as `PARAMETER_INVALID`."""
    message: str
    """A sentence for people, with the name and the value."""
    detail: dict[str, Any]
    """More for programs, such as the `column` of a mistake in a query, from 1."""


class Errors(Shape):
    """Every answer that is no success, as the OCI distribution specification shapes it."""

    errors: list[Error]


class RegistryFreshness(Shape):
    """How fresh what is known of a registry is; times are RFC 3339, null is never."""

    newest_event_applied_at: str | None
    """When the newest event happened whose effect is searchable."""
    entries_waiting: int
    refreshes_waiting: int
    last_complete_crawl_at: str | None
    first_backfill_running: bool
    set_aside: int
    """Places that could not be read and wait for the next crawl."""
    held_back: int
    """Repositories still shown though the last crawl did not find them."""
    error: str | None


class Freshness(Shape):
    """How true an answer is."""

    complete: bool
    """Whether every registry was read whole, can be read now, and is searchable."""
    registries: dict[str, RegistryFreshness]


class Highlight(Shape):
    """A text that matches; ranges are pairs of places, counted in Unicode code points."""

    field: Literal["name", "title", "description", "metadata", "label", "annotation", "tag"]
    key: str = ""
    """Of a label, an annotation or other metadata; missing for other texts."""
    key_ranges: list[tuple[int, int]] = []
    """Where the key matches; missing without a key."""
    snippet: str
    """At most 200 characters of the text, with … where it is cut; plain text, not markup."""
    ranges: list[tuple[int, int]]
    """Where the snippet matches: each from a place up to and without another."""


class Match(Shape):
    """Why and how well a result matches."""

    score: float
    """0 where results are not ordered by relevance."""
    highlights: list[Highlight]
    """At most 5: the name first, then what weighs most."""


class Links(Shape):
    """Where more is told."""

    self: str


class Result(Shape):
    """A repository or an image; an image also has `digest`, `tags` and more."""

    model_config = ConfigDict(extra="allow")

    registry: str
    repository: str
    reference: str
    """What to type behind `docker pull`."""
    kind: str
    title: str
    description: str
    platforms: list[str]
    created_at: str | None
    """When the builder says that it was made."""
    pushed_at: str | None
    """When an event said that it was pushed."""
    size_bytes: int
    match: Match
    links: Links


class FacetValue(Shape):
    """How many of all that match have a value."""

    value: str
    count: int


class Facet(Shape):
    """The values of a facet, most first."""

    values: list[FacetValue]
    others: int
    """How many values more there are."""


class Suggestion(Shape):
    """The query with other spellings."""

    query: str
    is_used: bool
    """Whether the results are those of this query, for the one that was asked matches nothing."""


class SearchAnswer(Shape):
    """A page of results."""

    type: Literal["repository", "image"]
    total: int
    """How many match in all."""
    total_is_exact: bool
    """Whether everything that the registries hold was counted."""
    results: list[Result]
    facets: dict[str, Facet]
    suggestion: Suggestion | None
    next: str | None
    """The cursor of the next page; null on the last. The `Link` header has its address."""
    freshness: Freshness


class Completion(Shape):
    """What a query may become."""

    text: str
    """The whole query, with its last word completed."""
    kind: Literal["repository", "field", "value"]
    """What the last word is then."""
    reference: str = ""
    """Of a repository, what to type behind `docker pull`; missing for others."""


class Completions(Shape):
    """What a query may become, the likeliest first."""

    suggestions: list[Completion]


class RegistryStatus(RegistryFreshness):
    """The state of a registry; the last crawl is null before the first."""

    error_at: str | None
    registry_restarted_at: str | None
    entries_rejected: int
    requests: int
    """How many were sent to it."""
    crawl: dict[str, Any] | None


class Status(Shape):
    """The state of everything."""

    search_index: dict[str, Any]
    """Which it is, whether it is complete, and how many documents it holds or waits for."""
    extraction: dict[str, Any] | None
    """How far the content is read again; null when it is not."""
    registries: dict[str, RegistryStatus]
    set_aside: list[dict[str, Any]]
    """Places that could not be read, with the reason."""
    rejected: list[dict[str, Any]]
    """Events that could not be used, with the reason."""
