"""The shapes of answers, for the OpenAPI document; an answer may have more keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-01T12:00:00Z"])
]
"""RFC 3339 in UTC."""
DigestText = Annotated[
    str,
    Field(examples=["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]),
]
Reference = Annotated[str, Field(examples=["registry.example:5000/team/web:1.4"])]
RegistryText = Annotated[str, Field(examples=["main"])]
RepositoryText = Annotated[str, Field(examples=["team/web"])]
TagText = Annotated[str, Field(examples=["1.4"])]
PlatformText = Annotated[str, Field(examples=["linux/arm64"])]
Count = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0, examples=[7_340_032])]
Cursor = Annotated[str, Field(examples=["eyJwIjoxfQ"])]


class Shape(BaseModel):
    """The common base of all shapes."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Error(Shape):
    """An error."""

    code: Annotated[str, Field(examples=["PARAMETER_INVALID"])]
    """A name for programs, such as `PARAMETER_INVALID`."""
    message: str
    """A sentence for people, with the name and the value."""
    detail: dict[str, Any]
    """Details for programs, such as the `column` of a mistake in a query, from 1."""


class Errors(Shape):
    """Every failure, in the form of the OCI distribution specification."""

    errors: list[Error]
    request_id: Annotated[str, Field(examples=["5f0c1b7e9a2d4c68"])] = ""
    """The id of the request, as in `X-Request-ID` and in the log."""


class Notifications(Shape):
    """The notifications of a registry."""

    expected: bool
    """Whether the registry sends any; if not, its last complete crawl decides."""
    received_at: Time | None
    """The time of the newest one that was accepted."""
    refused: int
    """The number that had a wrong secret since the last complete crawl began."""


class NotificationsStatus(Notifications):
    """The notifications of a registry, for operators."""

    accepted_total: Count
    refused_total: Count
    refused_at: Time | None
    refused_from: str | None
    """The address of the newest sender with a wrong secret."""


class Reason(Shape):
    """A reason why results may be missing or old."""

    code: Annotated[str, Field(examples=["REFRESHES_WAITING"])]
    """A name for programs."""
    message: str
    """A sentence for people."""


class RegistryFreshness(Shape):
    """The freshness of a registry; times are RFC 3339, null is never."""

    newest_event_applied_at: Time | None
    """The time of the newest event with a searchable effect."""
    entries_waiting: Count
    refreshes_waiting: Count
    last_complete_crawl_at: Time | None
    last_complete_crawl_started_at: Time | None
    """That crawl saw all changes before this time."""
    first_backfill_running: bool
    set_aside: Count
    """Places that could not be read, set aside until the next crawl."""
    held_back: Count
    """Repositories that are still shown, although the last crawl did not find them."""
    error: str | None
    notifications: Notifications
    behind: list[str]
    """The reasons why results of this registry may be missing or old, in words."""
    reasons: list[Reason]
    """The same reasons, each with a name for programs."""


class Freshness(Shape):
    """The freshness of an answer."""

    complete: bool
    """Whether nothing is known to be missing: there is no reason in any `behind`."""
    behind: list[str]
    """The reasons why results of any registry may be missing or old, in words."""
    reasons: list[Reason]
    """The same reasons, each with a name for programs."""
    documents_waiting: Count
    indexer_alive_at: Time | None
    """The last time at which the indexer was alive; it says so every second."""
    registries: dict[str, RegistryFreshness]


class Highlight(Shape):
    """A matching text; a range is a pair of positions in Unicode code points."""

    field: Literal["name", "title", "description", "metadata", "label", "annotation", "tag"]
    key: str = ""
    """The key of a label, an annotation or other metadata; missing for other texts."""
    key_ranges: list[tuple[int, int]] = []
    """The matches in the key; missing without a key."""
    snippet: str
    """At most 200 characters of the text, with … at each cut; plain text, not markup."""
    ranges: list[tuple[int, int]]
    """The matches in the snippet; the end of a range is excluded."""


class Match(Shape):
    """The reasons of a match, and its score."""

    score: float
    """0 if results are not ordered by relevance."""
    highlights: list[Highlight]
    """At most 5: the name first, then the most important texts."""


class Links(Shape):
    """Addresses of more details."""

    self: str


class Result(Shape):
    """A repository or an image; an image also has `digest`, `tags` and more."""

    model_config = ConfigDict(extra="allow")

    registry: RegistryText
    repository: RepositoryText
    reference: Reference
    """The argument of `docker pull`."""
    kind: Annotated[str, Field(examples=["image"])]
    title: str
    description: str
    platforms: list[PlatformText]
    created_at: Time | None
    """The build time, as the builder says."""
    pushed_at: Time | None
    """The time of the push, as an event said."""
    size_bytes: Bytes | None
    """For a repository: of the images of all tags together. Null if unknown."""
    match: Match
    links: Links


