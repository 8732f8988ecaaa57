"""Pushing sends missing content, in the given order, to any registry."""

import httpx2
import pytest
from starlette.responses import Response

from tests.builders import Blob, artifact, image, index
from tests.fakes.registry import FakeRegistry, Fault
from tests.fakes.serving import serving
from tests.push import Push, client_for, push, push_many

BASE = image(seed="base", layers=1)


def test_a_whole_index_arrives_with_its_children() -> None:
    registry = FakeRegistry()
    built = index([image(), image(architecture="arm64")], attestations=True)
    with serving(registry.app) as url:
        push(url, "team/web", built, "1.0")
    held = registry.content.get("team/web")
    assert held.tags == {"1.0": built.digest}
    assert set(held.manifests) == {built.digest, *(child.digest for child in built.children)}


def test_what_is_there_already_is_not_sent_again() -> None:
    registry = FakeRegistry()
    with serving(registry.app) as url, client_for(url) as client:
        push(client, "a", BASE, "1")
        before = len(registry.requests)
        push(client, "a", BASE, "1")
    again = {line.split()[0] for line in registry.requests[before:]}
    assert again == {"HEAD", "PUT"}
    assert sum(line.startswith("PUT") for line in registry.requests[before:]) == 1


def test_without_a_tag_it_is_pushed_by_its_digest() -> None:
    registry = FakeRegistry()
    with serving(registry.app) as url:
        push(url, "a", BASE)
    assert registry.content.get("a").tags == {}
    assert BASE.digest in registry.content.get("a").manifests


def test_large_blobs_go_through_an_upload() -> None:
    registry = FakeRegistry()
    large = artifact("application/x", {"f": b"x" * 200_000}, config=Blob("application/y", b"{}"))
    with serving(registry.app) as url:
        push(url, "a", large, "1")
    assert registry.content.blob("a", large.blobs[1].digest) == b"x" * 200_000


def test_a_registry_that_refuses_is_an_error() -> None:
    registry = FakeRegistry()
    registry.faults.append(Fault("^PUT /v2/a/manifests", Response(status_code=403)))
    with serving(registry.app) as url, pytest.raises(httpx2.HTTPStatusError, match="403"):
        push(url, "a", BASE, "1")


def test_credentials_are_sent() -> None:
    registry = FakeRegistry(username="alice", password="secret")
    with serving(registry.app) as url:
        push(url, "a", BASE, "1", auth=("alice", "secret"))
        assert push_many(url, [Push("b", BASE, "1")], auth=("alice", "secret")) == 1
        with pytest.raises(httpx2.HTTPStatusError, match="401"):
            push(url, "c", BASE, "1")
    assert set(registry.content.repositories) == {"a", "b"}


def test_many_pushes_keep_the_order_inside_each_repository() -> None:
    registry = FakeRegistry()
    versions = [image(base=BASE, seed=str(number), layers=1) for number in range(4)]
    items = [Push(f"r{name}", built, "latest") for built in versions for name in range(5)]
    with serving(registry.app) as url:
        assert push_many(url, items, threads=3) == 20
    tags = {name: held.tags["latest"] for name, held in registry.content.repositories.items()}
    assert tags == {f"r{name}": versions[-1].digest for name in range(5)}
