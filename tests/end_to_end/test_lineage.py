"""A family of images in the real registry, pushed by the real skopeo, and who is built on whom."""

from pathlib import Path

import pytest

from tests.builders import BuiltManifest, image, index
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.layouts import write_layout
from tests.end_to_end.skopeo_client import Skopeo
from tests.lineage_builders import diff_ids, layer_digests, recompressed
from tests.programs import NeedsProgram

PLATFORMS = ("amd64", "arm64")
VERSION = "org.opencontainers.image.version"


def generation(seed: str, *below: BuiltManifest, **labels: str) -> BuiltManifest:
    """Return an index of both platforms, built on those of another."""
    bases = below[0].children if below else (None, None)
    named = {VERSION if key == "version" else key: value for key, value in labels.items()}
    return index(
        [
            image(seed=seed, layers=1, base=base, architecture=name, labels=named)
            for base, name in zip(bases, PLATFORMS, strict=True)
        ]
    )


BASE = generation("ground", version="22.04", kernel="oldstone")
MIDDLE = generation("walls", BASE, version="22.04", kernel="oldstone", team="masons")
LEAF = generation("roof", MIDDLE, version="1.7", kernel="oldstone")
NEWER = generation("new ground", version="24.04")
AGAIN = recompressed(MIDDLE.children[0], 0)
OTHER_LEAF = image(seed="tower", layers=1, base=AGAIN)
FAMILY = {"base": BASE, "middle": MIDDLE, "leaf": LEAF, "newer": NEWER}
SINGLE = {"again": AGAIN, "tower": OTHER_LEAF}


@pytest.fixture
def family(needs_program: NeedsProgram, shared: Deployment, tmp_path: Path) -> Skopeo:
    """Push the family; give skopeo with its layout."""
    needs_program("skopeo")
    write_layout(tmp_path / "family", {**FAMILY, **SINGLE})
    skopeo = Skopeo(tmp_path / "family")
    pushes = [("leaf", "kin/leaf:1"), ("leaf", "kin/copy:1"), ("middle", "kin/middle:1")]
    for name, target in [*pushes, ("base", "kin/base:1.0"), ("base", "kin/base:latest")]:
        skopeo.push(name, shared.registry, target, all_platforms=True)
    for name in SINGLE:
        skopeo.push(name, shared.registry, f"kin/{name}:1")
    shared.service.wait_until_found("repo:kin/tower", "repo:kin/base tag:latest")
    shared.service.wait_until_idle()
    return skopeo


def found(deployment: Deployment, query: str, kind: str = "image") -> set[str]:
    return {
        one.repository.removeprefix("kin/")
        for one in deployment.service.everything(f"{query} repo:kin/*", kind)
    }


@pytest.mark.parametrize("kind", ["image", "repository"])
def test_a_family_is_found_by_base_and_layer(shared: Deployment, family: Skopeo, kind: str) -> None:
    above = {"middle", "leaf", "copy", "again", "tower"}
    base_layer = layer_digests(BASE.children[0])[0]
    for query, expected in {
        "base:kin/base": above,
        "base:base:latest": above,
        f"base:{BASE.digest}": above,
        f"base:{BASE.children[1].digest}": above - {"again", "tower"},
        "base:middle": {"leaf", "copy", "tower"},
        "base:kin/again": {"leaf", "copy", "tower"},
        "base:kin/leaf": set(),
        "baseof:kin/leaf:1": {"base", "middle", "again"},
        "baseof:tower": {"base", "middle", "again"},
        f"layer:{base_layer}": {"base", "middle", "leaf", "copy"},
        f"layer:{diff_ids(BASE.children[0])[0]}": above | {"base"},
        f"layer:{layer_digests(AGAIN)[0][:19]}": {"again", "tower"},
    }.items():
        assert found(shared, query, kind) == expected, query


def test_what_the_base_says_of_itself_is_not_said_of_the_others(
    shared: Deployment, family: Skopeo
) -> None:
    shared.service.wait_until_idle()
    assert found(shared, "oldstone") == {"base"}
    assert found(shared, "masons") == {"middle", "again"}
    assert found(shared, "label:kernel=oldstone") == {"base", "middle", "again", "leaf", "copy"}


def test_a_base_that_is_tagged_anew_and_a_rebuild_without_the_registry(
    shared: Deployment, family: Skopeo
) -> None:
    service = shared.service
    family.push("newer", shared.registry, "kin/base:latest", all_platforms=True)
    service.wait_until_gone("base:kin/base:latest")
    above = {"middle", "leaf", "copy", "again", "tower"}
    assert found(shared, "base:kin/base") == above
    assert found(shared, "base:kin/base:1.0") == above
    service.wait_until_idle()
    shared.registry.stop()
    try:
        ended = service.command("rebuild", "--extract")
        assert (ended.returncode, ended.stdout) == (0, "")
        assert found(shared, "base:kin/base:1.0") == above
        assert found(shared, "oldstone") == {"base"}
    finally:
        shared.registry.start()
