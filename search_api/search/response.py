"""The JSON of search results and status: one shape for the API and the command line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import orjson

from indexer.clock import rfc3339
from indexer.engines import go_on
from indexer.model import FacetCounts, Hit
from indexer.store import NO_CATALOG, AbsentTags, NotificationResult, RegistryFreshness
from search_api.query import facet_query
from search_api.search.cursors import encode_cursor
from search_api.search.freshness import BehindReason, SearchFreshness, SearchLoad, ServiceStatus
from search_api.search.highlights import Highlighter, TextHighlight
from search_api.search.request import SearchRequest
from search_api.search.result import Relaxation, SearchResult
from search_api.search.searcher import Searcher
from search_api.search.snapshot import AccessLimits

API = "/api/v1"
"""The path of the API, below that of ``public_url``."""


def search_json(
    result: SearchResult, *, check: Callable[[], None] = go_on, base: str = ""
) -> dict[str, Any]:
    """Return the JSON of a page of hits; ``check`` is called for each hit, and may end it.

    Addresses begin with ``base``.
    """
    page, order, suggestion = result.page, result.request.order, result.suggestion
    highlighter = Highlighter(result.query)
    return {
        "type": order.document_type.value,
        "total": page.total,
        "total_is_exact": result.total_is_exact,
        "access": access_json(result.limits),
        "results": [_result(hit, highlighter, check, base) for hit in page.hits],
        "facets": {name: _facet(name, counts) for name, counts in page.facets.items()},
        "suggestion": (
            {"query": suggestion.text, "is_used": suggestion.is_used} if suggestion else None
        ),
        "relaxed": _relaxed(result.relaxed) if result.relaxed else None,
        "expanded": dict(result.expanded),
        "notes": [{"code": note.code, "message": note.message} for note in result.notes],
        "next": encode_cursor(result.next, order) if result.next else None,
        "freshness": freshness_json(result.freshness),
    }


def access_json(limits: AccessLimits | None) -> dict[str, Any]:
    """Return the JSON of what rights mean for an answer."""
    return {"limited": limits is not None, "problem": limits.problem or None if limits else None}


def search_page(searcher: Searcher, request: SearchRequest, base: str = "") -> dict[str, Any]:
    """Search; return the JSON of the page, of which addresses begin with ``base``."""
    return search_json(searcher.search(request), check=searcher.deadline.check, base=base)


def search_bytes(
    searcher: Searcher, request: SearchRequest, base: str = ""
) -> tuple[bytes, str | None, int]:
    """Search; return the JSON of the page in bytes, the cursor of the next page, and the total.

    Addresses begin with ``base``.
    """
    body = search_page(searcher, request, base)
    return orjson.dumps(body), body["next"], body["total"]


def repository_link(registry: str, repository: str) -> str:
    """Return the address of a repository in the API."""
    return f"{API}/repositories/{registry}/{repository}"


def image_link(registry: str, repository: str, digest: str) -> str:
    """Return the address of an image in the API."""
    within = urlencode({"registry": registry, "repository": repository}, safe="/")
    return f"{API}/images/{digest}?{within}"


def freshness_json(freshness: SearchFreshness) -> dict[str, Any]:
    """Return the JSON of the freshness."""
    return {
        "complete": freshness.complete,
        **_reasons_json(freshness.behind()),
        "documents_waiting": freshness.store.documents_waiting,
        "indexer_alive_at": freshness.store.alive_at,
        "registries": {
            registry.name: {
                "newest_event_applied_at": registry.newest_event_applied_at,
                "entries_waiting": _count(freshness, registry.name, "waiting"),
                "refreshes_waiting": registry.refreshes_waiting,
                "last_complete_crawl_at": registry.last_complete_crawl_at,
                "last_complete_crawl_started_at": registry.last_complete_crawl_started_at,
                "first_backfill_running": registry.first_backfill_running,
                "set_aside": registry.set_aside,
                "held_back": registry.quarantined if freshness.with_reasons else 0,
                "error": freshness.told(registry.error),
                "notifications": {
                    "expected": registry.notifies,
                    "received_at": freshness.notifications(registry.name).received_at,
                    "refused": freshness.notifications(registry.name).refused_since,
                },
                **_reasons_json(freshness.behind_registry(registry)),
            }
            for registry in freshness.registries
        },
    }


def _reasons_json(reasons: Iterable[BehindReason]) -> dict[str, Any]:
    told = [{"code": reason.code.value, "message": reason.message} for reason in reasons]
    return {"behind": [one["message"] for one in told], "reasons": told}


def status_json(status: ServiceStatus) -> dict[str, Any]:
    """Return the JSON of the status."""
    freshness = freshness_json(status.freshness)
    registries = {}
    for registry in status.freshness.registries:
        fresh = freshness["registries"][registry.name]
        registries[registry.name] = {
            **fresh,
            "notifications": {**fresh["notifications"], **_received_json(status, registry.name)},
            "error_at": registry.error_at,
            "paused": _pause_json(status.freshness, registry),
            "registry_restarted_at": registry.restarted_at,
            "entries_rejected": _count(status.freshness, registry.name, "rejected"),
            "requests": registry.requests,
            "crawl": _crawl_json(status, registry.name),
        }
    live, store = status.live, status.store
    rebuild, extraction = store.rebuild, store.extraction
    return {
        "service": {
            "version": version("regsearch"),
            "started_at": rfc3339(status.started_at) if status.started_at else None,
        },
        "complete": freshness["complete"],
        "behind": freshness["behind"],
        "reasons": freshness["reasons"],
        "indexer": {
            "alive": status.freshness.is_indexer_alive,
            "alive_at": freshness["indexer_alive_at"],
            "age_seconds": status.freshness.indexer_age_seconds,
        },
        "nodes": [
            {
                "name": node.name,
                "registries": list(node.registries),
                "alive": status.freshness.is_node_alive(node),
                "alive_at": node.alive_at,
                "problem": node.problem,
            }
            for node in status.freshness.nodes
        ],
        "restarts": dict(status.restarts),
        "search_index": {
            "complete": status.freshness.index_complete,
            "engine": live.engine if live else None,
            "wanted_engine": status.wanted_engine,
            "generation": live.generation if live else None,
            "documents": {kind.value: count for kind, count in status.documents.items()},
            "documents_waiting": store.stale_documents,
            "size_bytes": status.index_size_bytes,
            "advice": status.advice,
            "rebuild": {"done": rebuild.done, "total": rebuild.total} if rebuild else None,
        },
        "extraction": {"done": extraction.done, "total": extraction.total} if extraction else None,
        "registries": registries,
        "set_aside": [
            {
                "registry": refresh.registry,
                "kind": refresh.kind,
                "repository": refresh.repository,
                "reference": refresh.reference,
                "reason": refresh.reason,
            }
            for refresh in store.set_aside
        ],
        "postponed": [
            {
                "registry": refresh.registry,
                "kind": refresh.kind,
                "repository": refresh.repository,
                "reference": refresh.reference,
                "reason": refresh.reason,
                "due_at": refresh.due_at,
            }
            for refresh in store.postponed
        ],
        "damaged": [
            {"table": row.table, "row": row.row, "reason": row.reason, "found_at": row.found_at}
            for row in store.damaged
        ],
        "rejected": [
            {"registry": registry, "received_at": received_at, "reason": reason}
            for registry, received_at, reason in store.rejected
        ],
        "searches": _load_json(status.searches) if status.searches else None,
    }


def _load_json(load: SearchLoad) -> dict[str, Any]:
    return {
        "running": load.running,
        "waiting": load.waiting,
        "begun": load.begun,
        "waited_seconds": round(load.waited_seconds, 3),
        "refused": dict(load.refused),
        "cancelled": load.cancelled,
        "timed_out": load.timed_out,
        "processes_ready": load.processes_ready,
        "processes_replaced": load.processes_replaced,
    }


def quarantined_json(quarantined: Mapping[str, Sequence[AbsentTags]]) -> dict[str, Any]:
    """Return the JSON of quarantined tags by registry; ``lost`` are whole repositories."""
    return {
        "held_back": [
            {
                "registry": registry,
                "repository": absent.repository,
                "lost": absent.is_lost,
                "tags": absent.tags,
                "since": absent.since,
            }
            for registry, repositories in quarantined.items()
            for absent in repositories
        ]
    }


def _result(
    hit: Hit, highlighter: Highlighter, check: Callable[[], None], base: str
) -> dict[str, Any]:
    check()
    result = hit.result
    registry, repository = result["registry"], result["repository"]
    digest = result.get("digest")
    link = (
        image_link(registry, repository, digest)
        if digest
        else repository_link(registry, repository)
    )
    highlights = highlighter.highlights(repository, hit.texts)
    match = {"score": hit.score, "highlights": [_highlight(one) for one in highlights]}
    return {**result, "match": match, "links": {"self": base + link}}


def _highlight(highlight: TextHighlight) -> dict[str, Any]:
    shown: dict[str, Any] = {"field": highlight.field}
    if highlight.key:
        shown |= {"key": highlight.key, "key_ranges": highlight.key_ranges}
    return {**shown, "snippet": highlight.snippet, "ranges": highlight.ranges}


def _relaxed(relaxed: Relaxation) -> dict[str, Any]:
    return {
        "matched": relaxed.matched,
        "of": relaxed.of,
        "left_out": list(relaxed.left_out),
    }


def _facet(name: str, counts: FacetCounts) -> dict[str, Any]:
    values = [
        {"value": one.value, "count": one.count, "query": facet_query(name, one.value)}
        for one in counts.values
    ]
    return {"values": values, "others": counts.others}


def _count(freshness: SearchFreshness, registry: str, what: str) -> int:
    counts = freshness.journal.get(registry)
    return getattr(counts, what) if counts else 0


def _pause_json(
    freshness: SearchFreshness, registry: RegistryFreshness
) -> dict[str, str | None] | None:
    if not freshness.is_paused(registry):
        return None
    return {"until": registry.paused_until, "reason": freshness.told(registry.pause_reason)}


def _received_json(status: ServiceStatus, registry: str) -> dict[str, Any]:
    """Return the totals, and for operators the address of who was refused last."""
    notifications = status.freshness.notifications(registry)
    refused = notifications.by_result.get(NotificationResult.REFUSED)
    return {
        "accepted_total": notifications.total(NotificationResult.ACCEPTED),
        "refused_total": notifications.total(NotificationResult.REFUSED),
        "refused_at": refused.newest_at if refused else None,
        "refused_from": refused.sender if refused and status.freshness.with_reasons else None,
    }


def _crawl_json(status: ServiceStatus, registry: str) -> dict[str, Any] | None:
    crawl = status.store.crawls.get(registry)
    if crawl is None:
        return None
    return {
        "started_at": crawl.started_at,
        "finished_at": crawl.finished_at,
        "complete": crawl.complete,
        "full": crawl.is_full,
        "catalog_read": crawl.catalog_read,
        "repositories": crawl.repositories,
        "refreshes_done": crawl.refreshes,
        "refreshes_waiting": crawl.waiting,
        "set_aside": crawl.set_aside,
        "held_back": crawl.quarantined if status.freshness.with_reasons else 0,
        "unlisted": crawl.unlisted,
        # That there is no catalog is no error; a reason of the registry tells it.
        "catalog_error": (
            None
            if crawl.catalog_error == NO_CATALOG
            else status.freshness.told(crawl.catalog_error)
        ),
    }
