"""What a repository takes stays right: after pushes, deletes, hiding, retention and rebuilds."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.model import media_types
from indexer.model.document import DocumentType, Sort
from indexer.model.query import Everything
from tests.builders import BuiltManifest, digest_of, helm_chart, image, index
from tests.indexer.stepping import Stepping

pytestmark = pytest.mark.anyio

BASE = image(seed="base", labels={"description": "The base"})
APP = image(seed="app", base=BASE)
ARM = image(seed="arm", architecture="arm64")
MULTI = index([APP, ARM])
WEB = "team/web"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        yield opened


def bytes_of(*built: BuiltManifest) -> int:
    return sum(len(blob.body) for blob in {blob for one in built for blob in one.blobs})


async def size(stepping: Stepping) -> int | None:
    """Return the size that the search index and the store say after the next crawl."""
    await stepping.crawl()
    await stepping.index()
    (found,) = stepping.results(f"repo:{WEB}", DocumentType.REPOSITORY)
    shown = stepping.store.shown.repository("default", WEB)
    assert shown is not None
    assert shown.summary.size_bytes == found["size_bytes"]
    assert found["size_bytes"] is None or isinstance(found["size_bytes"], int)
    return found["size_bytes"]


def by_size(stepping: Stepping, *, is_reversed: bool) -> list[str]:
    """Return the first tag of each image in the order of sizes."""
    page = stepping._open_reader().search(
        Everything(),
        document_type=DocumentType.IMAGE,
        limit=10,
        sort=Sort.SIZE,
        is_reversed=is_reversed,
    )
    return [hit.result["tags"][0] for hit in page.hits]


async def test_a_push_a_delete_and_another_crawl_change_it(stepping: Stepping) -> None:
    stepping.registry.put(WEB, BASE, tag="1")
    assert await size(stepping) == bytes_of(BASE)
    stepping.registry.put(WEB, MULTI, tag="2")
    assert await size(stepping) == bytes_of(BASE, APP, ARM)
    stepping.registry.put("other/place", ARM, tag="1")
    stepping.registry.put(WEB, APP, tag="2")
    assert await size(stepping) == bytes_of(BASE, APP)
    stepping.registry.delete_tag(WEB, "2")
    assert await size(stepping) == bytes_of(BASE)


async def test_a_rebuild_and_retention_leave_it(stepping: Stepping) -> None:
    stepping.registry.put(WEB, BASE, tag="1")
    stepping.registry.put(WEB, MULTI, tag="2")
    await size(stepping)
    stepping.registry.delete_tag(WEB, "2")
    assert await size(stepping) == bytes_of(BASE)
    stepping.clock.advance(timedelta(days=100).total_seconds())
    stepping.forget(hidden_retention=timedelta(days=1))
    assert await size(stepping) == bytes_of(BASE)
    before = stepping.documents()
    with stepping.store.transaction():
        stepping.store._database.execute("UPDATE repositories SET size_bytes = 1, title = 'x'")
    await stepping.rebuild()
    assert await size(stepping) == bytes_of(BASE)
    assert stepping.documents() == before


@pytest.mark.parametrize("is_known_first", [True, False])
async def test_a_size_that_one_manifest_knows_is_known(
    stepping: Stepping, *, is_known_first: bool
) -> None:
    layers = [{"blobSum": blob.digest} for blob in reversed(BASE.blobs[1:])]
    body = json.dumps({"schemaVersion": 1, "fsLayers": layers, "history": []}).encode()
    old = BuiltManifest(digest_of(body), media_types.SCHEMA1, body)
    first, second = (BASE, old) if is_known_first else (old, BASE)
    stepping.registry.put(WEB, first, tag="1")
    assert await size(stepping) == (bytes_of(BASE) if is_known_first else None)
    stepping.registry.put(WEB, second, tag="2")
    assert await size(stepping) == bytes_of(BASE)
    for text in ("size:<1mb", "size:>=0"):
        assert [one["tags"] for one in stepping.results(text)] == [["1" if is_known_first else "2"]]
    for is_reversed in (False, True):
        assert by_size(stepping, is_reversed=is_reversed)[-1] == ("2" if is_known_first else "1")


async def test_a_repository_that_is_gone_has_no_size(stepping: Stepping) -> None:
    stepping.registry.put(WEB, BASE, tag="1")
    stepping.registry.put("other/place", helm_chart("place", "1.0"), tag="1")
    await size(stepping)
    stepping.registry.delete_tag(WEB, "1")
    await stepping.crawl()
    await stepping.index()
    row = stepping.store._database.execute(
        "SELECT size_bytes, title, description FROM repositories WHERE name = ?", [WEB]
    ).fetchone()
    assert row == (None, "", "")
