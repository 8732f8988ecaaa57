"""What is attached to an image in a real registry: by oras, and as cosign and BuildKit push it."""

from typing import Any

import httpx2

from tests.attachments import NOTATION, SPDX, attested, cosign_signature, list_tag
from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.oras_client import Oras
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both
from tests.push import push

A, ARM = image(seed="attached"), image(seed="attached", architecture="arm64")


def attachments(deployment: Deployment, query: str) -> dict[str, str]:
    """Return what the only image that a query finds shows as attached: digests by kind."""
    [found] = deployment.service.get("/api/v1/search", q=query, type="image").json()["results"]
    listed: list[dict[str, Any]] = found["attachments"]
    return {one["kind"]: one["digest"] for one in listed}


def delete(deployment: Deployment, repository: str, digest: str) -> None:
    url = f"{deployment.registry.url}/v2/{repository}/manifests/{digest}"
    assert httpx2.delete(url, timeout=30, trust_env=False).status_code == 202


@on_both
def test_what_oras_attaches_is_found_by_its_subject_until_it_is_deleted(
    shared: Deployment, oras: Oras, skopeo: Skopeo
) -> None:
    service, registry, repository = shared.service, shared.registry, "attached/oras"
    skopeo.push("webapp-1", registry, f"{repository}:1.0")
    skopeo.push("webapp-2", registry, f"{repository}:2.0")
    for artifact_type in (SPDX, NOTATION):
        oras.attach(registry, f"{repository}:1.0", artifact_type=artifact_type, content="{}")
    of = f"repo:{repository}"
    service.wait_until_found(f"{of} is:signed", f"{of} has:sbom:spdx")
    assert service.image(f"{of} is:signed").tags == {"1.0"}
    found = attachments(shared, f"{of} is:signed has:sbom")
    assert set(found) == {"signature", "sbom"}
    assert service.search(of, "repository").total == 1
    assert service.misses(f"{of} is:attachment")
    delete(shared, repository, found["signature"])
    service.wait_until_gone(f"{of} is:signed")
    assert service.image(f"{of} has:sbom").tags == {"1.0"}
    service.backfill()
    assert service.misses(f"{of} is:signed")


@on_both
def test_what_was_attached_and_deleted_while_nobody_told_is_found_by_a_crawl(
    running: Deployment, oras: Oras, skopeo: Skopeo
) -> None:
    service, registry = running.service, running.registry
    registry.receiver = None
    registry.restart()
    skopeo.push("webapp-1", registry, "quiet/app:1.0")
    oras.attach(registry, "quiet/app:1.0", artifact_type=NOTATION, content="{}")
    service.backfill()
    found = attachments(running, "is:signed")
    before = service.requests_made()
    service.backfill()
    # The support check aside: the catalog, the list of tags, both tags, the attachment.
    assert service.requests_made() - before <= 6
    delete(running, "quiet/app", found["signature"])
    service.backfill()
    assert service.misses("is:signed")
    assert service.finds("repo:quiet/app")


@on_both
def test_cosign_s_tags_and_what_buildkit_builds(shared: Deployment) -> None:
    service, url, repository = shared.service, shared.registry.url, "attached/others"
    multi = attested(A, ARM)
    push(url, repository, multi, "1.0")
    push(url, repository, cosign_signature(), f"{list_tag(multi)}.sig")
    of = f"repo:{repository}"
    service.wait_until_found(f"{of} is:signed", f"{of} has:provenance")
    found = service.image(f"{of} is:signed is:multiarch has:sbom:spdx has:provenance")
    assert found.tags == {"1.0"}
    assert found.platforms == {"linux/amd64", "linux/arm64"}
    [listed] = service.search(of, "repository").results
    assert listed.repository == repository
    delete(shared, repository, cosign_signature().digest)
    service.wait_until_gone(f"{of} is:signed")
    assert service.finds(f"{of} has:provenance")


@on_both
def test_an_image_that_lost_its_tag_is_found_on_request(shared: Deployment, skopeo: Skopeo) -> None:
    service, registry, of = shared.service, shared.registry, "repo:attached/moved"
    skopeo.push("webapp-1", registry, "attached/moved:latest")
    service.wait_until_found(of)
    before = service.image(of)
    skopeo.push("webapp-2", registry, "attached/moved:latest")
    service.wait_until_found(f"{of} is:untagged")
    lost = service.image(f"{of} is:untagged tag:latest")
    assert lost.digest == before.digest
    assert not lost.tags
    assert service.image(of).digest != before.digest
    delete(shared, "attached/moved", before.digest)
    service.wait_until_gone(f"{of} is:untagged")
