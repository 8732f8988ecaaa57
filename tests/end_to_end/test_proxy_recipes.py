"""The recipes for nginx and Caddy: registry and search at one name, for docker and podman."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
import yaml

from tests.certificates import Authority
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.recipes import CADDY, NGINX, RECIPES, REGISTRY, REGSEARCH, Recipe
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.programs import NeedsProgram
from tests.search_api.pages.html import read_html
from tests.search_api.pages.links import links_of

SETTINGS = """\
public_url = "{proxy.url}{path}"
trusted_proxies = ["127.0.0.1"]
[[registry]]
name = "main"
url = "{registry.url}"
registry_host = "{proxy.host}"
"""
PREFIX = "/regsearch/"


@dataclass(frozen=True, slots=True)
class Front:
    """A registry and a service behind a proxy, and a client that trusts it."""

    proxy: Recipe
    service: Service
    client: httpx2.Client
    prefix: str


@pytest.fixture(
    params=[
        (name, scheme, prefix)
        for name in (NGINX, CADDY)
        for scheme, prefix in (("https", "/"), ("http", "/"), ("https", PREFIX))
    ],
    ids=" ".join,
)
def front(
    request: pytest.FixtureRequest,
    registry_program: str,
    needs_program: NeedsProgram,
    skopeo: Skopeo,
    tmp_path: Path,
) -> Iterator[Front]:
    """Give all of it, with an image that was pushed through the proxy and is found."""
    name, scheme, prefix = request.param
    program, authority = needs_program(name), Authority(tmp_path)
    service = Service(tmp_path, registry="main")
    registry = RealRegistry(tmp_path, program=registry_program, receiver=service.receiver)
    with ExitStack() as stack:
        stack.callback(service.close)
        stack.callback(registry.stop)
        registry.start()
        proxy = Recipe(
            tmp_path,
            name=name,
            program=program,
            registry=registry.host,
            regsearch=service.host,
            certificate=authority.issue("proxy") if scheme == "https" else None,
            prefix=prefix,
        )
        stack.enter_context(proxy)
        config = tmp_path / "regsearch.toml"
        path = prefix.rstrip("/")
        config.write_text(SETTINGS.format(proxy=proxy, registry=registry, path=path), "utf-8")
        service.configure(REGSEARCH_CONFIG=str(config))
        service.start()
        service.wait_until_complete()
        skopeo.push("webapp-1", proxy, "team/webapp:1.0")
        service.wait_until_found("webapp")
        trusting = create_default_context(cafile=str(authority.file))
        client = httpx2.Client(
            base_url=proxy.url,
            headers={"Accept": "text/html,*/*;q=0.8"},
            verify=trusting,
            trust_env=False,
            timeout=20,
        )
        yield Front(proxy, service, stack.enter_context(client), prefix)


def test_registry_and_search_at_one_name(
    front: Front, docker: Docker, podman: Podman, skopeo: Skopeo
) -> None:
    host = front.proxy.host
    assert [row.name for row in docker.search(host, "webapp")] == ["team/webapp"]
    docker.pull(f"{host}/team/webapp:1.0")
    assert [row.name for row in podman.search(host, "webapp")] == [f"{host}/team/webapp"]
    podman.pull(f"{host}/team/webapp:1.0")
    seen = _links_below(front)
    assert {f"{front.prefix}{page}" for page in ("status", "help", "changes")} <= seen
    assert f"{front.prefix}api/v1/openapi.json" in seen
    _assert_changes_come(front, skopeo)


def _links_below(front: Front) -> set[str]:
    """Follow all links of pages and answers from the first page; return the paths that were read.

    None leads out of the prefix, and each answers 200.
    """
    waiting, seen = [front.prefix, f"{front.prefix}api/v1/search?q=webapp"], set[str]()
    while waiting:
        address = waiting.pop()
        path = address.partition("?")[0]
        if path in seen:
            continue
        seen.add(path)
        answer = front.client.get(address, follow_redirects=False)
        assert answer.status_code in {200, 302, 303, 307}, f"{address}: {answer.status_code}"
        for link in _links(answer):
            target = urlsplit(urljoin(f"{front.proxy.url}{address}", link))
            if target.netloc == front.proxy.host:
                assert target.path.startswith(front.prefix), f"{address} leads to {link}"
                waiting.append(target._replace(scheme="", netloc="", fragment="").geturl())
    return seen


def _links(answer: httpx2.Response) -> list[str]:
    links = [one["url"] for one in answer.links.values()]
    links += [answer.headers["location"]] if "location" in answer.headers else []
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        page = read_html(answer.text)
        links += links_of(page)
        links += [one["src"] for one in (*page.all("script"), *page.all("img")) if one["src"]]
    elif kind.startswith("application/json") and "openapi" not in answer.url.path:
        links += _addresses(answer.json())
    return links


def _addresses(value: Any) -> Iterator[str]:
    """Yield what stands in the ``links`` of an answer, at any depth."""
    if isinstance(value, dict):
        yield from (each for each in (value.get("links") or {}).values() if isinstance(each, str))
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _addresses(child)


def _assert_changes_come(front: Front, skopeo: Skopeo) -> None:
    """Push while the stream of changes is open; it must tell of it before it ends."""
    with front.client.stream("GET", f"{front.prefix}api/v1/changes/stream") as stream:
        lines = stream.iter_lines()
        skopeo.push("webapp-2", front.proxy, "team/webapp:2.0")
        assert any("webapp" in line and "2.0" in line for line in lines)


def test_traefik_names_the_same_addresses() -> None:
    recipe = yaml.safe_load((RECIPES / "traefik.yaml").read_text("utf-8"))["http"]
    servers = {
        name: [server["url"] for server in service["loadBalancer"]["servers"]]
        for name, service in recipe["services"].items()
    }
    assert servers == {"registry": [f"http://{REGISTRY}"], "regsearch": [f"http://{REGSEARCH}"]}
    rules = {router["service"]: router["rule"] for router in recipe["routers"].values()}
    assert "PathPrefix(`/v2/`)" in rules["registry"]
    assert "PathPrefix" not in rules["regsearch"]