class FacetValue(Shape):
    """A value, and the number of matches with it."""

    value: str
    count: Count
    query: Annotated[str, Field(examples=['vendor:="Red Hat"'])]
    """Added to the query, it selects exactly the matches that are counted."""


class Facet(Shape):
    """The values of a facet, the most frequent first."""

    values: list[FacetValue]
    others: Count
    """The number of other values."""


class Suggestion(Shape):
    """The query with corrected spelling."""

    query: str
    is_used: bool
    """Whether the results are those of this query, because the original matches nothing."""


class Note(Shape):
    """A remark on how a query was understood."""

    code: Annotated[str, Field(examples=["FIELD_UNKNOWN"])]
    """A name for programs."""
    message: str
    """A sentence for people."""


class Relaxed(Shape):
    """How many words of the query the results match, because nothing matches all of them."""

    matched: Count
    of: Count
    left_out: list[str]
    """The words that the first result does not match."""


class AnswerAccess(Shape):
    """What rights mean for an answer; it never depends on what is hidden."""

    limited: bool
    """Whether a registry that was searched may hold what the caller may not see."""
    problem: str | None
    """Why it is not known what the caller may see of it: a sentence for people."""


class SearchAnswer(Shape):
    """A page of results."""

    type: Literal["repository", "image"]
    total: Count
    """The number of all matches."""
    total_is_exact: bool
    """Whether `freshness` is complete and rights are known, so that no match is missing."""
    access: AnswerAccess
    results: list[Result]
    facets: dict[str, Facet]
    suggestion: Suggestion | None
    relaxed: Relaxed | None
    """Set if the results match some words of the query only."""
    expanded: dict[str, list[str]]
    """Words of the query, each with the synonyms that were searched too."""
    notes: list[Note]
    """Remarks for people; mostly none."""
    next: Cursor | None
    """The cursor of the next page; null on the last. The `Link` header has its address."""
    freshness: Freshness


class Completion(Shape):
    """A completion of a query."""

    text: str
    """The whole query, with its last word completed."""
    kind: Literal["repository", "field", "value"]
    """The kind of the completed word."""
    reference: Reference = ""
    """For a repository: the argument of `docker pull`; missing for others."""


class Completions(Shape):
    """Completions of a query, the likeliest first."""

    suggestions: list[Completion]


class Pause(Shape):
    """Why a registry is left alone for a while."""

    until: Time
    reason: str
    """The answer of the registry because of which it is left alone; it names the place."""


class RegistryStatus(RegistryFreshness):
    """The state of a registry; the last crawl is null before the first."""

    notifications: NotificationsStatus
    error_at: Time | None
    paused: Pause | None
    """Null while the registry is read."""
    registry_restarted_at: Time | None
    entries_rejected: Count
    requests: Count
    """The number of requests to it."""
    crawl: dict[str, Any] | None


class Service(Shape):
    """The program that answers."""

    version: Annotated[str, Field(examples=["0.2.0"])]
    started_at: Time | None
    """The start of the web process."""


class Status(Shape):
    """The status of the service."""

    service: Service
    complete: bool
    behind: list[str]
    """The reasons why results of any registry may be missing or old, in words."""
    reasons: list[Reason]
    """The same reasons, each with a name for programs."""
    indexer: dict[str, Any]
    """Whether the indexer is alive, the last time at which it was, and how long ago that is."""
    nodes: list[dict[str, Any]]
    """On a search node: the indexer nodes, whether each is alive, and why one is left out."""
    restarts: dict[str, Count]
    """How often the supervisor started each process again since its own start."""
    search_index: dict[str, Any]
    """The live generation, whether it is complete, and its numbers of present and due documents."""
    extraction: dict[str, Any] | None
    """The progress of reading the content again; null if that is not running."""
    registries: dict[str, RegistryStatus]
    set_aside: list[dict[str, Any]]
    """Places that could not be read, with reasons."""
    postponed: list[dict[str, Any]]
    """Places that failed and are read again at `due_at`, with reasons."""
    damaged: list[dict[str, Any]]
    """Rows of the store or the journal that could not be read, with reasons; set aside."""
    rejected: list[dict[str, Any]]
    """Events that could not be used, with reasons."""
    searches: dict[str, Any] | None
    """The searches of the web process: how many run, wait, and ended without an answer."""
