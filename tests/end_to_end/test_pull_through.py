"""A registry that caches another one is searched without a request to that other one."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx2
import pytest

from indexer.model import media_types
from tests.builders import BuiltManifest, image, index
from tests.end_to_end.measures import spread
from tests.end_to_end.real_registry import RealRegistry, Request
from tests.end_to_end.service import Service
from tests.end_to_end.versions import on_both
from tests.push import client_for, push

TAGS = 12
MEASURED = 8
SETTLE_SECONDS = 2
"""The cache goes on in the background; after so long a time without a request it is done."""
BLOB_GETS_MAX = 2
"""2.8 gets most blobs twice: to send them on, and to keep them."""


class Cache:
    """A real registry, another one that caches it, and the service beside the cache."""

    def __init__(self, folder: Path, *, program: str) -> None:
        self.service = Service(folder)
        folders = [folder / name for name in ("upstream", "cache")]
        for one in folders:
            one.mkdir()
        self.upstream = RealRegistry(folders[0], program=program)
        self.upstream.logs_requests = True
        receiver = replace(self.service.receiver, counts_pulls=True, wants_blobs=True)
        self.registry = RealRegistry(
            folders[1], program=program, receiver=receiver, upstream=self.upstream.url
        )
        settings = folder / "regsearch.toml"
        text = f'[[registry]]\nurl = "{self.registry.url}"\npull_through = true\n'
        settings.write_text(text, "utf-8")
        self.service.configure(REGSEARCH_CONFIG=str(settings))

    def pull(self, built: BuiltManifest, tag: str) -> None:
        """Pull one platform through the cache, as a container engine does."""
        with client_for(self.registry.url) as client:
            manifest = partial(_get, client, "manifests")
            manifest(tag, method="HEAD")
            manifest(built.digest)
            image = built.children[0] if built.children else built
            manifest(image.digest)
            for blob in image.blobs:
                _get(client, "blobs", blob.digest)


@pytest.fixture
def cache(registry_program: str, tmp_path: Path) -> Iterator[Cache]:
    opened = Cache(tmp_path, program=registry_program)
    with ExitStack() as stack:
        stack.callback(opened.upstream.stop)
        stack.callback(opened.registry.stop)
        stack.callback(opened.service.close)
        yield opened


@on_both
def test_what_is_pulled_through_a_cache_is_found_and_nothing_more_is_pulled(
    cache: Cache, figure: Callable[[str], None]
) -> None:
    service, upstream = cache.service, cache.upstream
    upstream.start()
    indexes = [_index(number) for number in range(TAGS)]
    for number, built in enumerate(indexes):
        push(upstream.url, "library/app", built, f"1.{number}")
    cache.registry.start()
    alone = _requests_of(upstream, lambda: cache.pull(indexes[-1], f"1.{TAGS - 1}"))
    service.start()
    service.wait_until_idle()
    seconds = []

    def pull_and_find() -> None:
        for number, built in enumerate(indexes[:MEASURED]):
            cache.pull(built, f"1.{number}")
            pulled_at = time.monotonic()
            query = f"repo:library/app tag:1.{number} label:number={number}"
            service.wait_until_found(query, seconds=30)
            seconds.append(time.monotonic() - pulled_at)

    in_pulls = _requests_of(upstream, pull_and_find)
    in_crawl = _requests_of(upstream, service.backfill)
    figure(
        f"pull through a cache to found: {spread(seconds)}; upstream requests: {len(alone)} a pull,"
        f" {len(in_pulls)} in {MEASURED} pulls, {len(in_crawl)} in a crawl"
    )
    assert _count_names(in_pulls) == MEASURED * _count_names(alone), "as without the service"
    assert max(_blobs(in_pulls).values()) <= BLOB_GETS_MAX
    assert in_crawl == []
    found = service.everything("repo:library/app")
    # The cache told of the first pull too, once the service was there.
    pulled = [*range(MEASURED), TAGS - 1]
    assert {tag for one in found for tag in one.tags} == {f"1.{number}" for number in pulled}


def _requests_of(upstream: RealRegistry, action: Callable[[], object]) -> list[Request]:
    """Return the requests that the upstream registry got because of something."""
    before = len(upstream.requests())
    action()
    # A request is logged after its answer.
    seen, quiet_since = len(upstream.requests()), time.monotonic()
    while time.monotonic() - quiet_since < SETTLE_SECONDS:
        time.sleep(0.1)
        if (now := len(upstream.requests())) != seen:
            seen, quiet_since = now, time.monotonic()
    return upstream.requests()[before:]


def _count_names(requests: list[Request]) -> int:
    """Count the requests for manifests, tags and lists."""
    return sum("/blobs/" not in one.path and one.path != "/v2/" for one in requests)


def _blobs(requests: list[Request]) -> Counter[str]:
    """Count the downloads of each blob."""
    return Counter(one.path for one in requests if "/blobs/" in one.path and one.brings_a_body)


def _index(number: int) -> BuiltManifest:
    labels = {"number": str(number)}
    return index(
        [
            image(seed=f"app {number}", layers=1, architecture=one, labels=labels)
            for one in ("amd64", "arm64")
        ]
    )


def _get(client: httpx2.Client, kind: str, reference: str, *, method: str = "GET") -> None:
    headers = {"Accept": media_types.ACCEPT_MANIFESTS}
    path = f"/v2/library/app/{kind}/{reference}"
    client.request(method, path, headers=headers).raise_for_status()
