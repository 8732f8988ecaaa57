"""How a kind is recognised: the order of what is asked, and what may decide."""

from typing import Any

import pytest

from indexer.extract import BUILT_IN, Kind, KindTable, Material, config
from indexer.extract.kinds.kind import along
from indexer.model.manifest import Descriptor, Platform
from indexer.model.names import Digest

DIGEST = Digest("sha256:" + "0" * 64)
TABLE = KindTable(
    [
        Kind(name="generic", generic=True, types=("t/generic", "t/type", "t/other")),
        Kind(name="tag", tags="v[0-9]+"),
        Kind(name="platform", platforms=("wasi/wasm",)),
        Kind(name="layer-annotation", layer_annotations=("on.layer",)),
        Kind(name="label", labels=("some.label=yes",)),
        Kind(name="layer", layers=("l/one",)),
        Kind(name="annotation", annotations=("some.annotation",)),
        Kind(name="type", types=("t/type", "t/begins.*")),
    ]
)


def layer(media_type: str, **annotations: str) -> Descriptor:
    named = {key.replace("_", "."): value for key, value in annotations.items()}
    return Descriptor(media_type, DIGEST, 1, annotations=named)


def name_of(**evidence: Any) -> str:
    found = TABLE.recognise(Material(**evidence))
    return found.name if found else "nothing"


def test_the_order_is_type_annotations_layers_labels_layer_annotations_platform_tags() -> None:
    """The table is in the other order, so it is the sort of evidence that decides."""
    evidence: dict[str, Any] = {
        "artifact_type": "t/type",
        "annotations": ({"some.annotation": "x"},),
        "layers": (layer("l/one", on_layer="x"),),
        "labels": {"some.label": "yes"},
        "platform": Platform("wasi", "wasm"),
        "tags": ("v1", "v2"),
    }
    seen = [name_of(**evidence)]
    weaker: dict[str, Any]
    for weaker in (
        {"artifact_type": "t/generic"},
        {"annotations": ()},
        {"layers": (layer("l/two", on_layer="x"),)},
        {"labels": {}},
        {"layers": ()},
        {"platform": None},
        {"tags": ()},
        {"artifact_type": "t/unknown"},
    ):
        evidence |= weaker
        seen.append(name_of(**evidence))
    assert seen == [
        "type",
        "annotation",
        "layer",
        "label",
        "layer-annotation",
        "platform",
        "tag",
        "generic",
        "nothing",
    ]


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        ({"artifact_type": "T/Type ; version=1"}, "type"),
        ({"artifact_type": "t/begins.anything.v9"}, "type"),
        ({"labels": {"some.label": "no"}}, "nothing"),
        ({"labels": {"some.label": ""}}, "nothing"),
        ({"annotations": ({}, {"some.annotation": ""})}, "annotation"),
        ({"tags": ("v1", "latest")}, "nothing"),
        ({"tags": ()}, "nothing"),
        ({"layers": (layer("l/two"), layer("l/one"))}, "layer"),
    ],
)
def test_what_fits(evidence: dict[str, Any], name: str) -> None:
    assert name_of(**evidence) == name


def test_the_first_of_the_table_wins_among_equals_and_only_has_the_last_word() -> None:
    table = KindTable(
        [
            Kind(name="picky", types=("t",), only=lambda material: "yes" in material.tags),
            Kind(name="first", types=("t",)),
            Kind(name="second", types=("t",)),
        ]
    )
    found = [table.recognise(Material("t", tags=tags)) for tags in (("yes",), ())]
    assert [one.name for one in found if one] == ["picky", "first"]


def test_a_kind_is_asked_once_however_many_layers_are_of_it() -> None:
    asked: list[Material] = []

    def only(material: Material) -> bool:
        asked.append(material)
        return False

    table = KindTable([Kind(name="one", layers=("l",), layer_annotations=("a",), only=only)])
    table.recognise(Material(layers=(layer("l", a=""),) * 1_000))
    assert len(asked) == 2  # by its layers, and by their annotations


def test_two_kinds_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name: twin"):
        KindTable([Kind(name="twin"), Kind(name="twin")])


def test_names_are_what_people_type() -> None:
    names = Kind(name="helm-chart", aliases=("k8s-package", "helm")).names
    assert names == ("helm-chart", "helm", "chart", "k8s-package", "artifact")
    assert Kind(name="builder", is_image=True).names == ("builder", "image")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("a",), [{"b": [{"c": 1}, {"c": 2}, 5]}]),
        (("a", "b", "c"), [1, 2]),
        (("a", "x"), []),
        (("a", "b", "c", "d"), []),
        (("n",), []),
        ((), [{"a": {"b": [{"c": 1}, {"c": 2}, 5]}, "n": None}]),
    ],
)
def test_paths_go_through_objects_and_lists(path: tuple[str, ...], found: list[Any]) -> None:
    assert list(along({"a": {"b": [{"c": 1}, {"c": 2}, 5]}, "n": None}, path)) == found


def test_a_place_that_is_not_there_yields_nothing() -> None:
    assert list(config("a", "b")(Material())) == []


def test_no_built_in_kind_claims_a_plain_image() -> None:
    for media_type in (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ):
        material = Material(
            "application/vnd.oci.image.config.v1+json",
            ({"org.opencontainers.image.title": "x"},),
            (layer(media_type),),
            {"maintainer": "Ann"},
            Platform("linux", "amd64"),
            ("latest",),
        )
        assert BUILT_IN.recognise(material) is None
