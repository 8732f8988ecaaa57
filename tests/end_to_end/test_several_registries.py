"""``docker search`` and ``podman search`` over two real registries: what is printed is pulled.

The first registry is behind a proxy that sends searches here, with a host of its own. The second
one is found only by a search at the service's own host.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.nginx import Nginx
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.sample_images import DESCRIPTION
from tests.end_to_end.service import Service
from tests.programs import NeedsProgram
from tests.push import Push, push_many

SETTINGS = """\
trusted_proxies = ["127.0.0.0/8"]
[[registry]]
name = "first"
url = "{first.url}"
registry_host = "{proxy.host}"
notifications = false
[[registry]]
name = "second"
url = "{second.url}"
notifications = false
"""


@dataclass(frozen=True, slots=True)
class Several:
    """A service of two registries, and the proxy at the first one's host."""

    service: Service
    proxy: Nginx
    second: RealRegistry


@pytest.fixture
def several(
    registry_program: str, needs_program: NeedsProgram, tmp_path: Path
) -> Iterator[Several]:
    """Give the service with all that was pushed before it started."""
    nginx = needs_program("nginx")
    registries = []
    with ExitStack() as stack:
        for name, repositories in (("first", ["team/web", "one"]), ("second", ["team/web", "two"])):
            folder = tmp_path / name
            folder.mkdir()
            registry = RealRegistry(folder, program=registry_program)
            stack.callback(registry.stop)
            registry.start()
            labels = {DESCRIPTION: f"Of the {name}"}
            pushes = [Push(each, image(seed=each, labels=labels), "1.0") for each in repositories]
            push_many(registry.url, pushes)
            registries.append(registry)
        first, second = registries
        service = Service(tmp_path, registry="second")
        stack.callback(service.close)
        proxy = stack.enter_context(
            Nginx(tmp_path, program=nginx, registry=first.url, search=service.url)
        )
        proxy.start({})
        config = tmp_path / "regsearch.toml"
        config.write_text(SETTINGS.format(first=first, second=second, proxy=proxy), "utf-8")
        service.configure(REGSEARCH_CONFIG=str(config))
        service.start()
        service.wait_until_complete()
        yield Several(service, proxy, second)


def test_docker_pulls_what_it_prints_at_a_registrys_own_host(
    several: Several, docker: Docker
) -> None:
    host = several.proxy.host
    rows = docker.search(host, "1.0")
    assert sorted((row.name, row.description) for row in rows) == [
        ("one", "Of the first"),
        ("team/web", "Of the first"),
    ]
    for row in rows:
        docker.pull(f"{host}/{row.name}:1.0")


def test_docker_pulls_what_it_prints_at_the_services_own_host(
    several: Several, docker: Docker
) -> None:
    rows = docker.search(several.service.host, "1.0")
    assert sorted((row.name, row.description) for row in rows) == sorted(
        [
            (f"{several.proxy.host}/one", "Of the first"),
            (f"{several.proxy.host}/team/web", "Of the first"),
            (f"{several.second.host}/team/web", "Of the second"),
            (f"{several.second.host}/two", "Of the second"),
        ]
    )
    for row in rows:
        docker.pull(f"{row.name}:1.0")


def test_podman_pulls_what_it_prints_at_a_registrys_own_host(
    several: Several, podman: Podman
) -> None:
    host = several.proxy.host
    rows = podman.search(host, "1.0")
    assert sorted((row.name, row.description) for row in rows) == [
        (f"{host}/one", "Of the first"),
        (f"{host}/team/web", "Of the first"),
    ]
    for row in rows:
        podman.pull(f"{row.name}:1.0")


def test_podman_reads_the_host_to_pull_from_at_the_services_own_host(
    several: Several, podman: Podman
) -> None:
    here = several.service.host
    rows = podman.search(here, "team/web")
    assert sorted((row.name, row.description) for row in rows) == sorted(
        (f"{here}/team/web", f"[{host}] Of the {name}")
        for host, name in ((several.proxy.host, "first"), (several.second.host, "second"))
    )
    for row in rows:
        host = row.description[1:].partition("]")[0]
        podman.pull(f"{host}{row.name.removeprefix(here)}:1.0")
