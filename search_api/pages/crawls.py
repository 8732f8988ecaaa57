"""How far the crawls are that run. Pure but for one question to the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_api.search import SearchService, status_json


@dataclass(frozen=True, slots=True)
class Reading:
    """A crawl that runs: how many places it has read, of about how many."""

    registry: str
    done: int
    total: int
    started_at: str
    is_first: bool
    is_full: bool
    """Whether it asks for every tag."""


def reading_of(registry: str, state: Mapping[str, Any]) -> Reading | None:
    """Return the crawl of a registry that runs, from its status; None if none does.

    The total grows while the crawl finds what there is to read.
    """
    crawl = state["crawl"]
    if crawl is None or crawl["finished_at"]:
        return None
    done = crawl["refreshes_done"]
    return Reading(
        registry=registry,
        done=done,
        total=done + crawl["refreshes_waiting"] + crawl["set_aside"],
        started_at=crawl["started_at"],
        is_first=state["first_backfill_running"],
        is_full=crawl["full"],
    )


async def first_readings(service: SearchService, freshness: Mapping[str, Any]) -> list[Reading]:
    """Return how far the registries are that are read for the first time.

    The status is asked for only if there are any.
    """
    if not any(one["first_backfill_running"] for one in freshness["registries"].values()):
        return []
    status = status_json(await service.status())
    found = (reading_of(name, state) for name, state in status["registries"].items())
    return [one for one in found if one and one.is_first]
