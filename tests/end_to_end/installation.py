"""Several machines on one: registries with an indexer node each, and search nodes, on a cluster."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.end_to_end.nginx import nginx_command, nginx_configuration
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until
from tests.opensearch.cluster import Cluster

REGISTRIES = ("main", "eu")
PREFIX = "test-nodes"
_SECRET = "the-secret-that-all-nodes-share"
_CLUSTER = """\
engine = "opensearch"
opensearch_url = {urls}
opensearch_prefix = "{prefix}"
opensearch_replicas = {replicas}
node_secret = "{secret}"
{more}
"""
_REGISTRY = """\
[[registry]]
name = "{name}"
url = "{url}"
[[node]]
name = "{node}"
url = "{address}"
registries = ["{name}"]
"""


_BALANCER = """\
    upstream search {{
{servers}
    }}
    server {{
        listen {host};
        location / {{
            proxy_pass http://search;
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_connect_timeout 1s;
        }}
    }}
"""


class Balancer:
    """nginx before search nodes: a request that one does not answer is sent to another one."""

    def __init__(self, folder: Path, *, program: str, nodes: Sequence[Service]) -> None:
        """Take a folder that is there, the path of nginx, and the search nodes."""
        self.host = f"127.0.0.1:{free_port()}"
        servers = "\n".join(f"        server {one.host};" for one in nodes)
        text = _BALANCER.format(host=self.host, servers=servers)
        (folder / "nginx.conf").write_text(nginx_configuration(text), "utf-8")
        self._program = RunningProgram(nginx_command(program, folder), log=folder / "nginx.log")
        wait_until(self._is_up, 20, f"nginx listens on {self.host}", every=0.02)

    @property
    def url(self) -> str:
        """The address over HTTP, without a slash at the end."""
        return f"http://{self.host}"

    def stop(self) -> None:
        """End the process."""
        self._program.terminate(5)
        self._program.kill()

    def _is_up(self) -> bool:
        return listening(int(self.host.rpartition(":")[2]))


class Installation:
    """Entered, it guarantees that nothing outlives it. Nothing is started."""

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        *,
        program: str,
        search_nodes: int = 2,
        settings: str = "",
    ) -> None:
        """Take a cluster that runs, the program of the registries, and more settings."""
        self._folder = folder
        self.cluster = cluster
        self.registries: dict[str, RealRegistry] = {}
        self.indexers: dict[str, Service] = {}
        """The indexer nodes, by the name of their registry. Theirs is ``node-`` and that name."""
        self.searchers = [
            Service(self._made(f"search-{number}"), words=("web", "--search-only"))
            for number in range(search_nodes)
        ]
        for name in REGISTRIES:
            self.indexers[name] = Service(self._made(f"indexer-{name}"), registry=name)
            self.registries[name] = RealRegistry(
                self._made(f"registry-{name}"),
                program=program,
                receiver=self.indexers[name].receiver,
            )
        self.settings_file = folder / "regsearch.toml"
        self.write_settings(settings)
        for name, service in self.indexers.items():
            service.configure(
                REGSEARCH_CONFIG=str(self.settings_file), REGSEARCH_NODE_NAME=f"node-{name}"
            )
        for service in self.searchers:
            service.configure(REGSEARCH_CONFIG=str(self.settings_file))

    @property
    def services(self) -> list[Service]:
        """All nodes."""
        return [*self.indexers.values(), *self.searchers]

    def write_settings(self, more: str = "") -> None:
        """Write the settings that all nodes have, for their next start."""
        parts = [
            _CLUSTER.format(
                urls=json.dumps(self.cluster.urls),
                prefix=PREFIX,
                replicas=min(1, len(self.cluster.urls) - 1),
                secret=_SECRET,
                more=more,
            )
        ]
        for name, registry in self.registries.items():
            address = self.indexers[name].url
            parts.append(
                _REGISTRY.format(name=name, url=registry.url, node=f"node-{name}", address=address)
            )
        self.settings_file.write_text("".join(parts), "utf-8")

    def start(self) -> None:
        """Start everything; return when the first crawls are done, and search nodes know it."""
        for registry in self.registries.values():
            registry.start()
        for service in self.services:
            service.begin()
        for service in self.services:
            service.wait_until(service.is_ready, 90, "GET /readyz answers 200")
        for service in self.services:
            service.wait_until(service.is_complete, 60, "all is complete")

    def log_text(self) -> str:
        """What everything wrote, the last part of each."""
        return "\n".join(f"{one.host}:\n{one.log_text()}" for one in self.services)

    def _made(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir(parents=True)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for registry in self.registries.values():
                stack.callback(registry.stop)
            for service in self.services:
                stack.callback(service.close)
