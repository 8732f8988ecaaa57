"""What the registry no longer has is no longer found."""

import httpx2

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.sample_images import sample_images
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on, on_both


@on_both
def test_deleting_a_digest_takes_every_tag_of_it_out_of_the_search(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    for tag in ("1.0", "1", "latest"):
        skopeo.push("webapp-1", registry, f"deleted/digest:{tag}")
    skopeo.push("webapp-2", registry, "deleted/digest:2.0")
    service.wait_until_found(
        *(f"repo:deleted/digest tag:{tag}" for tag in ("1.0", "1", "latest", "2.0"))
    )
    skopeo.delete(registry, "deleted/digest:1")
    service.wait_until_gone(*(f"repo:deleted/digest tag:{tag}" for tag in ("1.0", "1", "latest")))
    image = service.image("repo:deleted/digest")
    assert image.tags == {"2.0"}


@on_both
def test_deleting_the_last_image_takes_the_repository_out_of_docker_search(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "deleted/emptied:1.0")
    service.wait_until(lambda: service.lists("deleted/emptied"), 10, "it is listed")
    skopeo.delete(registry, "deleted/emptied:1.0")
    service.wait_until(lambda: not service.lists("deleted/emptied"), 10, "it is not listed")


@on_both
def test_a_repository_removed_from_the_registrys_disk_is_gone_after_the_next_crawl(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "removed/folder:1.0")
    skopeo.push("webapp-1", registry, "removed/beside:1.0")
    service.wait_until_found("repo:removed/folder", "repo:removed/beside")
    registry.remove_repository_folder("removed/folder")
    service.backfill()
    assert service.misses("repo:removed/folder")
    assert not service.lists("removed/folder")
    assert service.lists("removed/beside")


@on("3.1")
def test_deleting_a_tag_leaves_its_image_with_the_other_tags(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    for tag in ("1.0", "latest"):
        skopeo.push("webapp-1", registry, f"deleted/tag:{tag}")
    service.wait_until_found("repo:deleted/tag tag:1.0", "repo:deleted/tag tag:latest")
    assert _delete_tag(registry, "deleted/tag", "latest") == 202
    service.wait_until_gone("repo:deleted/tag tag:latest")
    assert service.image("repo:deleted/tag").tags == {"1.0"}


@on("3.1")
def test_deleting_the_last_tag_of_an_image_leaves_it_to_be_found_as_untagged(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry, of = shared.service, shared.registry, "repo:deleted/last-tag"
    skopeo.push("webapp-1", registry, "deleted/last-tag:1.0")
    service.wait_until_found(of)
    assert _delete_tag(registry, "deleted/last-tag", "1.0") == 202
    service.wait_until_gone(of)
    service.wait_until_found(f"{of} is:untagged")
    assert not service.lists("deleted/last-tag")
    service.backfill()
    lost = service.image(f"{of} is:untagged tag:1.0")
    assert lost.digest == sample_images()["webapp-1"].digest
    assert service.misses(of)


@on("3.1")
def test_a_tag_that_is_deleted_and_pushed_again_is_found_at_its_new_image(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry, of = shared.service, shared.registry, "repo:deleted/again"
    skopeo.push("webapp-1", registry, "deleted/again:1.0")
    service.wait_until_found(f"{of} label:release=1")
    assert _delete_tag(registry, "deleted/again", "1.0") == 202
    skopeo.push("webapp-2", registry, "deleted/again:1.0")
    service.wait_until_found(f"{of} tag:1.0 label:release=2")
    service.wait_until_gone(f"{of} label:release=1")
    service.backfill()
    assert service.image(of).tags == {"1.0"}


@on("3.1")
def test_a_tag_deleted_while_nobody_told_is_gone_after_the_next_crawl(
    running: Deployment, skopeo: Skopeo
) -> None:
    service, registry = running.service, running.registry
    for tag in ("1.0", "latest"):
        skopeo.push("webapp-1", registry, f"quiet/tag:{tag}")
    service.wait_until_found("repo:quiet/tag tag:1.0", "repo:quiet/tag tag:latest")
    registry.receiver = None
    registry.restart()
    assert _delete_tag(registry, "quiet/tag", "latest") == 202
    service.backfill()
    assert service.image("repo:quiet/tag").tags == {"1.0"}


@on("2.8")
def test_a_tag_that_the_registry_refuses_to_delete_is_still_found(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "deleted/refused:1.0")
    service.wait_until_found("repo:deleted/refused tag:1.0")
    assert _delete_tag(registry, "deleted/refused", "1.0") == 400
    service.backfill()
    assert service.image("repo:deleted/refused").tags == {"1.0"}


def _delete_tag(registry: RealRegistry, repository: str, tag: str) -> int:
    url = f"{registry.url}/v2/{repository}/manifests/{tag}"
    return httpx2.delete(url, timeout=30, trust_env=False).status_code
