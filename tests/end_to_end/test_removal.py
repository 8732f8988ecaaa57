"""What the registry no longer has is no longer found."""

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.skopeo_client import Skopeo


def test_deleting_a_digest_takes_every_tag_of_it_out_of_the_search(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    for tag in ("1.0", "1", "latest"):
        skopeo.push("webapp-1", registry, f"deleted/digest:{tag}")
    skopeo.push("webapp-2", registry, "deleted/digest:2.0")
    service.wait_until_found(*(f"repo:deleted/digest tag:{tag}" for tag in ("latest", "2.0")))
    skopeo.delete(registry, "deleted/digest:1")
    service.wait_until_gone(*(f"repo:deleted/digest tag:{tag}" for tag in ("1.0", "1", "latest")))
    image = service.image("repo:deleted/digest")
    assert image.tags == {"2.0"}


def test_deleting_the_last_image_takes_the_repository_out_of_docker_search(
    shared: Deployment, skopeo: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo.push("webapp-1", registry, "deleted/emptied:1.0")
    service.wait_until(lambda: service.lists("deleted/emptied"), 10, "it is listed")
    skopeo.delete(registry, "deleted/emptied:1.0")
    service.wait_until(lambda: not service.lists("deleted/emptied"), 10, "it is not listed")


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
