"""A cluster of real OpenSearch nodes on loopback, started for a while.

They are built by ``make programs`` out of OpenSearch's own libraries, and have no plugins.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from tests.children import Child, ChildError, Children
from tests.end_to_end.ports import free_port
from tests.programs import find_program, pinned_versions

VERSIONS = {"opensearch": "21", "opensearch2": "17"}
"""The programs, each with the least Java that it needs."""
CLUSTER = "TEST_OPENSEARCH_URL"
"""The variable with the address of the cluster of the tests."""
PROGRAM = os.environ.get("TEST_OPENSEARCH") or "opensearch"
"""The program of the cluster of the tests; ``opensearch2`` for the older version."""
START_SECONDS = 120.0


class Java(NamedTuple):
    """How Java runs a node."""

    options: str
    heap: str
    """The memory of the node, besides that for files."""


QUICK = Java("-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", heap="512m")
"""For nodes that run for a minute: they would use it up by compiling themselves."""
SHIPPED = Java(
    "-XX:+UseG1GC -XX:G1ReservePercent=25 -XX:InitiatingHeapOccupancyPercent=30", heap="1g"
)
"""As OpenSearch is shipped, for nodes whose speed counts."""

# A node writes its last changes to the disk when it is asked to end.
_STOP_SECONDS = 20.0
_JAVA = Path(__file__).parents[2] / ".ci" / "java"


def find_java(program: str) -> str:
    """Return the home of a Java for ``program``; "" if there is none."""
    ended = subprocess.run([_JAVA, VERSIONS[program]], capture_output=True, text=True, check=False)
    return ended.stdout.strip()


class Cluster:
    """A running cluster. Nodes have numbers from 0."""

    def __init__(
        self, children: Children, path: str, folder: Path, *, nodes: int, java: Java = QUICK
    ) -> None:
        """Take ``path``, that of a program in ``VERSIONS``, and the folder for all data."""
        program = Path(path).name
        self.version = pinned_versions()[program]
        self._path, self._folder, self._children = path, folder, children
        self._environment = {
            "JAVA_HOME": find_java(program),
            "JDK_JAVA_OPTIONS": java.options,
            "HEAP": java.heap,
        }
        self._http = [free_port() for _ in range(nodes)]
        self._transport = [free_port() for _ in range(nodes)]
        self._nodes: dict[int, Child] = {}
        self._starts = 0
        self.urls = [f"http://127.0.0.1:{port}" for port in self._http]
        for number in range(nodes):
            self.start(number)

    def start(self, number: int) -> None:
        """Start a node, or one again that was killed, on the same ports with the same data."""
        others = [port for port in self._transport if port != self._transport[number]]
        arguments = [
            f"n{number}",
            str(self._http[number]),
            ",".join(map(str, [self._transport[number], *others])),
            ",".join(f"n{each}" for each in range(len(self._http))),
            str(self._folder / f"n{number}"),
        ]
        self._starts += 1
        self._nodes[number] = self._children.start(
            f"n{number}-{self._starts}",
            [self._path, *arguments],
            environment=self._environment,
        )

    def kill(self, number: int) -> None:
        """End a node as a machine ends that loses its power."""
        self._children.kill(self._nodes.pop(number))

    def stop(self, number: int) -> None:
        """End a node as an operator does who starts it again."""
        self._children.stop(self._nodes.pop(number))

    def pause(self, number: int) -> None:
        """Have a node answer nothing, while its connections stay."""
        os.kill(self._nodes[number].process.pid, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Have a node that was paused go on."""
        os.kill(self._nodes[number].process.pid, signal.SIGCONT)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask any node as an operator does; return the JSON of the answer."""
        number = next(iter(self._nodes))
        answer = httpx2.request(method, f"{self.urls[number]}{path}", json=body, timeout=60)
        return answer.json() if answer.content else None

    def health(self, *, seconds: float = 2) -> tuple[str, int]:
        """Return the colour of the cluster and its number of nodes; ("", 0) if it is away.

        ``seconds`` is how long each node may take, for one that is paused never answers.
        """
        for url in self.urls:
            try:
                found = httpx2.get(f"{url}/_cluster/health", timeout=seconds).json()
                return found["status"], found["number_of_nodes"]
            except (httpx2.HTTPError, KeyError, json.JSONDecodeError):
                continue
        return "", 0

    def wait(self, *, status: str = "green") -> None:
        """Return once all nodes that run are in the cluster, and it has the colour, or green."""
        wanted = {status, "green"}

        def ready() -> bool:
            colour, nodes = self.health()
            return colour in wanted and nodes == len(self._nodes)

        self._children.wait_for(f"a {status} cluster", ready, seconds=START_SECONDS)


@contextmanager
def cluster_for(engine: str, *, java: Java = QUICK) -> Iterator[Cluster | None]:
    """Give a cluster to a command, if this engine needs one and none is there.

    :class:`ChildError` if it was not built.
    """
    if engine != "opensearch" or os.environ.get(CLUSTER):
        yield None
        return
    path = find_program(PROGRAM)
    if path is None or not find_java(PROGRAM):
        raise ChildError("OpenSearch or Java is missing: make programs")
    with (
        tempfile.TemporaryDirectory(prefix="regsearch-cluster-") as folder,
        running(path, Path(folder), java=java) as cluster,
    ):
        os.environ[CLUSTER] = cluster.urls[0]
        try:
            yield cluster
        finally:
            del os.environ[CLUSTER]


@contextmanager
def running(path: str, folder: Path, *, nodes: int = 1, java: Java = QUICK) -> Iterator[Cluster]:
    """Give a cluster that is green. ``path`` is that of ``opensearch`` or ``opensearch2``."""
    folder.mkdir(parents=True, exist_ok=True)
    with Children(folder, stop_seconds=_STOP_SECONDS) as children:
        cluster = Cluster(children, path, folder, nodes=nodes, java=java)
        cluster.wait()
        yield cluster
