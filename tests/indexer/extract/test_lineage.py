"""ChainIDs as the specification has them, and which layers count for what an image is built on."""

import gzip
import hashlib
import json

import pytest

from indexer.extract import (
    ChainFamily,
    ChainKind,
    DeclaredBase,
    Layers,
    chain_ids,
    chain_key,
    chain_keywords,
    config_labels,
    declared_bases,
    declared_keywords,
    inherited_labels,
    is_empty_layer,
    read_layers,
)
from indexer.extract.image_config import read_image_config
from indexer.model import CONFIG_MAX, Content, media_types, parse_config
from indexer.model.manifest import parse_manifest
from indexer.model.names import Digest
from tests.builders import EMPTY_CONFIG, Blob, BuiltManifest, artifact, image, index
from tests.lineage_builders import diff_ids, layer_digests, recompressed, with_layers

A, B, C = Digest("sha256:a"), Digest("sha256:b"), Digest("sha256:c")
AB = "sha256:970a948bffa8de94d6e22d747ba8c95030e6e546909f98f54e99a13005e173a8"
ABC = "sha256:dee159b33409cefa3f6eda71539f006014283e9d9130c18a1dea7bd8a33c9b1b"
BASE = "org.opencontainers.image.base"
OWN = image(seed="own", layers=3)


def digests(texts: list[str]) -> tuple[Digest, ...]:
    return tuple(map(Digest, texts))


def layers(built: BuiltManifest, *config: bytes | None) -> Layers | None:
    given = config[0] if config else next((blob.body for blob in built.blobs), None)
    return read_layers(
        parse_manifest(built.body, content_type=built.media_type), parse_config(given or b"").object
    )


def content(built: BuiltManifest) -> Content:
    return Content(
        digest=Digest(built.digest),
        content_type=built.media_type,
        body=built.body,
        config=built.blobs[0].body if built.blobs else None,
        children=tuple(map(content, built.children)),
    )


# ChainIDs


def test_chain_ids_are_those_of_the_specification() -> None:
    assert chain_ids([]) == ()
    assert chain_ids([A]) == (A,)
    assert chain_ids([A, B]) == (A, AB)
    assert chain_ids([A, B, C]) == (A, AB, ABC)
    assert f"sha256:{hashlib.sha256(b'sha256:a sha256:b').hexdigest()}" == AB


def test_chain_ids_tell_order_and_number() -> None:
    assert chain_ids([A, B])[1] != chain_ids([B, A])[1]
    assert chain_ids([A, A]) != chain_ids([A])


def test_the_empty_layer_is_told_compressed_or_not() -> None:
    tar = bytes(1_024)
    assert is_empty_layer(Digest(f"sha256:{hashlib.sha256(tar).hexdigest()}"))
    # As Docker compressed it once and for all.
    empty = bytes.fromhex("1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000")
    assert gzip.decompress(empty) == tar
    assert is_empty_layer(Digest(f"sha256:{hashlib.sha256(empty).hexdigest()}"))
    assert not is_empty_layer(Digest(layer_digests(OWN)[0]))


# The layers of a manifest


def test_an_image_has_compressed_layers_and_diff_ids() -> None:
    found = layers(OWN)
    assert found == Layers(digests(layer_digests(OWN)), digests(diff_ids(OWN)), is_image=True)
    assert found.select(ChainKind.DIFF) == found.diff_ids
    assert found.select(ChainKind.BLOB) == found.blobs


