"""Pulls of real clients are counted, if the settings say so, and shown in results."""

from pathlib import Path

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both


@on_both
def test_downloads_are_counted_and_what_we_read_is_not(
    deployment: Deployment, skopeo: Skopeo, tmp_path: Path
) -> None:
    deployment.count_pulls()
    deployment.start()
    service, registry = deployment.service, deployment.registry
    skopeo.push("webapp-1", registry, "pulled/web:1.0")
    skopeo.push("multi", registry, "pulled/multi:1.0", all_platforms=True)
    service.wait_until_found("repo:pulled/web", "repo:pulled/multi")
    for number in range(3):
        skopeo.pull(registry, "pulled/web:1.0", tmp_path / f"web-{number}")
    for number in range(2):
        skopeo.pull(registry, "pulled/multi:1.0", tmp_path / f"one-{number}")
    skopeo.pull(registry, "pulled/multi:1.0", tmp_path / "all", all_platforms=True)
    service.backfill()
    # What is counted is moved into the store each minute, and when an indexer starts.
    service.kill_child("indexer")
    counts = {"pulled/web": 3, "pulled/multi": 3}
    # The registry may tell of the last ones after that; they are counted a minute later. Images
    # come after their repositories.
    service.wait_until(lambda: _pulls(deployment, "image") == counts, 120, "it is counted")
    assert _pulls(deployment, "repository") == counts
    service.kill_child("web")
    service.kill_child("indexer")
    service.wait_until(service.is_ready, 60, "it answers again")
    service.wait_until_idle()
    assert _pulls(deployment, "repository") == counts


def _pulls(deployment: Deployment, kind: str) -> dict[str, int]:
    """Return the pulls by repository, as the search says."""
    results = deployment.service.search("repo:pulled/*", kind).results
    return {found.repository: found.pulls for found in results}
