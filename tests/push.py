"""Pushes built content to any registry over the distribution protocol, many of them fast."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2

from tests.builders import Blob, BuiltManifest

TIMEOUT = 30.0
# Up to this size (bytes) a blob is offered in one request first; a registry that does not take
# that opens an upload instead, and the blob is sent a second time.
_SINGLE_REQUEST_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Push:
    """One manifest to push; an empty ``tag`` pushes it by digest."""

    repository: str
    built: BuiltManifest
    tag: str = ""


def client_for(url: str, *, auth: tuple[str, str] | None = None) -> httpx2.Client:
    """Return a client for the registry at ``url``; ``auth`` is user name and password."""
    return httpx2.Client(base_url=url, auth=auth, timeout=TIMEOUT, trust_env=False)


def push(
    registry: httpx2.Client | str,
    repository: str,
    built: BuiltManifest,
    tag: str = "",
    *,
    auth: tuple[str, str] | None = None,
) -> None:
    """Push a manifest with its blobs and children; what is there already is not sent again.

    ``registry`` is an address, or a client of :func:`client_for` for many pushes.
    ``httpx2.HTTPStatusError`` if the registry refuses.
    """
    if isinstance(registry, str):
        with client_for(registry, auth=auth) as client:
            push(client, repository, built, tag)
        return
    for child in built.children:
        push(registry, repository, child)
    for blob in built.blobs:
        _push_blob(registry, repository, blob)
    answer = registry.put(
        f"/v2/{repository}/manifests/{tag or built.digest}",
        content=built.body,
        headers={"Content-Type": built.media_type},
    )
    answer.raise_for_status()


def push_many(
    url: str,
    items: Iterable[Push],
    *,
    threads: int = 8,
    auth: tuple[str, str] | None = None,
) -> int:
    """Push everything in ``threads`` threads and return how many manifests that were.

    The content of one repository is pushed in the given order, so tags move as written.
    """
    by_repository: dict[str, list[Push]] = {}
    for item in items:
        by_repository.setdefault(item.repository, []).append(item)
    groups = list(by_repository.values())
    shares = [groups[number::threads] for number in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda share: _push_share(url, share, auth=auth), shares))


def _push_share(url: str, groups: list[list[Push]], *, auth: tuple[str, str] | None) -> int:
    """Push the repositories of one thread over one client: a shared one is slower."""
    with client_for(url, auth=auth) as client:
        for group in groups:
            for item in group:
                push(client, item.repository, item.built, item.tag)
    return sum(len(group) for group in groups)


def _push_blob(client: httpx2.Client, repository: str, blob: Blob) -> None:
    if client.head(f"/v2/{repository}/blobs/{blob.digest}").status_code == 200:
        return
    uploads = f"/v2/{repository}/blobs/uploads/"
    if len(blob.body) <= _SINGLE_REQUEST_MAX:
        answer = client.post(uploads, params={"digest": blob.digest}, content=blob.body)
    else:
        answer = client.post(uploads)
    answer.raise_for_status()
    if answer.status_code == 201:
        return
    location = httpx2.URL(answer.headers["Location"])
    target = location.copy_add_param("digest", blob.digest)
    headers = {"Content-Type": "application/octet-stream"}
    client.put(target, content=blob.body, headers=headers).raise_for_status()
