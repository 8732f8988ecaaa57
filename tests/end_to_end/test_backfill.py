"""What was in the registry before the service is found too."""

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.sample_images import numbered_name
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on, on_both
from tests.push import push

MANY = 1_001


@on_both
def test_images_that_were_there_before_the_service_are_found_after_the_backfill(
    deployment: Deployment, skopeo: Skopeo
) -> None:
    service, registry = deployment.service, deployment.registry
    _fill_before_the_service_knows(deployment, skopeo)
    service.start()
    service.backfill()
    images = service.everything("repo:old/*")
    assert {image.repository for image in images} == {f"old/{numbered_name(n)}" for n in range(5)}
    assert all(image.tags == {"1.0", "latest"} for image in images)
    skopeo.push("webapp-1", registry, "new/webapp:1.0")
    service.wait_until_found("repo:new/webapp tag:1.0")


@on_both
def test_images_of_a_registry_that_asks_for_a_password_are_found(
    password_deployment: Deployment, skopeo: Skopeo
) -> None:
    service, registry = password_deployment.service, password_deployment.registry
    _fill_before_the_service_knows(password_deployment, skopeo)
    service.start()
    service.backfill()
    assert service.lists("old/numbered-00")
    skopeo.push("webapp-1", registry, "new/webapp:1.0")
    service.wait_until_found("repo:new/webapp tag:1.0")
    assert service.image("repo:new/webapp").registry == "private"
    assert not service.freshness().error


@on_both
def test_a_wrong_password_is_named_in_the_freshness_and_nothing_is_found(
    password_deployment: Deployment, skopeo: Skopeo
) -> None:
    service = password_deployment.service
    _fill_before_the_service_knows(password_deployment, skopeo)
    password_deployment.set_credentials("alice", "not-the-password")
    service.start()
    service.wait_until(lambda: "401" in service.freshness().error, 20, "the error names the 401")
    answer = service.search("", "repository")
    assert not answer.results
    assert not answer.freshness.complete
    assert "not-the-password" not in service.log_text()


@pytest.mark.thorough
@on("3.1")
def test_more_repositories_and_tags_than_the_registry_lists_at_once_are_all_found(
    deployment: Deployment,
) -> None:
    """Distribution 3.1 gives the tags in pages as well as the catalog, 1,000 at most."""
    service, registry = deployment.service, deployment.registry
    registry.start()
    push(registry.url, "many/r0", image(seed="many", layers=1), "1.0")
    for number in range(1, MANY):
        registry.copy_repository_folder("many/r0", f"many/r{number}")
    for number in range(1, MANY):
        registry.copy_tag_folder("many/r0", "1.0", f"1.{number}")
    service.start()
    service.backfill(seconds=240)
    assert service.search("repo:many/r*", "repository").total == MANY
    assert service.image("repo:many/r0").tags == {f"1.{number}" for number in range(MANY)}


def _fill_before_the_service_knows(deployment: Deployment, skopeo: Skopeo) -> None:
    """Push a few images, and restart the registry so that it forgets to tell of them."""
    registry = deployment.registry
    registry.start()
    for number in range(5):
        for tag in ("1.0", "latest"):
            name = numbered_name(number)
            skopeo.push(name, registry, f"old/{name}:{tag}")
    registry.restart()
