"""Writing to a cluster: in the order of our numbers, and again when it refuses for now."""

from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from indexer.engines.opensearch import ClusterAddress, OpenSearchEngine
from indexer.errors import EngineAwayError
from indexer.model import Document, DocumentType, Everything, Word
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.writing import ids, reading
from tests.opensearch.cluster import Cluster

REPOSITORY = DocumentType.REPOSITORY


def test_a_late_write_replaces_nothing_that_is_newer(engine: OpenSearchEngine) -> None:
    """Such as one that was under way when its process was killed."""
    with closing(engine.open_writer("one")) as old, closing(engine.open_writer("one")) as new:
        new.apply(REPOSITORY, [document("a", created=2)], ["b registry.example"])
        old.apply(REPOSITORY, [document("a", created=1), document("b", created=1)], [])
        with reading(engine) as reader:
            page = reader.search(Everything(), document_type=REPOSITORY, limit=9)
            assert [hit.result["created"] for hit in page.hits] == [2]
        new.apply(REPOSITORY, [document("b", created=3)], ["a registry.example"])
        old.apply(REPOSITORY, [], ["b registry.example"])
        with reading(engine) as reader:
            assert ids(reader) == ["b registry.example"]


def test_a_batch_of_several_requests_is_found_as_a_whole(engine: OpenSearchEngine) -> None:
    documents = [document(f"web{n}", description=(f"word{n}",)) for n in range(2_500)]
    with closing(engine.open_writer("one")) as writer:
        writer.fill(REPOSITORY, map(engine.encode, documents))
        writer.commit_filled()
        assert writer.count(REPOSITORY) == 2_500
        with reading(engine) as reader:
            assert reader.count(REPOSITORY, Word("word2499")) == 1
            found = reader.spellings("wrod2499", document_type=REPOSITORY, limit=1)
            assert found == [("word2499", 1)]
            page = reader.search(Everything(), document_type=REPOSITORY, limit=3_000)
            assert len({hit.id for hit in page.hits}) == 2_500


def large() -> Document:
    return document("large", description=("x " * 50_000,))


BLOCK = "index.blocks.read_only_allow_delete"
LIMIT = "network.breaker.inflight_requests.limit"


def block(cluster: Cluster, value: bool | None) -> None:
    """Make all indexes read-only, as a cluster does when a disk is full, or take that back."""
    cluster.ask("PUT", "/t*/_settings", {BLOCK: value})


def limit(cluster: Cluster, value: str | None) -> None:
    """Have the cluster refuse requests of more bytes with 429, or take that back."""
    cluster.ask("PUT", "/_cluster/settings", {"transient": {LIMIT: value}})


@pytest.mark.parametrize(
    ("refuse", "allow", "said"),
    [
        (lambda one: block(one, True), lambda one: block(one, None), "read-only"),
        (lambda one: limit(one, "20kb"), lambda one: limit(one, None), "429"),
    ],
    ids=["read-only", "too busy"],
)
def test_a_write_waits_for_a_cluster_that_refuses_for_now(
    engine: OpenSearchEngine,
    needs_cluster: Cluster,
    tmp_path: Path,
    refuse: Callable[[Cluster], None],
    allow: Callable[[Cluster], None],
    said: str,
) -> None:
    waits, allowed_at = count(1), 3

    def sleep(_: float) -> None:
        if next(waits) == allowed_at:
            allow(needs_cluster)

    address = ClusterAddress(tuple(needs_cluster.urls))
    patient = OpenSearchEngine(
        tmp_path / "search", address, prefix=engine._prefix, patience=1, sleep=sleep
    )
    with closing(patient.open_writer("one")) as writer:
        writer.apply(REPOSITORY, [document("a")], [])
        refuse(needs_cluster)
        try:
            writer.apply(REPOSITORY, [large()], ["a registry.example"])
            with reading(engine) as reader:
                assert ids(reader) == ["large registry.example"]
            assert next(waits) == allowed_at + 1
            refuse(needs_cluster)
            # Nobody takes it back now.
            with pytest.raises(EngineAwayError, match=said):
                writer.apply(REPOSITORY, [large(), document("c")], [])
            with reading(engine) as reader:
                assert ids(reader) == ["large registry.example"]
        finally:
            allow(needs_cluster)
        writer.apply(REPOSITORY, [large(), document("c")], [])
        with reading(engine) as reader:
            assert ids(reader) == ["c registry.example", "large registry.example"]
