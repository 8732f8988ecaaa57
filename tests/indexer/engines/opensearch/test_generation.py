"""Generations in a cluster: whole or refused, and nobody else's are touched."""

from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from indexer.engines.opensearch import ClusterAddress, IndexShape, OpenSearchEngine
from indexer.errors import EngineAwayError, EngineError
from indexer.model import DocumentType, Everything
from tests.indexer.engines.conformance.comparison import (
    check,
    check_random_spellings,
    random_search,
)
from tests.indexer.engines.conformance.generator import document, random_changes
from tests.indexer.engines.conformance.index import Index
from tests.opensearch.cluster import Cluster

REPOSITORY = DocumentType.REPOSITORY


def indexes(cluster: Cluster) -> list[str]:
    """The names of all indexes of the tests."""
    return sorted(cluster.ask("GET", "/t*/_settings"))


def make(cluster: Cluster, directory: Path, prefix: str, **more: Any) -> OpenSearchEngine:
    return OpenSearchEngine(directory, ClusterAddress(tuple(cluster.urls)), prefix=prefix, **more)


def refusal(engine: OpenSearchEngine) -> str:
    """The message with which a reader and a writer of the generation are refused."""
    messages = set()
    for action in (engine.open_reader, engine.open_writer):
        with pytest.raises(EngineError) as caught:
            action("one")
        assert not isinstance(caught.value, EngineAwayError)
        messages.add(str(caught.value))
    (message,) = messages
    return message


def test_a_generation_without_one_of_its_aliases_is_not_whole(
    engine: OpenSearchEngine, needs_cluster: Cluster
) -> None:
    (index,) = (one for one in indexes(needs_cluster) if "-image-" in one)
    needs_cluster.ask("DELETE", f"/{index}/_alias/*")
    assert "404" in refusal(engine)
    assert engine.generations() == ["one"]
    engine.create("one")
    engine.open_reader("one").close()


def test_a_generation_of_another_schema_is_refused_by_name(
    engine: OpenSearchEngine, needs_cluster: Cluster
) -> None:
    index = indexes(needs_cluster)[0]
    about = needs_cluster.ask("GET", f"/{index}/_mapping")[index]["mappings"]["_meta"]
    needs_cluster.ask("PUT", f"/{index}/_mapping", {"_meta": {**about, "schema_version": 0}})
    assert "search index one is of another schema" in refusal(engine)


def test_an_index_that_somebody_removed_is_neither_read_nor_made_by_a_write(
    engine: OpenSearchEngine, needs_cluster: Cluster
) -> None:
    """A cluster makes an index for whatever is written to a name that it does not know."""
    with closing(engine.open_writer("one")) as writer, closing(engine.open_reader("one")) as reader:
        writer.apply(REPOSITORY, [document("a")], [])
        for index in indexes(needs_cluster):
            needs_cluster.ask("DELETE", f"/{index}")
        for call in (
            lambda: reader.search(Everything(), document_type=REPOSITORY, limit=1),
            lambda: writer.apply(REPOSITORY, [document("b")], []),
            lambda: writer.count(REPOSITORY),
        ):
            with pytest.raises(EngineError) as caught:
                call()
            assert not isinstance(caught.value, EngineAwayError), caught.value
    assert indexes(needs_cluster) == []
    assert engine.size_bytes("one") == 0


def test_what_a_kill_left_of_a_generation_is_listed_and_dropped(
    engine: OpenSearchEngine, needs_cluster: Cluster
) -> None:
    for index in indexes(needs_cluster)[1:]:
        needs_cluster.ask("DELETE", f"/{index}")
    assert engine.generations() == ["one"]
    engine.drop("one")
    assert (engine.generations(), indexes(needs_cluster)) == ([], [])


def test_generations_of_other_data_directories_and_prefixes_are_left_alone(
    needs_cluster: Cluster, tmp_path: Path
) -> None:
    mine = make(needs_cluster, tmp_path / "mine", "t-regsearch")
    others = [
        make(needs_cluster, tmp_path / "other", "t-regsearch"),
        make(needs_cluster, tmp_path / "mine", "t-regsearch-eu"),
    ]
    mine.create("20260301T120000-a1")
    for number, other in enumerate(others):
        other.create(f"other{number}")
    assert mine.generations() == ["20260301T120000-a1"]
    assert [other.generations() for other in others] == [["other0"], ["other1"]]
    mine.drop("20260301T120000-a1")
    assert mine.generations() == []
    assert len(indexes(needs_cluster)) == 8


def test_a_data_directory_that_made_nothing_needs_no_cluster(tmp_path: Path) -> None:
    nowhere = ClusterAddress(("http://127.0.0.1:9",))
    assert OpenSearchEngine(tmp_path, nowhere).generations() == []


def test_indexes_have_the_shards_and_replicas_of_the_settings(
    needs_cluster: Cluster, tmp_path: Path
) -> None:
    engine = make(needs_cluster, tmp_path, "t-shape", shape=IndexShape(shards=3, replicas=0))
    engine.create("one")
    for index in indexes(needs_cluster):
        found = needs_cluster.ask("GET", f"/{index}/_settings")[index]["settings"]["index"]
        shards = "1" if "words" in index else "3"
        assert (found["number_of_shards"], found["number_of_replicas"]) == (shards, "0")


def test_answers_of_several_shards_are_those_of_one(needs_cluster: Cluster, tmp_path: Path) -> None:
    """Totals, scores, order, pages, facets and spellings, against the oracle."""
    engine = make(needs_cluster, tmp_path, "t-shards", shape=IndexShape(shards=3, replicas=0))
    engine.create("one")
    random = Random(11)
    with closing(Index(engine)) as index:
        for _ in range(5):
            index.apply(*random_changes(random, index.documents, documents_max=120))
            for _ in range(10):
                check(index, random_search(random, index.documents.values()))
                check_random_spellings(index, random)
