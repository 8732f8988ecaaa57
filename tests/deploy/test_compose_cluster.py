"""deploy/compose/cluster.yaml: several machines on one, up, pushed to, searched, hurt, and down."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import httpx2
import pytest

from tests.deploy.containers import SECONDS, Address, compose, compose_environment
from tests.deploy.images import PROJECT
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.ports import free_port
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.waiting import wait_until
from tests.programs import NeedsProgram

pytestmark = pytest.mark.thorough

FILE = PROJECT / "deploy" / "compose" / "cluster.yaml"
NAME = "regsearch-cluster-test"
IMAGES = {"main": "webapp-1", "eu": "numbered-01"}
SEARCHES = 20
REGSEARCH = ("setup", "indexer-main", "indexer-eu", "search", "proxy")


class Composition:
    """All containers of the file, with ports of their own."""

    def __init__(self, engine: Docker, program: str, images: Mapping[str, str]) -> None:
        self.engine, self._program = engine, program
        self.registries = {name: Address(f"localhost:{free_port()}") for name in IMAGES}
        self.host = f"localhost:{free_port()}"
        self._url = f"http://{self.host}"
        ports = {
            "REGISTRY_PORT": self.registries["main"].host,
            "EU_REGISTRY_PORT": self.registries["eu"].host,
            "SEARCH_PORT": self.host,
        }
        self._environment = {
            **compose_environment(engine, FILE, project=NAME),
            **images,
            **{name: host.partition(":")[2] for name, host in ports.items()},
        }

    def compose(self, *words: str) -> str:
        return compose(self._program, *words, environment=self._environment)

    def containers(self, service: str) -> list[str]:
        label = f"label=com.docker.compose.service={service}"
        return self.engine.run("ps", "--quiet", f"--filter={label}").split()

    def finds(self, name: str) -> bool:
        """Tell whether docker search finds what was pushed to a registry, by its full name."""
        wanted = f"{self.registries[name].host}/{name}/web"
        return wanted in {row.name for row in self.engine.search(self.host, "web")}

    def lists(self, repository: str) -> bool:
        """Tell whether a search finds a repository; one that is refused does not."""
        address = f"{self._url}/v1/search?q={repository}"
        answer = httpx2.get(address, timeout=30, trust_env=False)
        return answer.status_code == 200 and bool(answer.json()["results"])

    def search_all(self) -> None:
        """Search again and again; everything must be found each time."""
        for _ in range(SEARCHES):
            found = {row.name for row in self.engine.search(self.host, "web")}
            assert {f"{one.host}/{name}/web" for name, one in self.registries.items()} <= found

    def search_until_steady(self) -> Counter[str]:
        """Search until many searches in a row are answered; count what the others said."""
        said, answered = Counter[str](), 0
        deadline = time.monotonic() + SECONDS
        while answered < SEARCHES:
            assert time.monotonic() < deadline, said
            answer = httpx2.get(f"{self._url}/api/v1/search?q=web", timeout=30, trust_env=False)
            if answer.status_code == 200:
                answered += 1
                continue
            assert answer.status_code == 503, answer.text
            said[answer.json()["errors"][0]["message"]] += 1
            answered = 0
        return said

    def reasons(self) -> set[str]:
        """Give the codes of the reasons why answers may be incomplete."""
        answer = httpx2.get(f"{self._url}/api/v1/search?q=web", timeout=30, trust_env=False)
        if answer.status_code != 200:
            return {"REFUSED"}
        return {one["code"] for one in answer.json()["freshness"]["reasons"]}


def test_both_registries_are_searched_and_any_one_container_may_die(
    engine: Docker,
    cluster_images: Mapping[str, str],
    needs_program: NeedsProgram,
    skopeo: Skopeo,
    figure: Callable[[str], None],
) -> None:
    made = Composition(engine, needs_program("compose"), cluster_images)
    try:
        start = time.monotonic()
        made.compose("up", "--detach", "--wait")
        up = time.monotonic() - start
        delays = []
        for name, registry in made.registries.items():
            skopeo.push(IMAGES[name], registry, f"{name}/web:1.0")
            delays.append(wait_until(partial(made.finds, name), SECONDS, f"{name}/web is found"))
            # What is found can be pulled as it is printed.
            engine.pull(f"{registry.host}/{name}/web:1.0")
        made.search_all()
        waited = ", ".join(f"{one:.1f} s" for one in delays)
        figure(f"compose of several machines: up in {up:.0f} s, pushes found after {waited}")

        lost, kept = made.containers("search")
        engine.run("kill", lost)
        made.search_all()
        engine.run("start", lost)
        assert sorted(made.containers("search")) == sorted([lost, kept])

        # Its address is gone with it: nothing refuses a connection, as when a machine is lost.
        (node,) = made.containers("opensearch-1")
        engine.run("kill", node)
        start = time.monotonic()
        refused = made.search_until_steady()
        figure(
            f"a lost OpenSearch container: steady after {time.monotonic() - start:.1f} s,"
            f" {refused.total()} searches refused: {dict(refused)}"
        )
        skopeo.push(IMAGES["eu"], made.registries["eu"], "eu/later:1.0")
        later = partial(made.lists, "eu/later")
        wait_until(later, SECONDS, "a push is found without a node of OpenSearch")
        engine.run("start", node)
        made.search_until_steady()

        (indexer,) = made.containers("indexer-main")
        engine.run("kill", indexer)
        wait_until(lambda: "INDEXER_NOT_ALIVE" in made.reasons(), SECONDS, "it is said")
        made.search_all()
        engine.run("start", indexer)
        wait_until(lambda: not made.reasons(), SECONDS, "all is complete")

        # The next start has what was there, and the same secrets.
        made.compose("down")
        made.compose("up", "--detach", "--wait")
        made.search_until_steady()
        wait_until(lambda: all(map(made.finds, IMAGES)), SECONDS, "everything is found again")
        skopeo.push(IMAGES["main"], made.registries["main"], "main/web:2.0")
    except BaseException:
        print(made.compose("logs", "--no-color", "--tail=40", *REGSEARCH))
        raise
    finally:
        made.compose("down", "--volumes", "--timeout=5")
    assert not json.loads(engine.run("volume", "ls", "--format=json") or "null")
