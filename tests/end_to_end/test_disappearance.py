"""A registry that is suddenly empty removes nothing from the search until an operator agrees."""

import json

import pytest

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.sample_images import numbered_name
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both

REPOSITORIES = {f"disk/{numbered_name(number)}" for number in range(6)}


@on_both
def test_an_empty_disk_removes_nothing_until_it_is_accepted(
    running: Deployment, skopeo: Skopeo
) -> None:
    service, registry = running.service, running.registry
    _fill(running, skopeo)
    registry.restart_on_an_empty_disk()
    _check_held_back(service)
    listed = json.loads(service.command("reconcile", "--json").stdout)["held_back"]
    assert {held["repository"] for held in listed if held["lost"]} == REPOSITORIES
    skopeo.push("webapp-1", registry, "disk/pushed-since:1.0")
    service.wait_until_found("repo:disk/pushed-since")
    ended = service.command("reconcile", "--accept")
    assert ended.returncode == 0, ended.stderr
    assert "6 repositories hidden" in ended.stderr
    assert _found(service) == {"disk/pushed-since"}
    assert not service.lists("disk/numbered-00")
    service.wait_until(lambda: not service.freshness().held_back, 20, "nothing is held back")
    service.backfill()


@pytest.mark.thorough
@on_both
def test_a_disk_that_is_back_leaves_everything_as_it_was(
    running: Deployment, skopeo: Skopeo
) -> None:
    service, registry = running.service, running.registry
    _fill(running, skopeo)
    registry.restart_on_an_empty_disk()
    _check_held_back(service)
    service.kill_child("indexer")
    registry.restart_on_its_own_disk()
    service.backfill()
    assert _found(service) == REPOSITORIES
    assert service.freshness().held_back == 0
    assert service.command("reconcile").stdout == "nothing is held back\n"


def _fill(deployment: Deployment, skopeo: Skopeo) -> None:
    for repository in REPOSITORIES:
        skopeo.push(repository.rpartition("/")[2], deployment.registry, f"{repository}:1.0")
    deployment.service.wait_until(
        lambda: _found(deployment.service) == REPOSITORIES, 60, "all is found"
    )


def _check_held_back(service: Service) -> None:
    """Crawl everything: searches still find it, and every report names the problem."""
    ended = service.command("backfill")
    assert ended.returncode == 1
    assert "6 repositories disappeared at once" in ended.stderr
    assert _found(service) == REPOSITORIES
    assert service.lists("disk/numbered-00")
    assert service.freshness().held_back == 6
    assert "held back: 6 repositories" in service.command("status").stdout
    assert "regsearch reconcile --accept default" in service.log_text()


def _found(service: Service) -> set[str]:
    return {image.repository for image in service.everything("repo:disk/*")}
