"""Several machines: what both registries have is found on both search nodes, and stays so."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.installation import PREFIX, Installation
from tests.end_to_end.measures import spread
from tests.end_to_end.service import Service
from tests.opensearch.cluster import Cluster
from tests.push import push

PUSHES = 5


@pytest.fixture
def installation(
    registry_program: str, needs_cluster: Cluster, tmp_path: Path
) -> Iterator[Installation]:
    """Give two registries, two indexer nodes and two search nodes on a cluster of one node."""
    with Installation(tmp_path, needs_cluster, program=registry_program) as made:
        yield made


def is_listed(service: Service, repository: str) -> Callable[[], bool]:
    return partial(service.lists, repository)


def reasons(service: Service) -> dict[str, str]:
    """Return why results may be missing, by code."""
    told = service.get("/api/v1/status").json()["reasons"]
    return {one["code"]: one["message"] for one in told}


def test_what_is_pushed_to_any_registry_is_found_on_all_search_nodes(
    installation: Installation, docker: Docker, figure: Callable[[str], None]
) -> None:
    installation.start()
    delays = []
    for name, registry in installation.registries.items():
        for number in range(PUSHES):
            repository = f"{name}-team/web{number}"
            push(registry.url, repository, image(seed=repository), tag="1.0")
            for searcher in installation.searchers:
                waited = searcher.wait_until(
                    is_listed(searcher, repository), 30, repository, every=0.02
                )
                delays.append(waited)
    figure(f"push to being listed on a search node {spread(delays)} ({2 * PUSHES} pushes)")
    for searcher in installation.searchers:
        answer = searcher.search("web", kind="repository")
        assert answer.total == 2 * PUSHES
        assert {one.registry for one in answer.results} == {"main", "eu"}
        assert {row.repository for row in docker.search(searcher.host, "web0")} == {
            "main-team/web0",
            "eu-team/web0",
        }
        # Images come a moment after their repositories.
        searcher.wait_until_found(f"repo:eu-team/web{PUSHES - 1}")
        names = {one.repository for one in searcher.everything("registry:eu")}
        assert names == {f"eu-team/web{number}" for number in range(PUSHES)}
        searcher.wait_until(searcher.is_complete, 60, "all is complete")
    # An indexer node searches what is its own.
    assert installation.indexers["eu"].search("web", kind="repository").total == PUSHES


def test_the_search_goes_on_without_an_indexer_node_and_says_so(
    installation: Installation,
) -> None:
    installation.start()
    searcher, lost = installation.searchers[0], installation.indexers["eu"]
    for name, registry in installation.registries.items():
        push(registry.url, f"{name}/web", image(seed=name), tag="1.0")
        searcher.wait_until(is_listed(searcher, f"{name}/web"), 30, f"{name}/web")

    lost.kill_all()
    searcher.wait_until(lambda: "INDEXER_NOT_ALIVE" in reasons(searcher), 60, "it is said")
    assert "node node-eu (eu)" in reasons(searcher)["INDEXER_NOT_ALIVE"]
    assert {one.repository for one in searcher.search("web", kind="repository").results} == {
        "main/web",
        "eu/web",
    }
    # Each process that searches looks by itself.
    searcher.wait_until(lambda: not searcher.is_complete(), 30, "it is not complete")
    # The registry keeps its notification until somebody takes it.
    push(installation.registries["eu"].url, "eu/later", image(seed="later"), tag="1.0")
    push(installation.registries["main"].url, "main/later", image(seed="other"), tag="1.0")
    searcher.wait_until(is_listed(searcher, "main/later"), 30, "main/later")
    assert not searcher.lists("eu/later")

    lost.begin()
    searcher.wait_until(is_listed(searcher, "eu/later"), 60, "eu/later")
    searcher.wait_until(searcher.is_complete, 60, "all is complete")


def test_a_rebuild_of_one_node_is_not_noticed_by_any_search(installation: Installation) -> None:
    installation.start()
    searcher = installation.searchers[0]
    for name, registry in installation.registries.items():
        push(registry.url, f"{name}/web", image(seed=name), tag="1.0")
        searcher.wait_until(is_listed(searcher, f"{name}/web"), 30, f"{name}/web")
    indexer = installation.indexers["main"]

    def generation() -> str:
        found: str = indexer.get("/api/v1/status").json()["search_index"]["generation"]
        return found

    def names() -> set[str]:
        found = searcher.search("web", kind="repository").results
        return {one.repository for one in found}

    for _ in range(3):
        before = generation()
        assert indexer.command("rebuild").returncode == 0
        while generation() == before:
            assert names() == {"main/web", "eu/web"}
        for _ in range(20):
            assert names() == {"main/web", "eu/web"}


def test_layers_are_asked_of_the_nodes(installation: Installation) -> None:
    installation.start()
    searcher = installation.searchers[0]
    base = image(seed="base")
    for name, registry in installation.registries.items():
        push(registry.url, f"{name}/base", base, tag="1.0")
        # Its images, which come a moment after it.
        searcher.wait_until_found(f"repo:{name}/base")
    layer = base.blobs[-1].digest
    for indexer in installation.indexers.values():
        found = indexer.everything(f"layer:{layer}")
        assert len(found) == 1
    assert {one.repository for one in searcher.everything(f"layer:{layer}")} == {
        "main/base",
        "eu/base",
    }
    installation.indexers["eu"].kill_all()
    answer = searcher.ask("/api/v1/search", q=f"layer:{layer}", type="image")
    assert answer.status_code == 503
    assert "node node-eu" in answer.text


def test_a_node_with_documents_of_another_form_is_left_out_until_it_is_rebuilt(
    installation: Installation,
) -> None:
    installation.start()
    searcher, cluster = installation.searchers[0], installation.cluster
    for name, registry in installation.registries.items():
        push(registry.url, f"{name}/web", image(seed=name), tag="1.0")
        searcher.wait_until(is_listed(searcher, f"{name}/web"), 30, f"{name}/web")
    # What a node of a later version would say, which has stopped meanwhile.
    installation.indexers["eu"].kill_all()
    path = f"/{PREFIX}-nodes/_doc/node-eu"
    state = json.loads(cluster.ask("GET", path)["_source"]["state"])
    state["version"] = "9.9.9"
    state["live"]["schema_version"] += 1
    cluster.ask("PUT", path, {"state": json.dumps({**state, "added_in": "9.9.9"})})
    searcher.wait_until(lambda: "NODE_LEFT_OUT" in reasons(searcher), 30, "it is left out")
    message = reasons(searcher)["NODE_LEFT_OUT"]
    assert message.startswith("node node-eu (eu) is left out: its documents have the form")
    assert "of version 9.9.9" in message
    # Each process of a search node hears it within a second.
    searcher.wait_until(lambda: not searcher.lists("eu/web"), 30, "eu/web is left out")
    answer = searcher.search("web", kind="repository")
    assert {one.repository for one in answer.results} == {"main/web"}
    assert not answer.freshness.complete
    installation.indexers["eu"].begin()
    searcher.wait_until(is_listed(searcher, "eu/web"), 60, "eu/web")


def test_a_node_that_is_gone_for_good_is_taken_out(installation: Installation) -> None:
    installation.start()
    indexer, cluster = installation.indexers["eu"], installation.cluster
    refused = indexer.command("node", "remove", "node-eu")
    assert "is in a [[node]] table" in refused.stderr
    listed = json.loads(indexer.command("node", "list", "--json").stdout)["nodes"]
    assert [(one["name"], one["registries"]) for one in listed] == [
        ("node-main", ["main"]),
        ("node-eu", ["eu"]),
    ]
    text = installation.settings_file.read_text("utf-8")
    installation.settings_file.write_text(text.replace('"node-eu"', '"node-new"'), "utf-8")
    searcher = installation.searchers[0]
    running_still = searcher.command("node", "remove", "node-eu")
    assert "node 'node-eu' is running: stop it first" in running_still.stderr
    assert indexer.stop() == 0
    removed = searcher.command("node", "remove", "node-eu")
    assert removed.returncode == 0, removed.stderr
    indexes = cluster.ask("GET", f"/{PREFIX}-*/_alias")
    assert len([name for name in indexes if name.endswith("-repository-1")]) == 1, indexes
    unknown = searcher.command("node", "remove", "node-eu")
    assert "known are node-main" in unknown.stderr
