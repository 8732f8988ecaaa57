"""The page of the status: all that operators ask for, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from indexer.clock import rfc3339
from indexer.errors import StoreError
from search_api.pages.crawls import Reading, reading_of
from search_api.pages.freshness import stale_sentences
from search_api.pages.site import PageView, Site
from search_api.pages.troubles import Trouble, explain
from search_api.pages.words import sentence, short_digest
from search_api.search import ReasonCode, freshness_json, status_json

ROWS_SHOWN = 20
"""Rows of each list of what failed; the JSON has more."""
_TOLD = {
    ReasonCode.UNREADABLE,
    ReasonCode.PAUSED,
    ReasonCode.FIRST_CRAWL_RUNNING,
    ReasonCode.NEVER_NOTIFIED,
    ReasonCode.EVENTS_WAITING,
    ReasonCode.REFRESHES_WAITING,
    ReasonCode.SET_ASIDE,
    ReasonCode.NOTIFICATIONS_REFUSED,
}
"""Reasons that are numbers of the table, or told in other words."""


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What is shown of a registry beside ``state``, what the API says of it."""

    name: str
    state: Mapping[str, Any]
    reached: str
    waiting: int
    error: Trouble | None
    pause: Trouble | None
    catalog: Trouble | None
    reading: Reading | None
    has_restarted: bool
    """Whether it restarted, and no crawl followed yet."""
    others: tuple[str, ...]
    """Reasons why it is behind, as sentences, that nothing else on the page tells."""


def registry_view(name: str, state: Mapping[str, Any]) -> RegistryView:
    """Return what is shown of a registry, from its status."""
    crawl, pause = state["crawl"], state["paused"]
    restarted = state["registry_restarted_at"]
    return RegistryView(
        name=name,
        state=state,
        reached=_reached(state),
        waiting=state["entries_waiting"] + state["refreshes_waiting"],
        error=explain(state["error"]) if state["error"] else None,
        pause=explain(pause["reason"] or "") if pause else None,
        catalog=explain(crawl["catalog_error"]) if crawl and crawl["catalog_error"] else None,
        reading=reading_of(name, state),
        has_restarted=bool(restarted)
        and restarted
        >= (
            (crawl["started_at"] if crawl and crawl["finished_at"] else None)
            or state["last_complete_crawl_started_at"]
            or ""
        ),
        others=tuple(
            sentence(one["message"]) for one in state["reasons"] if one["code"] not in _TOLD
        ),
    )


def _reached(state: Mapping[str, Any]) -> str:
    if state["error"]:
        return "no"
    return "yes" if state["crawl"] or state["newest_event_applied_at"] else "not yet"


def failed_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first rows of a list of places, with the place and the reason in words."""
    return [
        {**row, "place": place_text(row), "trouble": explain(row["reason"], is_place=True)}
        for row in rows[:ROWS_SHOWN]
    ]


def place_text(row: Mapping[str, Any]) -> str:
    """Return what a refresh reads: ``team/web:1.1``, or what list it is."""
    repository, reference = row["repository"], row["reference"]
    if row["kind"] == "catalog" or not repository:
        return "the list of repositories"
    if not reference:
        return f"{repository}, the list of tags"
    is_digest = ":" in reference
    place = f"{repository}@{short_digest(reference)}" if is_digest else f"{repository}:{reference}"
    return f"{place}, what is attached to it" if row["kind"] == "referrers" else place


async def answer(site: Site, request: Request) -> Response:
    """Return the page of the status; also before an indexer made the store, and without it."""
    values: dict[str, Any] = {
        "problem": None,
        "status": None,
        "sentences": [],
        "registries": [],
        "rows_shown": ROWS_SHOWN,
        "updated_at": rfc3339(site.clock.now()),
    }
    freshness = None
    try:
        status = await site.service.status()
    except StoreError as error:
        values["problem"] = str(error)
    else:
        body, freshness = status_json(status), freshness_json(status.freshness)
        values |= {
            "status": body,
            "sentences": stale_sentences(freshness),
            "registries": [registry_view(*one) for one in body["registries"].items()],
            "set_aside": failed_rows(body["set_aside"]),
            "postponed": failed_rows(body["postponed"]),
            "is_whole": status.freshness.with_reasons,
        }
    page = PageView(
        "status.html",
        title="Status",
        values=values,
        twin=site.to.api("status"),
        canonical=site.to.page("status"),
        fragment="status",
    )
    return await site.respond(request, page, freshness=freshness)
