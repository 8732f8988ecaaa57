"""Of a registry that caches another one, only what pulls named is read, and only from the cache."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import Response

from indexer.model.document import DocumentType
from indexer.model.event import Action, Event
from indexer.model.names import Digest, RepositoryName, TagName
from tests.builders import BuiltManifest, image, index
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping, deleted, pulled

pytestmark = pytest.mark.anyio

TTL = timedelta(hours=168)
WEB = "library/web"
A, B = (image(seed=seed, labels={"team": seed}) for seed in "ab")
MULTI = index([A, B])
_FROM_CACHE = re.compile(r"GET /v2/(_catalog.*|[a-z/]+/(manifests|blobs)/sha256:[0-9a-f]{64})")


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path, pull_through_ttl=TTL) as opened:
        yield opened


async def pull(stepping: Stepping, built: BuiltManifest, *tags: str, config: bool = True) -> None:
    """Let somebody pull an image, by a tag with HEAD and by digest with GET, with its config."""
    now = stepping.clock.now()
    for tag in tags:
        stepping.deliver(pulled(WEB, built.digest, tag=tag, at=now))
    stepping.deliver(pulled(WEB, built.digest, at=now))
    if config:
        stepping.deliver(pulled(WEB, built.blobs[0].digest, at=now, is_blob=True))
    await stepping.settle()
    await stepping.index()


def asked(stepping: Stepping) -> list[str]:
    """Return the digests that the registry was asked for, and nothing else it may be asked."""
    for line in stepping.registry.requests:
        assert _FROM_CACHE.fullmatch(line), f"{line} leads to the other registry"
    found = [line.rpartition("/")[2] for line in stepping.registry.requests if "sha256:" in line]
    stepping.registry.requests.clear()
    return found


def states(stepping: Stepping) -> dict[str, str]:
    return {
        hit.id: hit.result["pull_through"] for kind in DocumentType for hit in stepping.hits(kind)
    }


async def test_what_is_pulled_is_read_by_digest_and_its_tag_believed(stepping: Stepping) -> None:
    stepping.registry.put(WEB, A, tag="elsewhere")
    await stepping.crawl()
    assert asked(stepping) == []
    await pull(stepping, A, "1.0")
    assert sorted(asked(stepping)) == sorted([A.digest, A.blobs[0].digest])
    assert stepping.visible() == {("default", WEB, "1.0"): A.digest}
    [found] = stepping.results("label:team=a")
    assert found["tags"] == ["1.0"]
    assert found["pull_through"] == "cached"
    assert found["pushed_at"] is None, "a pull is no push"


async def test_a_crawl_asks_only_for_the_catalog(stepping: Stepping) -> None:
    stepping.registry.put(WEB, A, tag="1.0")
    await pull(stepping, A, "1.0", "latest")
    stepping.registry.requests.clear()
    await stepping.crawl()
    assert [line.partition("?")[0] for line in stepping.registry.requests] == ["GET /v2/_catalog"]
    assert len(stepping.visible()) == 2
    assert stepping.latest_crawl().complete


async def test_only_the_pulled_platform_of_an_index_is_read(stepping: Stepping) -> None:
    stepping.registry.put(WEB, MULTI, tag="1.0")
    await pull(stepping, MULTI, "1.0", config=False)
    assert asked(stepping) == [MULTI.digest]
    await pull(stepping, A)
    assert sorted(asked(stepping)) == sorted([A.digest, A.blobs[0].digest])
    [found] = stepping.hits(DocumentType.IMAGE)
    assert found.result["digest"] == MULTI.digest
    assert found.result["labels"] == {"team": "a"}
    await stepping.crawl()
    assert asked(stepping) == []


async def test_a_config_is_read_only_after_the_cache_stored_it(stepping: Stepping) -> None:
    """The cache sends a blob on while it stores it; asked meanwhile it would fetch it again."""
    stepping.registry.put(WEB, A, tag="1.0")
    now = stepping.clock.now()
    stepping.deliver(
        pulled(WEB, A.digest, tag="1.0", at=now),
        pulled(WEB, A.blobs[0].digest, at=now, is_blob=True),
    )
    await stepping.enqueue_refreshes()
    await stepping.run_due()
    assert asked(stepping) == [A.digest]
    stepping.clock.advance(1)
    await stepping.run_due()
    assert asked(stepping) == [A.blobs[0].digest]


async def test_a_config_that_is_named_while_its_manifest_is_read_is_not_forgotten(
    stepping: Stepping,
) -> None:
    stepping.registry.put(WEB, A, tag="1.0")

    async def name_the_config(_: object) -> Response:
        stepping.deliver(pulled(WEB, A.blobs[0].digest, at=stepping.clock.now(), is_blob=True))
        await stepping.enqueue_refreshes()
        return Response(A.body, media_type=A.media_type)

    stepping.registry.faults.append(Fault(f"manifests/{A.digest}", name_the_config, times=1))
    await pull(stepping, A, "1.0", config=False)
    await stepping.index()
    assert len(stepping.results("label:team=a")) == 1


async def test_what_was_pulled_and_could_not_be_read_is_read_by_the_next_crawl(
    stepping: Stepping,
) -> None:
    stepping.registry.put(WEB, A, tag="1.0")
    stepping.registry.faults.append(Fault(A.digest, Response(status_code=400)))
    await pull(stepping, A)
    stepping.registry.faults.clear()
    stepping.registry.requests.clear()
    await stepping.crawl()
    assert sorted(asked(stepping)) == sorted([A.digest, A.blobs[0].digest])


async def test_what_may_have_expired_is_never_asked_for(stepping: Stepping) -> None:
    """Also where it was pulled again since: the copy lives as long as at its first pull."""
    stepping.registry.put(WEB, A, tag="1.0")
    stepping.registry.faults.append(Fault(A.digest, Response(status_code=503)))
    first = stepping.clock.now()
    stepping.deliver(pulled(WEB, A.digest, tag="1.0", at=first))
    await stepping.settle(seconds=60)
    stepping.deliver(pulled(WEB, A.digest, tag="1.0", at=first + TTL / 2))
    stepping.clock.advance(TTL.total_seconds())
    stepping.registry.requests.clear()
    stepping.registry.faults.clear()
    await stepping.crawl()
    assert asked(stepping) == []
    assert stepping.waiting() == 0
    await pull(stepping, A, "1.0")
    assert stepping.visible() == {("default", WEB, "1.0"): A.digest}


async def test_a_digest_that_left_the_cache_hides_nothing(stepping: Stepping) -> None:
    stepping.registry.put(WEB, A, tag="1.0")
    await pull(stepping, A, "1.0")
    await pull(stepping, B, "1.0")
    assert stepping.visible() == {("default", WEB, "1.0"): A.digest}
    assert stepping.waiting() == 0


async def test_a_tag_follows_the_latest_pull_in_any_order_of_arrival(stepping: Stepping) -> None:
    stepping.registry.put(WEB, A)
    stepping.registry.put(WEB, B)
    now = stepping.clock.now()
    stepping.clock.advance(60)
    stepping.deliver(pulled(WEB, B.digest, tag="1.0", at=now + timedelta(seconds=30)))
    await stepping.settle()
    stepping.deliver(pulled(WEB, A.digest, tag="1.0", at=now))
    await stepping.settle()
    assert stepping.visible() == {("default", WEB, "1.0"): B.digest}
    await pull(stepping, A, "1.0")
    assert stepping.visible() == {("default", WEB, "1.0"): A.digest}


@pytest.mark.parametrize(
    "event",
    [
        deleted(WEB, digest=A.digest),
        deleted(WEB, tag="1.0"),
        Event(Action.PUSH, RepositoryName(WEB), TagName("2.0")),
        Event(Action.PULL, RepositoryName(WEB), digest=Digest(B.digest)),
    ],
)
async def test_no_other_event_hides_anything_or_leads_to_the_other_registry(
    stepping: Stepping, event: Event
) -> None:
    stepping.registry.put(WEB, A, tag="1.0")
    await pull(stepping, A, "1.0")
    stepping.deliver(event)
    await stepping.settle()
    asked(stepping)
    assert stepping.visible() == {("default", WEB, "1.0"): A.digest}


async def test_what_is_not_pulled_again_is_perhaps_expired_then_hidden_then_found_again(
    stepping: Stepping,
) -> None:
    stepping.registry.put(WEB, A, tag="1.0")
    stepping.registry.put(WEB, B, tag="2.0")
    await pull(stepping, A, "1.0", "latest")
    stepping.clock.advance((TTL / 2).total_seconds())
    await pull(stepping, B, "2.0")
    stepping.clock.advance((TTL / 2).total_seconds())
    await stepping.settle(seconds=60)
    await stepping.index()
    of_a, of_b = (f"{WEB}@{one.digest} default" for one in (A, B))
    assert states(stepping) == {
        of_a: "perhaps_expired",
        of_b: "cached",
        f"{WEB} default": "cached",
    }
    live = stepping.documents()
    await stepping.rebuild()
    assert stepping.documents() == live
    stepping.clock.advance(TTL.total_seconds())
    await stepping.settle(seconds=60)
    await stepping.index()
    assert states(stepping) == {of_b: "perhaps_expired", f"{WEB} default": "perhaps_expired"}
    assert not stepping.results("is:untagged"), "nobody took its tags away"
    stepping.registry.requests.clear()
    await pull(stepping, A, "1.0")
    assert asked(stepping) == [], "its bytes are still in the store"
    assert states(stepping)[of_a] == "cached"
    assert stepping.freshness().error is None


async def test_a_registry_that_comes_to_pull_through_keeps_what_was_read_for_a_while(
    tmp_path: Path,
) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put(WEB, A, tag="1.0")
        await stepping.crawl()
        await stepping.index()
        assert "pull_through" not in stepping.hits(DocumentType.IMAGE)[0].result
        stepping.pull_through_ttl = TTL
        await stepping.reopen()
        stepping.registry.requests.clear()
        await stepping.settle()
        await stepping.index()
        assert set(states(stepping).values()) == {"cached"}
        stepping.clock.advance(2 * TTL.total_seconds() + 60)
        await stepping.settle()
        assert stepping.visible() == {}
        assert asked(stepping) == []


async def test_a_registry_that_pulls_through_no_more_is_read_as_any_other(tmp_path: Path) -> None:
    async with Stepping(tmp_path, pull_through_ttl=TTL) as stepping:
        stepping.registry.put(WEB, A, tag="1.0")
        await pull(stepping, A, "1.0")
        stepping.pull_through_ttl = None
        await stepping.reopen()
        stepping.clock.advance(3 * TTL.total_seconds())
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.truth()
        assert "pull_through" not in stepping.hits(DocumentType.IMAGE)[0].result


async def test_a_broken_digest_does_not_lead_to_a_list_of_tags(stepping: Stepping) -> None:
    """The worker looks for the one at fault with another request, which must not go far either."""
    stepping.registry.put(WEB, A, tag="1.0")
    stepping.registry.faults.append(Fault(A.digest, Response(status_code=503)))
    stepping.deliver(pulled(WEB, A.digest, tag="1.0", at=stepping.clock.now()))
    await stepping.settle()
    assert A.digest in asked(stepping)
