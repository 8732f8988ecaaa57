"""Notifications of the distribution registry, versions 2 and 3, and of registries built on it.

``{"events": [{"id", "timestamp", "action", "target", "request", "actor", "source"}, …]}``. Version
3 writes absent values as empty strings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model import (
    Action,
    Event,
    Item,
    Pull,
    Rejected,
    is_system_tag,
    media_types,
    parse_digest,
    parse_json_object,
    parse_repository_name,
    parse_tag,
)
from indexer.registry import BLOB_MAX_BYTES, is_own_user_agent

SENDER = "distribution"
EVENTS_MAX = 10_000
VALUES_MAX = 250_000
"""Keys and values of one notification; 4 MB of real events have 190,000."""
_TEXT_MAX = 256
_YEAR_MIN = 1970
_PULL_PERIOD_SECONDS = 600
"""A cache that is busy repeats the same pulls, and the journal keeps each for days."""
_DROPPED_ACTIONS = {"pull", "mount"}


@dataclass(frozen=True, slots=True)
class Notification:
    """The content of one notification: entries for the journal, and how many were dropped."""

    items: tuple[Item, ...]
    dropped: int
    sender: str = SENDER
    """The form in which it was written."""


def parse_notification(
    body: bytes, *, count_pulls: bool = False, pull_through: bool = False
) -> Notification:
    """Return the content of a notification; unusable events are in it as rejected.

    Pulls, mounts, pushes of blobs and events that our own reads cause are dropped. They are most of
    the traffic and say nothing about the content of a registry. With ``count_pulls`` the downloads
    of manifests are kept, except those of attachments. With ``pull_through`` pulls are events too,
    because they alone tell what a registry has that caches another one.
    """
    try:
        events = parse_json_object(body, values_max=VALUES_MAX).get("events")
    except InvalidValueError as error:
        return Notification((Rejected(str(error), body),), 0)
    if not isinstance(events, list):
        return Notification((Rejected("no list of events", body),), 0)
    if len(events) > EVENTS_MAX:
        return Notification((Rejected(f"{len(events)} events in one notification", body),), 0)
    items = [_items(event, count_pulls=count_pulls, pull_through=pull_through) for event in events]
    return Notification(tuple(chain.from_iterable(items)), items.count([]))


def _items(event: Any, *, count_pulls: bool, pull_through: bool) -> list[Item]:
    try:
        pull = _pull(event) if count_pulls else None
        named = _pulled_through(event) if pull_through else None
        found: list[Item | None] = [pull, named]
        if not any(found):
            found = [_event(event)]
    except InvalidValueError as error:
        found = [Rejected(str(error), json.dumps(event).encode())]
    return [item for item in found if item is not None]


def _event(event: Any) -> Event | None:
    if not isinstance(event, dict):
        raise InvalidValueError(f"an event is a {type(event).__name__} instead of an object")
    action, target = _text(event, "action"), _object(event, "target")
    if action in _DROPPED_ACTIONS or _is_ours(event):
        return None
    if action == "push" and _text(target, "mediaType") == media_types.OCTET_STREAM:
        return None
    if action not in {"push", "delete"}:
        raise InvalidValueError(f"unknown action {action[:_TEXT_MAX]!r}")
    tag, digest = _text(target, "tag"), _text(target, "digest")
    if action == "push" and not (tag or digest):
        raise InvalidValueError("a push without tag and digest")
    return Event(
        action=Action(action),
        repository=parse_repository_name(_text(target, "repository")),
        tag=parse_tag(tag) if tag else None,
        digest=parse_digest(digest) if digest else None,
        event_id=_text(event, "id")[:_TEXT_MAX],
        occurred_at=_time(_text(event, "timestamp")),
        actor=_text(_object(event, "actor"), "name")[:_TEXT_MAX],
        source=_text(_object(event, "source"), "instanceID")[:_TEXT_MAX],
    )


def _pull(event: Any) -> Pull | None:
    """Return the download of a manifest; a HEAD, which only asks for news, is none."""
    if not isinstance(event, dict) or _text(event, "action") != "pull" or _is_ours(event):
        return None
    target = _object(event, "target")
    is_download = _text(_object(event, "request"), "method") == "GET"
    is_blob = _text(target, "mediaType") in {"", media_types.OCTET_STREAM}
    if not is_download or is_blob or is_system_tag(_text(target, "tag")):
        return None
    return Pull(
        repository=parse_repository_name(_text(target, "repository")),
        digest=parse_digest(_text(target, "digest")),
        occurred_at=_time(_text(event, "timestamp")),
    )


def _pulled_through(event: Any) -> Event | None:
    """Return what a pull names. Equal ones within ten minutes are the same event.

    A HEAD of a manifest counts: it fills the cache, and many clients name the tag in nothing else.
    """
    if not isinstance(event, dict) or _text(event, "action") != "pull" or _is_ours(event):
        return None
    target = _object(event, "target")
    is_blob = _text(target, "mediaType") in {"", media_types.OCTET_STREAM}
    if is_blob and not _may_be_config(event):
        return None
    repository = parse_repository_name(_text(target, "repository"))
    tag, digest = _text(target, "tag"), parse_digest(_text(target, "digest"))
    occurred_at = _time(_text(event, "timestamp"))
    if occurred_at is None:
        event_id = _text(event, "id")[:_TEXT_MAX]
    else:
        period = int(occurred_at.timestamp() // _PULL_PERIOD_SECONDS)
        event_id = f"pull {repository} {tag} {digest} {period}"
    return Event(
        action=Action.PULL_BLOB if is_blob else Action.PULL,
        repository=repository,
        tag=parse_tag(tag) if tag and not is_blob else None,
        digest=digest,
        event_id=event_id,
        occurred_at=occurred_at,
        source=_text(_object(event, "source"), "instanceID")[:_TEXT_MAX],
    )


def _may_be_config(event: Mapping[str, Any]) -> bool:
    """Tell whether a pulled blob may be a config: it was downloaded, and it is not too large."""
    size = _object(event, "target").get("size")
    is_download = _text(_object(event, "request"), "method") == "GET"
    return is_download and isinstance(size, int) and size <= BLOB_MAX_BYTES


def _is_ours(event: Mapping[str, Any]) -> bool:
    return is_own_user_agent(_text(_object(event, "request"), "useragent"))


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _time(text: str) -> datetime | None:
    """Return the time of an event; None if it is no real time, such as the year 1 from Go."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= _YEAR_MIN else None
