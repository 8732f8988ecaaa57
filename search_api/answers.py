"""The JSON of answers: one shape for the API and the command line."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model.document import DocumentType, Hit, Position
from indexer.store import AbsentTags
from search_api.searching import Answer, Freshness, Status

SCORE_MAX = 1e12
"""No hit scores that much; engines need not cope with more in a cursor."""


def search_json(answer: Answer, *, document_type: DocumentType) -> dict[str, Any]:
    """Return the JSON of a page of hits."""
    page = answer.page
    return {
        "type": document_type.value,
        "total": page.total,
        "total_is_exact": answer.freshness.complete,
        "results": [_result(hit) for hit in page.hits],
        "facets": {},
        "suggestion": None,
        "next": encode_cursor(page.hits[-1]) if page.has_more and page.hits else None,
        "freshness": freshness_json(answer.freshness),
    }


def freshness_json(freshness: Freshness) -> dict[str, Any]:
    """Return how true an answer is."""
    return {
        "complete": freshness.complete,
        "registries": {
            registry.name: {
                "newest_event_applied_at": registry.newest_event_applied_at,
                "entries_waiting": _count(freshness, registry.name, "waiting"),
                "refreshes_waiting": registry.refreshes_waiting,
                "last_complete_crawl_at": registry.last_complete_crawl_at,
                "first_backfill_running": registry.first_backfill_running,
                "set_aside": registry.set_aside,
                "held_back": registry.held_back,
                "error": registry.error,
            }
            for registry in freshness.registries
        },
    }


def status_json(status: Status) -> dict[str, Any]:
    """Return the JSON of everything an operator asks for."""
    freshness = freshness_json(status.freshness)
    registries = {}
    for registry in status.freshness.registries:
        registries[registry.name] = {
            **freshness["registries"][registry.name],
            "error_at": registry.error_at,
            "registry_restarted_at": registry.restarted_at,
            "entries_rejected": _count(status.freshness, registry.name, "rejected"),
            "requests": registry.requests,
            "crawl": _crawl_json(status, registry.name),
        }
    live, rebuild, extraction = status.live, status.rebuild, status.extraction
    return {
        "search_index": {
            "complete": status.freshness.index_complete,
            "engine": live.engine if live else None,
            "generation": live.generation if live else None,
            "documents": {kind.value: count for kind, count in status.documents.items()},
            "documents_waiting": status.stale_documents,
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
            for refresh in status.set_aside
        ],
        "rejected": [
            {"registry": registry, "received_at": received_at, "reason": reason}
            for registry, received_at, reason in status.rejected
        ],
    }


def held_back_json(held_back: Mapping[str, Sequence[AbsentTags]]) -> dict[str, Any]:
    """Return the JSON of what is held back, given by registry; ``lost`` are whole repositories."""
    return {
        "held_back": [
            {
                "registry": registry,
                "repository": absent.repository,
                "lost": absent.is_lost,
                "tags": absent.tags,
                "since": absent.since,
            }
            for registry, repositories in held_back.items()
            for absent in repositories
        ]
    }


def encode_cursor(hit: Hit) -> str:
    """Return the position of a hit as an opaque text."""
    return base64.urlsafe_b64encode(json.dumps([hit.position.key, hit.id]).encode()).decode()


def decode_cursor(text: str) -> Position:
    """Return the position in a cursor; :class:`InvalidValueError` where it is none of ours."""
    try:
        match json.loads(base64.b64decode(text, altchars=b"-_", validate=True)):
            # A number that is none, or without end, fails both comparisons.
            case [int() | float() as score, str() as hit_id] if -SCORE_MAX < score < SCORE_MAX:
                return Position(float(score), hit_id)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"not a cursor: {text[:100]!r}") from error
    raise InvalidValueError(f"not a cursor: {text[:100]!r}")


def _result(hit: Hit) -> dict[str, Any]:
    return {**hit.result, "match": {"score": hit.score}}


def _count(freshness: Freshness, registry: str, what: str) -> int:
    counts = freshness.journal.get(registry)
    return getattr(counts, what) if counts else 0


def _crawl_json(status: Status, registry: str) -> dict[str, Any] | None:
    crawl = status.crawls.get(registry)
    if crawl is None:
        return None
    return {
        "started_at": crawl.started_at,
        "finished_at": crawl.finished_at,
        "complete": crawl.complete,
        "catalog_read": crawl.catalog_read,
        "repositories": crawl.repositories,
        "refreshes_done": crawl.refreshes,
        "refreshes_waiting": crawl.waiting,
        "set_aside": crawl.set_aside,
        "held_back": crawl.held_back,
        "unlisted": crawl.unlisted,
        "catalog_error": crawl.catalog_error,
    }
