"""A real nginx signs users in and says who they are; rules say what they see."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.builders import image
from tests.end_to_end.nginx import Nginx
from tests.end_to_end.service import Service
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.programs import NeedsProgram

SETTINGS = """\
trusted_proxies = ["127.0.0.0/8"]
[access]
operators = ["user:root"]
user_header = "X-Forwarded-User"
groups_header = "X-Forwarded-Groups"
[[registry]]
name = "main"
url = "{url}"
notifications = false
access = "rules"
[[registry.rule]]
repositories = ["open/*"]
users = ["*"]
[[registry.rule]]
repositories = ["team/*"]
users = ["alice"]
groups = ["payments"]
"""


@pytest.fixture
def nginx(needs_program: NeedsProgram, tmp_path: Path) -> Iterator[tuple[Nginx, Service]]:
    """Give nginx in front of a service that has read a registry."""
    program = needs_program("nginx")
    registry = FakeRegistry()
    for name in ("open/one", "team/web", "secret/one"):
        registry.put(name, image(seed=name), tag="1.0")
    users = tmp_path / "users"
    users.write_text("".join(f"{name}:{{PLAIN}}p-{name}\n" for name in ("alice", "bob", "root")))
    with ExitStack() as stack:
        url = stack.enter_context(serving(registry.app))
        service = Service(tmp_path, registry="main")
        stack.callback(service.close)
        (tmp_path / "regsearch.toml").write_text(SETTINGS.format(url=url))
        service.configure(REGSEARCH_CONFIG=str(tmp_path / "regsearch.toml"))
        service.start()
        proxy = stack.enter_context(
            Nginx(tmp_path, program=program, registry=service.url, users=users)
        )
        proxy.start({})
        yield proxy, service


def seen(proxy: Nginx, user: str, headers: dict[str, str] | None = None) -> set[str]:
    """Return the repositories that a user finds through the proxy."""
    response = httpx2.get(
        f"{proxy.url}/api/v1/search",
        auth=(user, f"p-{user}"),
        headers=headers or {},
        timeout=30,
        trust_env=False,
    )
    assert response.status_code == 200, response.text
    return {one["repository"] for one in response.json()["results"]}


def test_users_of_the_proxy_see_what_the_rules_give_them(nginx: tuple[Nginx, Service]) -> None:
    proxy, service = nginx
    everything = {"open/one", "team/web", "secret/one"}
    service.wait_until(lambda: seen(proxy, "root") == everything, 30, "everything is read")
    assert seen(proxy, "alice") == {"open/one", "team/web"}
    assert seen(proxy, "bob") == {"open/one"}
    # What a client says of itself is replaced by the proxy.
    made_up = {"X-Forwarded-User": "root", "X-Forwarded-Groups": "payments"}
    assert seen(proxy, "bob", made_up) == {"open/one"}
    wrong = httpx2.get(f"{proxy.url}/api/v1/search", auth=("bob", "x"), timeout=30, trust_env=False)
    assert wrong.status_code == 401
    # The proxy is no program of this machine that asks for itself.
    for user, status in (("bob", 403), ("root", 200)):
        auth = (user, f"p-{user}")
        answer = httpx2.get(f"{proxy.url}/metrics", auth=auth, timeout=30, trust_env=False)
        assert answer.status_code == status
    log = service.log_text()
    assert "event=registry_access" in log
