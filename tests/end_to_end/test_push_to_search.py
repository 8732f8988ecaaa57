"""From a real push to a real search."""

import time
from collections.abc import Callable
from functools import partial

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.measures import percentile, spread
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.sample_images import NUMBERED, numbered_name, sample_images
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both
from tests.end_to_end.waiting import wait_until

PROMISED_SECONDS = 2
EVERY_TENTH = 10


@on_both
def test_fifty_pushes_are_each_found_by_docker_and_podman_search_in_under_two_seconds(
    shared: Deployment,
    skopeo: Skopeo,
    docker: Docker,
    podman: Podman,
    figure: Callable[[str], None],
) -> None:
    service = shared.service
    delays, docker_delays, podman_delays = list[float](), list[float](), list[float]()
    for number in range(NUMBERED):
        name = f"latency/{numbered_name(number)}"
        skopeo.push(numbered_name(number), shared.registry, f"{name}:1.0")
        pushed = time.monotonic()
        visible = partial(service.lists, name)
        delays.append(service.wait_until(visible, 30, f"{name} is listed", every=0.02))
        # Each at pushes of its own, or the one would wait for the other.
        for delays_of_one, finds, remainder in (
            (docker_delays, partial(_docker_finds, docker), 0),
            (podman_delays, partial(_podman_finds, podman), EVERY_TENTH // 2),
        ):
            if number % EVERY_TENTH == remainder:
                wait_until(partial(finds, service.host, name), 30, name)
                delays_of_one.append(time.monotonic() - pushed)
    figure(f"push to being listed by /v1/search {spread(delays)} ({len(delays)} pushes)")
    for name, of_one in (("docker", docker_delays), ("podman", podman_delays)):
        figure(f"push to found by {name} search {spread(of_one)} ({len(of_one)} of them)")
    for promised in (delays, docker_delays, podman_delays):
        assert percentile(promised, 95) < PROMISED_SECONDS


def _docker_finds(docker: Docker, host: str, name: str) -> bool:
    return name in {row.repository for row in docker.search(host, name)}


def _podman_finds(podman: Podman, host: str, name: str) -> bool:
    return f"{host}/{name}" in {row.name for row in podman.search(host, name)}


@on_both
def test_a_second_tag_of_the_same_image_appears_beside_the_first(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "two/tags:1.0")
    service.wait_until_found("repo:two/tags tag:1.0")
    skopeo.push("webapp-1", registry, "two/tags:stable")
    service.wait_until_found("repo:two/tags tag:stable")
    image = service.image("repo:two/tags")
    assert image.tags == {"1.0", "stable"}
    assert image.digest == skopeo.digest(registry, "two/tags:stable")
    assert image.labels == {"team": "payments", "release": "1"}


@on_both
def test_a_moved_tag_leaves_its_old_image_and_is_found_at_the_new_one(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "moving/tag:1.0")
    skopeo.push("webapp-1", registry, "moving/tag:latest")
    # Tags that come one soon after the other may be read in any order.
    before = ("repo:moving/tag tag:1.0", "repo:moving/tag tag:latest label:release=1")
    service.wait_until_found(*before)
    skopeo.push("webapp-2", registry, "moving/tag:latest")
    service.wait_until_found("repo:moving/tag tag:latest label:release=2")
    images = {image.digest: image.tags for image in service.everything("repo:moving/tag")}
    built = sample_images()
    assert images == {built["webapp-1"].digest: {"1.0"}, built["webapp-2"].digest: {"latest"}}


@on_both
def test_a_multi_platform_index_is_found_by_each_of_its_architectures(
    shared: Deployment, skopeo: Skopeo, docker: Docker
) -> None:
    service = shared.service
    skopeo.push("multi", shared.registry, "team/multi:1.0", all_platforms=True)
    service.wait_until_found("repo:team/multi arch:arm64", "repo:team/multi arch:amd64")
    assert service.misses("repo:team/multi arch:s390x")
    (repository,) = service.search("repo:team/multi arch:arm64", "repository").results
    assert {"linux/amd64", "linux/arm64"} <= repository.platforms
    rows = docker.search(service.host, "arch:arm64 multi")
    assert [row.repository for row in rows] == ["team/multi"]
