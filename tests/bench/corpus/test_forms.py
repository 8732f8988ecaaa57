"""The three forms of a corpus are the same corpus."""

from pathlib import Path

import httpx2
import pytest

from bench.corpus.__main__ import main
from bench.corpus.corpus import Corpus
from bench.corpus.documents import REGISTRY, documents
from bench.corpus.fill import fill
from bench.corpus.plan import CRAWLED_AT
from bench.corpus.serve import make_registry
from bench.corpus.sizes import Size
from indexer.model.document import Document, TextField
from indexer.model.media_types import ACCEPT_MANIFESTS
from indexer.model.names import is_system_tag
from indexer.store import Store
from tests.bench.corpus.sizes import FEW_SHARING, SHARING, TINY
from tests.fakes.clock import ManualClock
from tests.indexer.stepping import Stepping
from tests.series import series

# What no other manifest has a say in: documents alone know neither bases nor attachments.
OF_ITS_OWN = {"repository", "digest", "tags", "labels", "annotations", "platforms"}
OF_ITS_OWN |= {"registry", "tag_count", "newest_tags", "pulls"}


def own_share(documents: dict[str, Document]) -> dict[str, object]:
    """Return what a document says of its own content."""
    return {
        key: (
            (one.key, one.name, read_tags(one), one.pushed),
            {name: value for name, value in one.result.items() if name in OF_ITS_OWN},
        )
        for key, one in documents.items()
    }


def read_tags(document: Document) -> list[str]:
    return [text.text for text in document.texts if text.field is TextField.TAG]


def documents_of_store(stepping: Stepping) -> dict[str, Document]:
    """Return the documents that the indexer makes of a store."""
    ids = stepping.store.search_index.repository_ids()
    made = [
        one
        for each in ids
        for one in stepping.indexing.generations.maker.repository_documents(each)
    ]
    return {f"{one.key.type} {one.key.id}": one for one in made}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "size", series((FEW_SHARING, SHARING, TINY), short=1), ids=lambda size: size.name
)
async def test_crawled_filled_and_made_at_once_are_the_same(tmp_path: Path, size: Size) -> None:
    corpus = Corpus(size)
    fill(corpus, tmp_path / "filled")
    (tmp_path / "crawled").mkdir()
    crawled, filled = (Stepping(tmp_path / name, REGISTRY) for name in ("crawled", "filled"))
    crawled.clock, filled.clock = ManualClock(CRAWLED_AT), ManualClock(CRAWLED_AT)
    crawled.registries[REGISTRY] = make_registry(corpus, kept_max=50)
    async with crawled, filled:
        await crawled.crawl()
        await crawled.index()
        await filled.index()
        assert crawled.visible() == filled.visible()
        assert len(filled.visible()) == size.tags
        assert crawled.documents() == filled.documents()
        assert documents_of_store(crawled) == documents_of_store(filled)
        at_once = {f"{one.key.type} {one.key.id}": one for one in documents(corpus)}
        assert own_share(documents_of_store(filled)) == own_share(at_once)
        system = [
            {t for i in s.store.search_index.repository_ids() for t in s.store.content.tags(i)}
            for s in (crawled, filled)
        ]
        assert system[0] == system[1]
        assert any(map(is_system_tag, system[0]))


def test_a_filled_store_tells_of_a_complete_crawl(tmp_path: Path) -> None:
    corpus = Corpus(TINY)
    measured = fill(corpus, tmp_path)
    assert not list(tmp_path.glob("store.db-*")), "a log was left behind"
    store = Store(tmp_path, read_only=True)
    try:
        [fresh] = store.registries.freshness()
        assert fresh.last_complete_crawl_at == "2026-11-20T06:00:00.000000Z"
        assert (fresh.refreshes_waiting, fresh.set_aside, fresh.error) == (0, 0, None)
        crawl = store.registries.latest_crawl(1)
        assert crawl
        assert (crawl.repositories, crawl.unlisted) == (40, 0)
        assert crawl.refreshes == 1 + 40 + measured.all_tags
        assert store.search_index.stale_count() == 0
        assert store.content.count_visible()[0] == 40
    finally:
        store.close()


def test_a_store_that_is_there_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with pytest.raises(FileExistsError, match="holds a store already"):
        fill(Corpus(TINY), tmp_path)


@pytest.mark.anyio
async def test_the_registry_answers_pages_manifests_and_configs() -> None:
    corpus = Corpus(TINY)
    registry = make_registry(corpus, kept_max=1)
    transport = httpx2.ASGITransport(app=registry.app)
    accept = {"Accept": ACCEPT_MANIFESTS}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        first = await client.get("/v2/_catalog?n=25")
        rest = await client.get(first.links["next"]["url"])
        names = first.json()["repositories"] + rest.json()["repositories"]
        assert sorted(names) == sorted(plan.name for plan in corpus.repositories)
        assert "next" not in rest.links
        for plan in corpus.repositories[:20]:
            tagged = next(corpus.content(plan))
            listed = await client.get(f"/v2/{plan.name}/tags/list")
            assert set(tagged.tags) <= set(listed.json()["tags"])
            for reference in (tagged.tags[0], tagged.manifest.digest):
                at = f"/v2/{plan.name}/manifests/{reference}"
                answer = await client.get(at, headers=accept)
                assert answer.content == tagged.manifest.body
                assert answer.headers["Docker-Content-Digest"] == tagged.manifest.digest
            for made in tagged.manifest.all():
                if made.config:
                    blob = await client.get(f"/v2/{plan.name}/blobs/{made.config[0]}")
                    assert blob.content == made.config[1]
        assert (await client.get("/v2/no/such/tags/list")).status_code == 404
        missing = await client.get(f"/v2/{names[0]}/blobs/sha256:{'0' * 64}")
        assert missing.status_code == 404


@pytest.mark.parametrize("form", ["store", "skew"])
def test_the_command_prints_what_was_asked_for_beside_what_it_made(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "data")] if form == "store" else []
    main([form, "tiny", *out], sizes={"tiny": TINY})
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")] for line in printed.splitlines()]
    assert ["", "tags", "400", "400", ""] in rows
    assert ["", "tags of a repository, p50", "4", "4", ""] in rows
    assert (tmp_path / "data" / "store.db").exists() == (form == "store")


def test_the_command_says_how_fast_documents_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    main(["documents", "tiny"], sizes={"tiny": TINY})
    expected = len(list(documents(TINY)))
    assert f"{expected} documents in" in capsys.readouterr().out
