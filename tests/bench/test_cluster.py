"""The benchmark of a cluster: scaled documents, and bare requests that find the same."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cluster import Row, Run, Times, measure, print_run
from bench.cluster_bare import bare_request
from bench.corpus.documents import documents
from bench.engine_measures import Build
from bench.queries import CLASSES, TYPES, Ask
from bench.scaled import scaled
from bench.targets import AGAINST_REQUEST
from indexer.engines.opensearch import IndexShape
from indexer.engines.opensearch.engine import PREFIX
from indexer.model import Document, DocumentType, Fuzzy, RepositoryName
from tests.bench.corpus.sizes import TINY
from tests.opensearch.cluster import Cluster


@pytest.fixture(scope="module")
def base() -> Sequence[Document]:
    return list(documents(TINY))


@pytest.fixture
def node(needs_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster of one node, in which nothing stays."""
    yield needs_cluster
    needs_cluster.ask("DELETE", f"/{PREFIX}-*")


def test_scaled_documents_are_different_ones_and_the_same_each_time(
    base: Sequence[Document],
) -> None:
    number = 3 * len(base) + 7
    made = list(scaled(base, number))
    assert made == list(scaled(base, number))
    assert made[: len(base)] == base
    assert len({(one.key.type, one.key.id) for one in made}) == number
    assert len({one.result["description"] for one in made}) > len({one.name for one in base})


def test_the_images_of_a_copied_repository_are_in_it(base: Sequence[Document]) -> None:
    copies = list(scaled(base, 2 * len(base)))[len(base) :]
    repositories = {one.key.repository for one in copies if one.key.type is DocumentType.REPOSITORY}
    for first, copy in zip(base, copies, strict=True):
        assert copy.key.repository in repositories
        assert copy.name == copy.key.repository == copy.result["repository"]
        assert ("repo", copy.name) in copy.keywords
        assert ("repo", first.name) not in copy.keywords
        assert replace(first.key, repository=RepositoryName(copy.name)) == copy.key


def test_a_cluster_is_filled_once_and_each_bare_request_finds_as_many(
    base: Sequence[Document], node: Cluster, tmp_path: Path
) -> None:
    number = len(base) + 50
    runs: list[Run] = []
    for _ in range(2):
        run = measure(node, tmp_path, base=base, number=number, searches=3)
        runs.append(run)
        assert run.build == runs[0].build, "it is filled once"
        assert run.build.documents == number
        assert 0 < run.updates.p50 <= run.updates.p95
        assert run.build.disk_bytes > 0
        assert [(row.query, row.type) for row in run.rows] == [
            (query, kind) for kind in TYPES for query in CLASSES
        ]
        assert [row.differ for row in run.rows if row.differ] == []
        assert all(row.ours.p50 > 0 < row.bare.p50 and row.searches == 3 for row in run.rows)
        found = {row.query: row.found for row in run.rows if row.type == DocumentType.IMAGE}
        assert found["everything"] == sum(
            one.key.type is DocumentType.IMAGE for one in scaled(base, number)
        )
    with pytest.raises(ValueError, match=f"keeps {number} documents"):
        measure(node, tmp_path, base=base, number=9, searches=3)


def test_a_query_of_no_class_has_no_bare_request() -> None:
    with pytest.raises(ValueError, match="no class of query has"):
        bare_request(Fuzzy("abc"), Ask("abc~"), limit=1)


def test_the_worst_ratio_is_beside_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("typo", "image", 7, ours=Times(4, 8), bare=Times(1, 2), searches=1, differ=[]),
        Row("range", "image", 7, ours=Times(4, 9), bare=Times(1, 9), searches=1, differ=[]),
    ]
    build = Build(1_000, 2, 1, disk_bytes=5_000_000, memory_mb=100)
    print_run(Run("3.9.0", 3, IndexShape(shards=3), build, rows, updates=Times(50, 90)))
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in capsys.readouterr().out.splitlines()
    ]
    assert ["typo", "image", "7", "4.0", "8.0", "1.0", "2.0", "4.0 x"] in cells
    assert ["written, documents/s", "500", "", ""] in cells
    assert [AGAINST_REQUEST, "4", "≤ 3", "no"] in cells
