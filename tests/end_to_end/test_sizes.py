"""What the tags of a repository take in the real registry, and what ``regsearch show`` says."""

from pathlib import Path

import pytest

from tests.builders import BuiltManifest, image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.layouts import write_layout
from tests.end_to_end.oras_client import Oras
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both
from tests.programs import NeedsProgram

OCI = "org.opencontainers.image"
TEXTS = {f"{OCI}.title": "The shop", f"{OCI}.description": "Sells things"}
BASE = image(seed="sizes base", layers=3, annotations=TEXTS)
APP = image(seed="sizes app", layers=1, base=BASE, annotations=TEXTS)
WEB = "sizes/web"


@pytest.fixture
def skopeo_of_sizes(needs_program: NeedsProgram, tmp_path: Path) -> Skopeo:
    needs_program("skopeo")
    write_layout(tmp_path / "sizes", {"base": BASE, "app": APP})
    return Skopeo(tmp_path / "sizes")


def bytes_of(*built: BuiltManifest) -> int:
    return sum(len(blob.body) for blob in {blob for one in built for blob in one.blobs})


def wait_for_size(deployment: Deployment, size: int) -> None:
    """Wait until the search and the resource say that the repository takes so much."""
    service = deployment.service

    def is_told() -> bool:
        found = service.get("/api/v1/search", q=f"repo:{WEB}").json()["results"]
        sizes = [one["size_bytes"] for one in found]
        path = f"/api/v1/repositories/{service.registry}/{WEB}"
        return sizes == [size] and service.get(path).json()["size_bytes"] == size

    service.wait_until(is_told, 20, f"{WEB} takes {size} bytes")


@on_both
def test_a_layer_that_two_tags_share_counts_once_and_a_delete_takes_the_rest_away(
    shared: Deployment, skopeo_of_sizes: Skopeo
) -> None:
    service, registry = shared.service, shared.registry
    skopeo_of_sizes.push("base", registry, f"{WEB}:1")
    wait_for_size(shared, bytes_of(BASE))
    skopeo_of_sizes.push("app", registry, f"{WEB}:2")
    wait_for_size(shared, bytes_of(BASE, APP))
    assert bytes_of(BASE, APP) < bytes_of(BASE) + bytes_of(APP)
    lines = service.command("show", WEB).stdout.splitlines()
    assert {"title: The shop", "description: Sells things"} <= set(lines)
    assert f"all tags: {bytes_of(BASE, APP) / 1_000:.1f} kB" in lines
    skopeo_of_sizes.delete(registry, f"{WEB}:2")
    wait_for_size(shared, bytes_of(BASE))


@on_both
def test_a_chart_is_shown_with_its_version(shared: Deployment, oras: Oras) -> None:
    oras.push_chart(
        shared.registry,
        "charts/sizes:3.2.1",
        name="sizes",
        version="3.2.1",
        description="Weighs parcels",
    )
    shared.service.wait_until_found("repo:charts/sizes")
    shown = shared.service.command("show", "charts/sizes:3.2.1").stdout.splitlines()
    assert "version: 3.2.1" in shown
