"""The whole service with its search index in a cluster: a push is found, and a restart of it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.measures import spread
from tests.end_to_end.skopeo_client import Skopeo
from tests.opensearch.cluster import running
from tests.programs import NeedsProgram

PUSHES = 10


def is_moved(deployment: Deployment, engine: str) -> bool:
    """Tell whether the search index of an engine answers, and no rebuild runs."""
    found = deployment.service.get("/api/v1/status").json()["search_index"]
    return (found["engine"], found["rebuild"]) == (engine, None)


def test_a_push_is_found_in_a_cluster_and_nothing_is_lost_when_it_was_away(
    deployment: Deployment,
    docker: Docker,
    skopeo: Skopeo,
    needs_program: NeedsProgram,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    service, url = deployment.service, deployment.registry.url
    with running(needs_program("opensearch"), tmp_path / "cluster") as cluster:
        in_cluster = {
            "REGSEARCH_REGISTRY": url,
            "REGSEARCH_OPENSEARCH_URL": ",".join(cluster.urls),
            "REGSEARCH_OPENSEARCH_REPLICAS": "0",
        }
        service.configure(REGSEARCH_ENGINE="opensearch", **in_cluster)
        deployment.start()
        delays = []
        for number in range(PUSHES):
            skopeo.push("webapp-1", deployment.registry, f"cluster/web{number}:1.0")
            visible = partial(service.lists, f"cluster/web{number}")
            delays.append(service.wait_until(visible, 30, f"web{number} is listed", every=0.02))
        figure(f"push to being listed from a cluster {spread(delays)} ({PUSHES} pushes)")
        assert {row.repository for row in docker.search(service.host, "cluster")} == {
            f"cluster/web{number}" for number in range(PUSHES)
        }
        assert is_moved(deployment, "opensearch")

        # The cluster is away while somebody pushes.
        cluster.kill(0)
        skopeo.push("webapp-2", deployment.registry, "cluster/later:1.0")
        answer = httpx2.get(f"{service.url}/v1/search?q=cluster", timeout=30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert not service.is_ready()
        time.sleep(3)
        cluster.start(0)
        cluster.wait()
        service.wait_until(lambda: is_listed(service.url, "cluster/later"), 60, "it is found")
        # What answers that asks the cluster by itself.
        service.wait_until(service.is_ready, 30, "it is ready again")

        # To an engine in files and back, while searches are answered.
        for engine in ("whoosh", "opensearch"):
            assert service.stop() == 0
            service.configure(REGSEARCH_ENGINE=engine, **in_cluster)
            service.start()
            assert service.lists("cluster/later")
            service.wait_until(partial(is_moved, deployment, engine), 60, engine)
            assert service.lists("cluster/later")
        assert service.stop() == 0


def is_listed(url: str, repository: str) -> bool:
    answer = httpx2.get(f"{url}/v1/search?q={repository}", timeout=30)
    return answer.status_code == 200 and bool(answer.json()["results"])