def test_compressing_a_layer_anew_changes_its_digest_alone() -> None:
    again = layers(recompressed(OWN, 1))
    before = layers(OWN)
    assert again is not None
    assert before is not None
    assert again.diff_ids == before.diff_ids
    assert [a == b for a, b in zip(again.blobs, before.blobs, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    "config",
    [
        None,
        b"",
        b"[]",
        b"{}",
        b'{"rootfs": null}',
        b'{"rootfs": {"diff_ids": null}}',
        b'{"rootfs": {"diff_ids": "sha256:a"}}',
        b'{"rootfs": {"diff_ids": [1, 2, 3]}}',
        b'{"rootfs": {"diff_ids": ["", "", ""]}}',
        b'{"rootfs": {"diff_ids": ["x:1", "x:2"]}}',
        b'{"rootfs": {"diff_ids": ["x:1", "x:2", "x:3", "x:4"]}}',
        b" " * CONFIG_MAX + b'{"rootfs": {"diff_ids": ["x:1", "x:2", "x:3"]}}',
    ],
)
def test_without_a_config_that_fits_only_compressed_layers_count(config: bytes | None) -> None:
    assert layers(OWN, config) == Layers(digests(layer_digests(OWN)), (), is_image=True)


def test_keys_of_the_config_are_read_in_any_case_the_exact_one_first() -> None:
    odd = json.dumps({"RootFS": {"Diff_IDs": ["x:1", "x:2", "x:3"]}}).encode()
    found = layers(OWN, odd)
    assert found is not None
    assert found.diff_ids == ("x:1", "x:2", "x:3")
    both = {"rootfs": {"DIFF_IDS": ["y:1"], "diff_ids": ["x:1", "x:2", "x:3"]}, "RootFS": {}}
    found = layers(OWN, json.dumps(both).encode())
    assert found is not None
    assert found.diff_ids == ("x:1", "x:2", "x:3")


def test_schema_1_has_its_base_first_and_no_diff_ids() -> None:
    body = {"schemaVersion": 1, "fsLayers": [{"blobSum": "x:2"}, {"blobSum": "x:1"}], "history": []}
    manifest = parse_manifest(json.dumps(body).encode(), content_type=media_types.SCHEMA1_SIGNED)
    assert read_layers(manifest, {}) == Layers(digests(["x:1", "x:2"]), (), is_image=True)


def test_an_artifact_is_built_on_nothing() -> None:
    found = layers(artifact("application/vnd.example", {"a": b"1"}), EMPTY_CONFIG.body)
    assert found is not None
    assert (found.is_image, found.diff_ids, len(found.blobs)) == (False, (), 1)
    assert found.family(ChainKind.BLOB) is ChainFamily.ARTIFACT


@pytest.mark.parametrize("built", [index([OWN]), index([OWN], attestations=True).children[1]])
def test_indexes_and_attestations_have_no_layers(built: BuiltManifest) -> None:
    assert layers(built) is None


# What documents carry


def test_a_document_carries_the_whole_chain_apart_from_those_below() -> None:
    found = chain_keywords(content(OWN))
    diff, blob = chain_ids(digests(diff_ids(OWN))), chain_ids(digests(layer_digests(OWN)))
    assert found == {
        ("below", chain_key(ChainFamily.DIFF, diff[0])),
        ("below", chain_key(ChainFamily.DIFF, diff[1])),
        ("chain", chain_key(ChainFamily.DIFF, diff[2])),
        ("below", chain_key(ChainFamily.BLOB, blob[0])),
        ("below", chain_key(ChainFamily.BLOB, blob[1])),
        ("chain", chain_key(ChainFamily.BLOB, blob[2])),
    }


def test_the_two_kinds_are_told_apart_in_documents() -> None:
    """An uncompressed layer has one digest of both kinds."""
    tar = Blob("application/vnd.oci.image.layer.v1.tar", b"tar")
    raw = with_layers(OWN, [tar], [tar.digest])
    assert len(chain_keywords(content(raw))) == 2
    bare = content(raw)
    bare = Content(bare.digest, bare.content_type, bare.body)
    assert chain_keywords(bare) == {("chain", chain_key(ChainFamily.BARE, Digest(tar.digest)))}


def test_an_index_carries_the_chains_of_every_platform() -> None:
    arm = image(seed="arm", architecture="arm64")
    both = chain_keywords(content(index([OWN, arm], attestations=True)))
    assert both == chain_keywords(content(OWN)) | chain_keywords(content(arm))


# Declared bases


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", set()),
        ("scratch", {"scratch"}),
        ("ubuntu:Noble", {"ubuntu", "ubuntu:noble"}),
        (
            "docker.io/library/alpine:3.19",
            {
                *("alpine", "library/alpine", "docker.io/library/alpine"),
                *("alpine:3.19", "library/alpine:3.19", "docker.io/library/alpine:3.19"),
            },
        ),
        ("host:5000/a", {"a", "host:5000/a"}),
        ("a@sha256:12", {"a", "sha256:12"}),
        ("/:@", set()),
    ],
)
def test_a_declared_base_is_found_by_each_end_of_its_name(name: str, found: set[str]) -> None:
    assert declared_keywords(name, "") == {("base", one) for one in found}
    assert declared_keywords(name, "x:1") == {("base", one) for one in found | {"x:1"}}


def test_annotations_declare_before_labels_and_the_index_first() -> None:
    labelled = image(seed="l", labels={f"{BASE}.name": "label"})
    annotated = image(seed="a", labels={f"{BASE}.name": "no"}, annotations={f"{BASE}.name": "own"})
    plain = image(seed="p")
    found = declared_bases(content(index([labelled, annotated, plain])), {})
    assert found == {
        Digest(labelled.digest): DeclaredBase("label", ""),
        Digest(annotated.digest): DeclaredBase("own", ""),
    }
    digest = f"sha256:{'1' * 64}"
    over = index([labelled, plain], annotations={f"{BASE}.name": "all", f"{BASE}.digest": digest})
    found = declared_bases(content(over), {})
    assert set(found.values()) == {DeclaredBase("all", digest)}
    assert len(found) == 2


def test_an_inherited_label_declares_the_base_of_the_base() -> None:
    built = image(labels={f"{BASE}.name": "old", f"{BASE}.digest": "x:1"})
    inherited = {Digest(built.digest): {f"{BASE}.name": "old"}}
    assert declared_bases(content(built), inherited) == {
        Digest(built.digest): DeclaredBase("", "x:1")
    }


# Inherited labels


def test_a_label_is_inherited_where_key_and_value_are_those_of_a_base() -> None:
    labels = {"a": "1", "b": "2", "c": "3"}
    assert inherited_labels(labels, []) == {}
    assert inherited_labels(labels, [{"a": "1", "b": "x", "d": "3"}]) == {"a": "1"}
    assert inherited_labels(labels, [{"a": "0"}, {"a": "1"}, {"b": "2"}]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"{}",
        b'{"config": null}',
        b'{"config": {"Labels": null}}',
        b'{"config": {"Labels": {"a": "1", "b": 2, "": "x"}}}',
        b'{"Config": {"labels": {"a": "1"}}}',
        b'{"config": {"labels": {"a": "1"}, "Labels": {"a": "2"}}, "CONFIG": {}}',
        b'{"config": {"Labels": ["a"]}}',
        OWN.blobs[0].body,
        b" " * CONFIG_MAX + b'{"config": {"Labels": {"a": "1"}}}',
    ],
)
def test_labels_are_those_that_the_image_s_facts_have(config: bytes) -> None:
    parsed = parse_config(config).object
    assert config_labels(parsed) == read_image_config(parsed).labels
