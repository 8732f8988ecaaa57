"""A real registry whose catalog is not there: it answers, and says 404 for the list alone."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.nginx import Nginx
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.service import Service
from tests.programs import NeedsProgram
from tests.push import push

SAID = "no catalog: only what notifications name is known"


@dataclass(frozen=True, slots=True)
class Pair:
    """A registry behind a proxy that hides its catalog, and a service that knows the proxy."""

    registry: RealRegistry
    service: Service
    proxy: Nginx

    def configure(self, *lines: str) -> None:
        file = self.service.data.parent / "regsearch.toml"
        file.write_text("\n".join(["[[registry]]", f'url = "{self.proxy.url}"', *lines]))
        self.service.configure(REGSEARCH_CONFIG=str(file))


@pytest.fixture
def pair(registry_program: str, needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Pair]:
    """Give both running, with one image, but for the service."""
    program = needs_program("nginx")
    with ExitStack() as stack:
        service = Service(tmp_path)
        stack.callback(service.close)
        registry = RealRegistry(tmp_path, program=registry_program)
        stack.callback(registry.stop)
        registry.start()
        push(registry.url, "team/old", image(seed="old"), "1.0")
        registry.receiver = service.receiver
        registry.restart()
        proxy = stack.enter_context(Nginx(tmp_path, program=program, registry=registry.url))
        proxy.start({}, missing=["/v2/_catalog"])
        yield Pair(registry, service, proxy)


def test_without_a_catalog_what_notifications_name_is_known_and_that_is_said(pair: Pair) -> None:
    pair.configure()
    pair.service.start()
    pair.service.wait_until(
        lambda: SAID in pair.service.freshness().behind, 20, "the freshness says it"
    )
    # The crawl may be on its way when the first search is answered.
    pair.service.wait_until(
        lambda: not pair.service.freshness().first_backfill_running, 20, "the first crawl is over"
    )
    state = pair.service.get("/api/v1/search", q="").json()["freshness"]["registries"]["default"]
    assert [one["code"] for one in state["reasons"]] == ["NO_CATALOG"]
    assert (state["error"], state["first_backfill_running"]) == (None, False)
    assert f"behind: {SAID}" in pair.service.command("status").stdout
    push(pair.registry.url, "team/new", image(seed="new"), "1.0")
    pair.service.wait_until_found("team/new")
    ended = pair.service.command("backfill")
    assert ended.returncode == 0
    assert SAID in ended.stdout + ended.stderr
    assert [row.repository for row in pair.service.docker_rows("team")] == ["team/new"]
    text = pair.service.log_text()
    assert "event=no_catalog" in text
    assert "refresh_postponed" not in text


def test_chosen_repositories_are_read_instead(pair: Pair) -> None:
    pair.configure('repositories = ["team/old"]', "notifications = false")
    pair.service.start()
    pair.service.wait_until_found("team/old")
    pair.service.wait_until_complete()
    ended = pair.service.command("backfill")
    assert ended.returncode == 0
    assert SAID not in ended.stdout + ended.stderr
