"""Bad days of a cluster: what is not whole is no answer, and what was written stays."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.engines.opensearch import ClusterAddress, IndexShape, OpenSearchEngine
from indexer.engines.opensearch.client import check_whole
from indexer.engines.opensearch.engine import PREFIX
from indexer.engines.protocol import IndexReader
from indexer.errors import EngineAwayError
from indexer.model import Everything, Fuzzy, SearchPage
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.conformance.index import REPOSITORY
from tests.indexer.engines.writing import ids, reading
from tests.opensearch.cluster import Cluster, running
from tests.programs import NeedsProgram

SECONDS = 30.0
"""For an answer of a node that was just started, on a busy machine. One that is gone refuses at
once."""


def search(reader: IndexReader) -> SearchPage:
    return reader.search(Everything(), document_type=REPOSITORY, limit=9, facets=["kind"])


def check_nothing_is_answered(reader: IndexReader) -> None:
    calls: dict[str, Callable[[], object]] = {
        "search": lambda: search(reader),
        "count": lambda: reader.count(REPOSITORY),
        "newest": lambda: reader.newest(Everything(), [Everything()], document_type=REPOSITORY),
        "spellings": lambda: reader.spellings("abcd", document_type=REPOSITORY, limit=3),
    }
    for name, call in calls.items():
        with pytest.raises(EngineAwayError):
            pytest.fail(f"{name}: {call()}")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"timed_out": True, "_shards": {"failed": 0}}, "it took too long"),
        ({"timed_out": False, "_shards": {"failed": 2}}, "2 shards failed"),
    ],
)
def test_an_answer_of_some_shards_is_none(answer: dict[str, object], said: str) -> None:
    with pytest.raises(EngineAwayError, match=said):
        check_whole(answer)


@pytest.fixture
def own(needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own, of one node."""
    with running(needs_program("opensearch"), tmp_path / "cluster") as cluster:
        yield cluster


def make(cluster: Cluster, directory: Path, *, seconds: float = SECONDS) -> OpenSearchEngine:
    address = ClusterAddress(tuple(cluster.urls), timeout=seconds)
    return OpenSearchEngine(directory, address, patience=0)


def test_a_cluster_that_is_away_is_said_to_be_and_has_all_when_it_is_back(
    own: Cluster, tmp_path: Path
) -> None:
    engine = make(own, tmp_path)
    engine.create("one")
    with closing(engine.open_writer("one")) as writer, reading(engine) as reader:
        writer.apply(REPOSITORY, [document("abc"), document("abd")], [])
        own.kill(0)
        check_nothing_is_answered(reader)
        for call in (
            lambda: writer.apply(REPOSITORY, [document("abe")], ["abc registry.example"]),
            writer.commit_filled,
            lambda: writer.count(REPOSITORY),
            lambda: engine.open_reader("one"),
            lambda: engine.open_writer("one"),
            lambda: engine.create("two"),
            engine.generations,
            lambda: engine.drop("one"),
            lambda: engine.size_bytes("one"),
        ):
            with pytest.raises(EngineAwayError, match="is away"):
                call()
        own.start(0)
        own.wait(status="yellow")
        assert ids(reader) == ["abc registry.example", "abd registry.example"]
        assert reader.count(REPOSITORY, Fuzzy("abx")) == 2
        writer.apply(REPOSITORY, [document("abe")], ["abc registry.example"])
        assert ids(reader) == ["abd registry.example", "abe registry.example"]


def holder(cluster: Cluster, name: str) -> int:
    """Return the number of the node that has the only shard of an index."""
    (shard,) = cluster.ask("GET", f"/_cat/shards/{name}?format=json")
    return int(shard["node"].removeprefix("n"))


def test_a_red_cluster_answers_nothing_and_has_all_when_it_is_green(
    needs_program: NeedsProgram, tmp_path: Path
) -> None:
    with running(needs_program("opensearch"), tmp_path / "cluster", nodes=3) as cluster:
        address = ClusterAddress(tuple(cluster.urls), timeout=SECONDS)
        shape = IndexShape(shards=1, replicas=0)
        engine = OpenSearchEngine(tmp_path, address, shape=shape, patience=0)
        engine.create("one")
        with closing(engine.open_writer("one")) as writer, reading(engine) as reader:
            writer.apply(REPOSITORY, [document("abc"), document("abd")], [])
            lost = holder(cluster, f"{PREFIX}-one-repository-1")
            cluster.kill(lost)
            cluster.wait(status="red")
            assert cluster.health(seconds=SECONDS) == ("red", 2)
            for call in (
                lambda: search(reader),
                lambda: reader.count(REPOSITORY),
                lambda: writer.apply(REPOSITORY, [document("abe")], ["abc registry.example"]),
            ):
                with pytest.raises(EngineAwayError):
                    pytest.fail(f"answered: {call()}")
            cluster.start(lost)
            cluster.wait()
            assert ids(reader) == ["abc registry.example", "abd registry.example"]
            writer.apply(REPOSITORY, [document("abe")], ["abc registry.example"])
            assert ids(reader) == ["abd registry.example", "abe registry.example"]


def search_often(reader: IndexReader, *, until: int) -> int:
    """Search until so many are found in a row; return how many searches were not answered.

    Those that are answered are whole.
    """
    refused = answered = 0
    while answered < 10:
        try:
            assert search(reader).total == until
        except EngineAwayError:
            refused, answered = refused + 1, 0
        else:
            answered += 1
        assert refused < 100
    return refused


@pytest.mark.thorough
def test_a_node_that_hangs_or_is_killed_costs_time_and_no_hit(
    needs_program: NeedsProgram, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with running(needs_program("opensearch"), tmp_path / "cluster", nodes=3) as cluster:
        engine = make(cluster, tmp_path, seconds=4)
        engine.create("one")
        with closing(engine.open_writer("one")) as writer, reading(engine) as reader:
            writer.apply(REPOSITORY, [document(f"abc{n}") for n in range(20)], [])
            cluster.wait()
            cluster.pause(1)
            figure(f"searches refused while a node hangs: {search_often(reader, until=20)}")
            cluster.resume(1)
            cluster.wait()
            cluster.kill(0)
            figure(f"searches refused after a node was killed: {search_often(reader, until=20)}")
            cluster.wait(status="yellow")
            writer.apply(REPOSITORY, [document("abd")], [])
            assert search(reader).total == 21
