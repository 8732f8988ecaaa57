"""Nodes on the command line: which settings a node needs, listing them, and removing one."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from indexer.engines.opensearch import ClusterAddress, NodeTable, OpenSearchEngine
from indexer.nodes import NodeState, written_state
from indexer.store import LiveIndex, StoreFreshness
from search_api.cli.main import main
from tests.opensearch.cluster import Cluster

PREFIX = "test-cli"
SETTINGS = """\
engine = "opensearch"
opensearch_url = ["{url}"]
opensearch_prefix = "{prefix}"
opensearch_replicas = 0
node_secret = "the-secret-of-all-nodes"
[[registry]]
name = "main"
url = "http://registry.example"
[[node]]
name = "a"
url = "http://127.0.0.1:9"
registries = ["main"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; give its status and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGSEARCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_it


def write_settings(folder: Path, url: str = "http://127.0.0.1:9", more: str = "") -> None:
    text = more + SETTINGS.format(url=url, prefix=PREFIX)
    (folder / "regsearch.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (["serve"], "", "node_name is not set: which of the nodes is this (a)?"),
        (["web"], "", "node_name is not set: which of the nodes is this (a)?"),
        (["indexer"], "", "node_name is not set: which of the nodes is this (a)?"),
        (["web", "--search-only"], 'node_name = "a"\n', "leave node_name empty"),
    ],
)
def test_a_node_is_refused_that_cannot_know_what_it_is(
    run: Run, tmp_path: Path, arguments: list[str], more: str, message: str
) -> None:
    write_settings(tmp_path, more=more)
    status, _, err = run(*arguments)
    assert (status, len(err.splitlines())) == (2, 1), err
    assert message in err


def test_a_search_node_needs_nodes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    status, _, err = run("web", "--search-only")
    assert status == 2
    assert "--search-only needs [[node]] tables" in err
    status, _, err = run("node", "list")
    assert status == 2
    assert "nodes share an OpenSearch cluster: set opensearch_url" in err


def state(name: str, owner: str, generation: str = "", alive_at: str | None = None) -> str:
    live = LiveIndex(generation, "opensearch", 1, 1, complete=True) if generation else None
    return written_state(NodeState(name, "0.2.0", owner, live, StoreFreshness(alive_at=alive_at)))


@contextmanager
def table_of(cluster: Cluster) -> Iterator[NodeTable]:
    with closing(NodeTable(ClusterAddress(tuple(cluster.urls)), prefix=PREFIX)) as table:
        yield table


def test_nodes_are_listed_and_one_that_is_gone_is_removed(
    run: Run, tmp_path: Path, needs_cluster: Cluster
) -> None:
    write_settings(tmp_path, needs_cluster.urls[0])
    (listed,) = json.loads(run("node", "list", "--json")[1])["nodes"]
    assert (listed["name"], listed["problem"]) == ("a", "it never said what it has")

    address = ClusterAddress(tuple(needs_cluster.urls))
    engines = {}
    for name in ("mine", "gone"):
        engine = OpenSearchEngine(tmp_path / name, address, prefix=PREFIX)
        engine.create(f"of-{name}")
        engine.create(f"older-of-{name}")
        engines[name] = engine
    with table_of(needs_cluster) as table:
        table.write("a", state("a", engines["mine"].owner(), "of-mine"))
        table.write("gone", state("gone", engines["gone"].owner(), "of-gone"))
    by_name = {one["name"]: one for one in json.loads(run("node", "list", "--json")[1])["nodes"]}
    assert by_name["a"]["problem"] is None
    assert "no [[node]] table has this name" in by_name["gone"]["problem"]
    status, out, _ = run("node", "list")
    assert status == 0
    assert "gone" in out
    assert "whole" in out

    assert run("node", "remove", "a")[0] == 2
    assert run("node", "remove", "other")[0] == 2
    status, _, err = run("node", "remove", "gone")
    assert (status, err) == (
        0,
        "node gone is removed, with 2 generations of the search index\n",
    )
    assert engines["gone"].generations() == []
    assert engines["mine"].generations() == ["of-mine", "older-of-mine"]
    (listed,) = json.loads(run("node", "list", "--json")[1])["nodes"]
    assert listed["name"] == "a"


@pytest.mark.parametrize("form", ["newer", "broken"])
def test_a_node_that_speaks_another_form_is_removed_too(
    run: Run, tmp_path: Path, needs_cluster: Cluster, form: str
) -> None:
    write_settings(tmp_path, needs_cluster.urls[0])
    engine = OpenSearchEngine(
        tmp_path / "gone", ClusterAddress(tuple(needs_cluster.urls)), prefix=PREFIX
    )
    engine.create("of-gone")
    text = json.dumps({"owner": engine.owner()}) if form == "newer" else "none at all"
    with table_of(needs_cluster) as table:
        table.write("gone", text)
    status, _, err = run("node", "remove", "gone")
    assert status == 0
    removed, *more = err.splitlines()
    assert ("with 1 generations" in removed, more == []) == (form == "newer",) * 2
    assert engine.generations() == ([] if form == "newer" else ["of-gone"])
    assert [one["name"] for one in json.loads(run("node", "list", "--json")[1])["nodes"]] == ["a"]


def test_a_node_that_runs_is_not_removed(run: Run, tmp_path: Path, needs_cluster: Cluster) -> None:
    write_settings(tmp_path, needs_cluster.urls[0])
    ends = threading.Event()

    def live() -> None:
        with table_of(needs_cluster) as table:
            while not ends.wait(0.1):
                table.write("b", state("b", "owner"))

    thread = threading.Thread(target=live)
    with table_of(needs_cluster) as table:
        table.write("b", state("b", "owner"))
    thread.start()
    try:
        status, _, err = run("node", "remove", "b")
    finally:
        ends.set()
        thread.join()
    assert status == 2
    assert "node 'b' is running: stop it first" in err
