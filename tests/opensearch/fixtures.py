"""A pytest plugin: one cluster for all tests of a process that need one."""

import os
from collections.abc import Iterator

import pytest

from tests.opensearch.cluster import CLUSTER, PROGRAM, Cluster, find_java, running
from tests.programs import NeedsProgram, find_program


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster | None]:
    """Give a cluster of one node; None if the program or Java is missing."""
    path = find_program(PROGRAM)
    if path is None or not find_java(PROGRAM):
        yield None
        return
    with running(path, tmp_path_factory.mktemp("opensearch")) as started:
        os.environ[CLUSTER] = started.urls[0]
        yield started
        del os.environ[CLUSTER]


def found_cluster(cluster: Cluster | None) -> Cluster:
    """Return the cluster, or end the test without it."""
    if cluster is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"needs {PROGRAM} (make programs) and Java for it")
    return cluster


@pytest.fixture
def needs_cluster(request: pytest.FixtureRequest, needs_program: NeedsProgram) -> Iterator[Cluster]:
    """Give the cluster, or end the test without it; what the test made there is removed."""
    needs_program(PROGRAM)
    found = found_cluster(request.getfixturevalue("cluster"))
    yield found
    found.ask("DELETE", "/t*?expand_wildcards=all")
