"""Several machines under load: nodes of the cluster and search nodes end, and no search fails."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import httpx2
import pytest

from tests.builders import image
from tests.end_to_end.installation import Balancer, Installation
from tests.end_to_end.load import Load
from tests.end_to_end.service import Service
from tests.opensearch.cluster import running
from tests.programs import NeedsProgram
from tests.push import push

NODES = 3
STEADY_SECONDS = 5.0


@pytest.fixture
def installation(
    registry_program: str, needs_program: NeedsProgram, tmp_path: Path
) -> Iterator[Installation]:
    """Give two registries, two indexer nodes and two search nodes on a cluster of three nodes."""
    with (
        running(needs_program("opensearch"), tmp_path / "cluster", nodes=NODES) as cluster,
        Installation(
            tmp_path, cluster, program=registry_program, settings="search_processes = 1"
        ) as made,
    ):
        made.start()
        yield made


@pytest.fixture
def balancer(
    installation: Installation, needs_program: NeedsProgram, tmp_path: Path
) -> Iterator[Balancer]:
    """Give nginx before both search nodes."""
    folder = tmp_path / "balancer"
    folder.mkdir()
    made = Balancer(folder, program=needs_program("nginx"), nodes=installation.searchers)
    yield made
    made.stop()


def warm_up(installation: Installation) -> None:
    """Push and search for some seconds: a Java that was just started is slow at first."""
    registries = list(installation.registries.values())
    ends = time.monotonic() + STEADY_SECONDS
    for number in count():
        name = f"warm/web{number}"
        push(registries[number % len(registries)].url, name, image(seed=name), tag="1.0")
        for searcher in installation.searchers:
            searcher.search("warm", kind="repository")
        if time.monotonic() > ends:
            break


def load_on(installation: Installation, *searches: str, name: str = "web") -> Load:
    registries = [one.url for one in installation.registries.values()]
    return Load(registries, searches, name)


def is_whole(service: Service, names: set[str]) -> bool:
    answer = service.search("load", kind="repository", limit=1)
    return answer.total == len(names) and answer.freshness.complete


def check_all_found(installation: Installation, load: Load) -> None:
    """Check that all that was pushed is found on each search node that runs."""
    names = set(load.pushed)
    for service in installation.searchers:
        if service.processes():
            service.wait_until(partial(is_whole, service, names), 60, "all is found")
            assert {one.repository for one in service.everything("load")} == names


def test_no_search_fails_when_nodes_of_the_cluster_end(
    installation: Installation, figure: Callable[[str], None]
) -> None:
    cluster = installation.cluster
    urls = [one.url for one in installation.searchers]
    warm_up(installation)
    with load_on(installation, *urls, name="killed") as killed:
        time.sleep(STEADY_SECONDS)
        cluster.kill(1)
        time.sleep(STEADY_SECONDS)
        cluster.start(1)
        cluster.wait()
        time.sleep(STEADY_SECONDS)
    figure(f"a node killed: {killed.rates()}")
    assert killed.failures == []
    check_all_found(installation, killed)

    with load_on(installation, *urls, name="restarted") as restarted:
        for number in range(NODES):
            cluster.stop(number)
            time.sleep(2)
            cluster.start(number)
            cluster.wait()
    figure(f"a rolling restart: {restarted.rates()}")
    restarted.pushed += killed.pushed
    assert restarted.failures == []
    check_all_found(installation, restarted)


def test_no_search_fails_when_a_search_node_is_killed_behind_nginx(
    installation: Installation, balancer: Balancer, figure: Callable[[str], None]
) -> None:
    warm_up(installation)
    with load_on(installation, balancer.url) as load:
        time.sleep(STEADY_SECONDS)
        installation.searchers[0].kill_all()
        time.sleep(STEADY_SECONDS)
        installation.searchers[0].begin()
        time.sleep(2 * STEADY_SECONDS)
    figure(f"a search node killed: {load.rates()}")
    assert load.failures == []
    check_all_found(installation, load)


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_nothing_is_lost_while_all_of_the_cluster_is_away(
    installation: Installation, how: str, figure: Callable[[str], None]
) -> None:
    cluster, searcher = installation.cluster, installation.searchers[0]
    for name, registry in installation.registries.items():
        push(registry.url, f"load/{name}", image(seed=name), tag="1.0")
        searcher.wait_until(partial(searcher.lists, f"load/{name}"), 30, name)
    numbers = range(NODES)
    for number in numbers:
        cluster.pause(number) if how == "hanging" else cluster.kill(number)
    seconds = []
    for number in range(10):
        started = time.monotonic()
        answer = httpx2.get(f"{searcher.url}/api/v1/search?q=load", timeout=30)
        seconds.append(time.monotonic() - started)
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.text
        for name, registry in installation.registries.items():
            push(registry.url, f"load/{name}{number}", image(seed=f"{name}{number}"), tag="1.0")
    figure(f"all of the cluster {how}: 503 after at most {max(seconds):.2f} s")
    assert max(seconds) < 5
    for number in numbers:
        cluster.resume(number) if how == "hanging" else cluster.start(number)
    cluster.wait()
    names = {f"load/{name}{number}" for name in ("main", "eu") for number in ("", *range(10))}
    for service in installation.searchers:
        service.wait_until(partial(is_whole_again, service, names), 60, "all is found")
        assert {one.repository for one in service.everything("load")} == names
    for service in installation.indexers.values():
        assert service.stop() == 0


def is_whole_again(service: Service, names: set[str]) -> bool:
    """Tell the same of a service that may answer nothing yet."""
    return service.is_answering() and is_whole(service, names)
