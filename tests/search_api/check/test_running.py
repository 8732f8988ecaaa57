"""What is said of a service that runs and is as it should be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.programs import NeedsProgram
from tests.push import push
from tests.search_api.check.stage import Checked, parse_checked


@pytest.fixture
def deployment(needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Deployment]:
    """Give a registry and a service of the test's own, not started."""
    with Deployment(tmp_path, program=needs_program("docker-registry")) as own:
        yield own


@pytest.fixture
def running(deployment: Deployment) -> Deployment:
    """Give both, running, with an image that the registry told of."""
    start(deployment)
    push(deployment.registry.url, "team/web", image(seed="first"), "1.0")
    deployment.service.wait_until_found("team/web:1.0", seconds=60)
    return deployment


def start(deployment: Deployment) -> None:
    deployment.registry.start()
    deployment.service.start(90)
    deployment.service.wait_until_idle(60)


def check(deployment: Deployment, *words: str) -> Checked:
    """Run the command beside the service."""
    service = deployment.service
    # Refusals are counted once a second.
    ended = service.command("check", "--json", *words, seconds=90)
    assert ended.stdout.startswith("{"), ended.stdout + ended.stderr
    return parse_checked(ended.returncode, json.loads(ended.stdout), ended.stdout)


def test_all_is_well(running: Deployment) -> None:
    checked = check(running)
    assert (checked.status, checked.not_ok) == (0, []), checked.text
    said = {(one.area, one.thing) for one in checked.found}
    assert said >= {
        ("settings", "all"),
        ("data directory", "writing"),
        ("data directory", "free space"),
        ("service", "version"),
        ("service", "readiness"),
        ("service", "notification of default"),
        ("service", "indexer"),
        ("registry default", "address"),
        ("registry default", "clock"),
        ("registry default", "credentials"),
        ("registry default", "catalog"),
        ("registry default", "tags"),
        ("registry default", "rights"),
        ("registry default", "referrers"),
        ("registry default", "notifications"),
        ("registry default", "content"),
    }
