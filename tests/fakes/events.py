"""The notification bodies of distribution: one shape of event in 2.8.3, another in 3.x.

Shapes and headers follow recordings of both versions.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from indexer.model.media_types import OCI_MANIFEST

CONTENT_TYPE = "application/vnd.docker.distribution.events.v1+json"
CONTENT_TYPE_V3 = "application/vnd.docker.distribution.events.v2+json"
HOST = "127.0.0.1:5000"
INSTANCE_ID = "18d533b6-725c-44bd-9874-a553ff38da0e"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an event; ``size_bytes`` counts only with a media type."""

    repository: str
    media_type: str = ""
    digest: str = ""
    size_bytes: int = 0
    tag: str = ""
    from_repository: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that caused an event; ``actor`` is the user's name, if there was one."""

    method: str
    host: str = HOST
    address: str = "127.0.0.1:40724"
    user_agent: str = "skopeo/1.18.0"
    actor: str = ""
    request_id: str = "fcbb2e97-158f-4a59-947f-0f3f5e91a24d"


def event(
    action: str,
    target: Target,
    cause: Cause,
    *,
    event_id: str = "",
    at: datetime = AT,
    instance_id: str = INSTANCE_ID,
    v3: bool = False,
) -> dict[str, Any]:
    """Return one event; an empty ``event_id`` stands for a new random one."""
    return {
        "id": event_id or new_id(),
        # Go prints nanoseconds and drops trailing zeros.
        "timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z",
        "action": action,
        "target": _target(target, host=cause.host, v3=v3),
        "request": {
            "id": cause.request_id,
            "addr": cause.address,
            "host": cause.host,
            "method": cause.method,
            "useragent": cause.user_agent,
        },
        "actor": {"name": cause.actor} if cause.actor else {},
        "source": {"addr": "registry.example:5000", "instanceID": instance_id},
    }


def push_event(
    repository: str,
    digest: str,
    *,
    tag: str = "",
    media_type: str = OCI_MANIFEST,
    size_bytes: int = 500,
    event_id: str = "",
    at: datetime = AT,
    actor: str = "",
    instance_id: str = INSTANCE_ID,
    v3: bool = False,
) -> dict[str, Any]:
    """Return the event that a pushed manifest (or blob, by its media type) causes."""
    return event(
        "push",
        Target(repository, media_type, digest, size_bytes, tag),
        Cause("PUT", actor=actor),
        event_id=event_id,
        at=at,
        instance_id=instance_id,
        v3=v3,
    )


def delete_event(
    repository: str,
    *,
    digest: str = "",
    tag: str = "",
    event_id: str = "",
    at: datetime = AT,
    actor: str = "",
    instance_id: str = INSTANCE_ID,
    v3: bool = False,
) -> dict[str, Any]:
    """Return the event of a deleted digest or of a deleted tag; it never names both."""
    return event(
        "delete",
        Target(repository, digest=digest, tag=tag),
        Cause("DELETE", actor=actor),
        event_id=event_id,
        at=at,
        instance_id=instance_id,
        v3=v3,
    )


def new_id() -> str:
    """Return a random id, as each event, request and registry process has one."""
    return str(uuid.uuid4())


def envelope(events: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the body of a notification with ``events``."""
    return json.dumps({"events": list(events)}, indent=3).encode()


def content_type(*, v3: bool) -> str:
    """Return the Content-Type under which a version sends its notifications."""
    return CONTENT_TYPE_V3 if v3 else CONTENT_TYPE


def _target(target: Target, *, host: str, v3: bool) -> dict[str, Any]:
    """Return the target's JSON: 2.8.3 leaves out empty values, 3.x has them."""
    values: dict[str, Any] = {}
    if target.media_type or v3:
        values["mediaType"] = target.media_type
    if target.media_type and not v3:
        values["size"] = target.size_bytes
    if target.digest or v3:
        values["digest"] = target.digest
    if v3:
        values["size"] = target.size_bytes
    if target.media_type:
        values["length"] = target.size_bytes
    values["repository"] = target.repository
    if target.from_repository:
        values["fromRepository"] = target.from_repository
    if target.media_type:
        kind = "blobs" if target.media_type == "application/octet-stream" else "manifests"
        values["url"] = f"http://{host}/v2/{target.repository}/{kind}/{target.digest}"
    if target.tag:
        values["tag"] = target.tag
    return values
