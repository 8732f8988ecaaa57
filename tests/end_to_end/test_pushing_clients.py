"""What crane and Helm push is found, in both versions of the registry."""

from collections.abc import Iterator

import pytest

from tests.builders import image, index
from tests.end_to_end.crane_client import Crane
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.event_listener import EventListener
from tests.end_to_end.helm_client import Helm
from tests.end_to_end.versions import on, on_both

WEB = image(seed="crane", labels={"team": "harbour"})
MULTI = index([image(seed="crane", architecture=name) for name in ("amd64", "arm64")])


@on_both
def test_what_crane_pushes_is_found_by_docker_search(
    shared: Deployment, crane: Crane, docker: Docker
) -> None:
    service = shared.service
    crane.push(WEB, shared.registry, "crane/web:1.0")
    service.wait_until_found("repo:crane/web tag:1.0")
    found = service.image("label:team=harbour repo:crane/web")
    assert found.digest == WEB.digest
    assert found.tags == {"1.0"}
    assert [row.repository for row in docker.search(service.host, "crane web")] == ["crane/web"]


@on_both
def test_what_crane_tags_and_copies_is_found_at_all_its_places(
    shared: Deployment, crane: Crane
) -> None:
    service, registry = shared.service, shared.registry
    crane.push(MULTI, registry, "crane/multi:1.0")
    crane.tag(registry, "crane/multi:1.0", "stable")
    crane.copy(registry, "crane/multi:stable", "mirror/deep/multi:2")
    # Tags that come one soon after the other may be read in any order.
    tags = ("repo:crane/multi tag:1.0", "repo:crane/multi tag:stable")
    service.wait_until_found(*tags, "repo:mirror/deep/multi tag:2")
    places = {found.repository: found.tags for found in service.everything(MULTI.digest)}
    assert places == {"crane/multi": {"1.0", "stable"}, "mirror/deep/multi": {"2"}}
    assert service.finds("repo:mirror/deep/multi arch:arm64")


@on("3.1")
def test_a_tag_that_crane_deletes_is_gone_and_its_image_keeps_the_other(
    shared: Deployment, crane: Crane
) -> None:
    service, registry = shared.service, shared.registry
    crane.push(WEB, registry, "crane/deleted:1.0")
    crane.tag(registry, "crane/deleted:1.0", "latest")
    service.wait_until_found("repo:crane/deleted tag:1.0", "repo:crane/deleted tag:latest")
    crane.delete(registry, "crane/deleted:latest")
    service.wait_until_gone("repo:crane/deleted tag:latest")
    assert service.image("repo:crane/deleted").tags == {"1.0"}


@on_both
def test_a_chart_that_helm_pushes_is_found_once(shared: Deployment, helm: Helm) -> None:
    service, of = shared.service, "repo:charts/ferry"
    helm.push(
        shared.registry, "charts", name="ferry", version="2.3.1", description="Carries lorries"
    )
    service.wait_until_found(f"{of} tag:2.3.1")
    service.wait_until_idle()
    found = service.image("lorries")
    assert found.tags == {"2.3.1"}
    assert (found.repository, found.kind) == ("charts/ferry", "helm-chart")
    assert service.search(of).total == 1
    assert service.misses(f"{of} is:untagged")
    assert [row.description for row in service.docker_rows("ferry")] == ["Carries lorries"]


@on_both
def test_a_chart_whose_version_is_no_tag_is_found_by_the_tag_that_helm_makes_of_it(
    shared: Deployment, helm: Helm
) -> None:
    helm.push(
        shared.registry, "charts", name="barge", version="1.0.0+build.7", description="Carries ore"
    )
    shared.service.wait_until_found("repo:charts/barge tag:1.0.0_build.7")


@pytest.fixture
def heard(deployment: Deployment) -> Iterator[EventListener]:
    """Give what the registry of the deployment tells, in the place of its service."""
    with EventListener() as listener:
        deployment.registry.receiver = listener.receiver
        deployment.registry.start()
        yield listener


@on_both
def test_helm_pushes_the_manifest_twice_first_by_its_digest(
    deployment: Deployment, heard: EventListener, helm: Helm
) -> None:
    """So the first event is about a manifest that has no tag yet."""
    helm.push(deployment.registry, "charts", name="ferry", version="2.3.1", description="Carries")
    heard.wait_for("push", "charts/ferry", "2.3.1")
    assert [event["action"] for event in heard.events] == ["push", "push"]
    first, second = heard.events
    assert first["target"]["digest"] == second["target"]["digest"]
    assert (first["target"].get("tag"), second["target"].get("tag")) == (None, "2.3.1")
