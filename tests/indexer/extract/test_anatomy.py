"""What an image is made of: its parts, the layers of each with what made them, annotations."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from indexer.extract import (
    BUILT_IN,
    Part,
    Variable,
    list_annotations,
    read_build,
    run_settings,
    take_apart,
)
from indexer.extract.image_config import read_image_config
from indexer.extract.lineage import EMPTY_GZIP
from indexer.model import Content, parse_config
from indexer.model.names import Digest
from tests.builders import BuiltManifest, artifact, image, index

A = image(seed="a")
ARM = image(seed="a", architecture="arm64")


def content_of(built: BuiltManifest, *, stored: Sequence[BuiltManifest] | None = None) -> Content:
    """Return an image or index as it is stored, of its children only those that are ``stored``."""
    children = built.children if stored is None else stored
    return Content(
        digest=Digest(built.digest),
        content_type=built.media_type,
        body=built.body,
        config=built.blobs[0].body if built.blobs else None,
        children=tuple(content_of(child) for child in children),
    )


def with_history(history: Any, *, built: BuiltManifest = A) -> Part:
    """Return the only part of an image whose config has another history."""
    config = json.dumps(built.config | {"history": history}).encode()
    content = Content(Digest(built.digest), built.media_type, built.body, config)
    return take_apart(content, kinds=BUILT_IN).shown


def step(command: str, *, empty: bool = False) -> dict[str, Any]:
    return {"created_by": command} | ({"empty_layer": True} if empty else {})


def commands(part: Part) -> list[tuple[str | None, str | None]]:
    """Return the digest of each layer with what made it."""
    return [
        (one.layer.digest if one.layer else None, one.step.created_by if one.step else None)
        for one in read_build(part).steps
    ]


# Parts


def test_a_manifest_is_its_own_only_part() -> None:
    anatomy = take_apart(content_of(A), kinds=BUILT_IN)
    assert not anatomy.is_index
    assert [part.digest for part in anatomy.parts] == [A.digest]
    assert anatomy.shown is anatomy.parts[0]


def test_an_index_is_made_of_its_platforms_and_one_speaks_for_it() -> None:
    anatomy = take_apart(content_of(index([ARM, A], attestations=True)), kinds=BUILT_IN)
    assert anatomy.is_index
    assert [part.digest for part in anatomy.parts] == [ARM.digest, A.digest]
    assert anatomy.shown.digest == A.digest


def test_a_platform_that_is_not_in_the_store_is_known_by_its_digest() -> None:
    anatomy = take_apart(content_of(index([A, ARM]), stored=[A]), kinds=BUILT_IN)
    missing = anatomy.parts[1]
    assert (missing.digest, missing.manifest, str(missing.platform)) == (
        ARM.digest,
        None,
        "linux/arm64",
    )
    assert read_build(missing).steps == ()


def test_an_index_of_nothing_has_no_part_and_no_layers() -> None:
    anatomy = take_apart(content_of(index([])), kinds=BUILT_IN)
    assert anatomy.parts == ()
    assert read_build(anatomy.shown).steps == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"layers": 1}', b"\xff\x00"])
def test_no_bytes_are_too_odd(body: bytes) -> None:
    anatomy = take_apart(Content(Digest("sha256:0"), "text/html", body), kinds=BUILT_IN)
    assert read_build(anatomy.shown).steps == ()
    assert list_annotations(anatomy.shown) == []


# Layers


def test_each_layer_has_the_step_that_made_it_and_its_diff_id() -> None:
    part = take_apart(content_of(A), kinds=BUILT_IN).shown
    assert commands(part) == [
        (A.blobs[1].digest, "COPY layer 0 / # buildkit"),
        (A.blobs[2].digest, "COPY layer 1 / # buildkit"),
    ]
    diff_ids = [one.diff_id for one in read_build(part).steps]
    assert diff_ids == A.config["rootfs"]["diff_ids"]
    assert not any(one.is_empty for one in read_build(part).steps)


def test_steps_that_made_no_layer_stay_where_they_were() -> None:
    part = with_history(
        [step("ENV A=1", empty=True), step("RUN a"), step("USER b", empty=True), step("RUN c")]
    )
    first, second = (blob.digest for blob in A.blobs[1:])
    assert commands(part) == [
        (None, "ENV A=1"),
        (first, "RUN a"),
        (None, "USER b"),
        (second, "RUN c"),
    ]
    assert [one.is_empty for one in read_build(part).steps] == [True, False, True, False]


def test_secrets_in_a_step_are_masked() -> None:
    part = with_history([step("RUN curl -H 'Authorization: Bearer abcdefghij'"), step("RUN c")])
    text = str(read_build(part).steps)
    assert "abcdefghij" not in text


@pytest.mark.parametrize("lines", [["RUN a"], ["RUN a", "RUN b", "RUN c"]])
def test_a_history_that_does_not_fit_is_told_beside_the_layers(lines: list[str]) -> None:
    part = with_history([step(line) for line in lines])
    assert commands(part) == [(blob.digest, None) for blob in A.blobs[1:]]
    assert [entry.created_by for entry in read_build(part).unplaced] == lines


@pytest.mark.parametrize("history", [None, [], 5, "x"])
def test_layers_without_a_history_are_told_alone(history: object) -> None:
    part = with_history(history)
    assert commands(part) == [(blob.digest, None) for blob in A.blobs[1:]]
    assert read_build(part).unplaced == ()


def test_a_layer_of_nothing_is_empty_although_it_is_there() -> None:
    body = A.json
    body["layers"][1]["digest"] = EMPTY_GZIP
    content = Content(Digest(A.digest), A.media_type, json.dumps(body).encode(), A.blobs[0].body)
    assert [
        one.is_empty for one in read_build(take_apart(content, kinds=BUILT_IN).shown).steps
    ] == [False, True]


def test_a_config_that_was_not_read_leaves_the_layers() -> None:
    part = take_apart(Content(Digest(A.digest), A.media_type, A.body), kinds=BUILT_IN).shown
    assert commands(part) == [(blob.digest, None) for blob in A.blobs[1:]]
    assert [one.diff_id for one in read_build(part).steps] == [None, None]


def test_the_files_of_an_artifact_have_their_names() -> None:
    built = artifact("application/vnd.acme.set", {"a.json": b"1", "b.json": b"2"})
    steps = read_build(take_apart(content_of(built), kinds=BUILT_IN).shown).steps
    assert [one.title for one in steps] == ["a.json", "b.json"]


# Annotations


def test_every_annotation_tells_what_has_it() -> None:
    one = image(annotations={"who": "manifest"})
    multi = index([one], annotations={"who": "index", "only": "here"})
    body = multi.json
    body["manifests"][0]["annotations"] = {"who": "descriptor"}
    content = Content(
        Digest(multi.digest),
        multi.media_type,
        json.dumps(body).encode(),
        children=(content_of(one),),
    )
    assert [
        (a.key, a.value, a.source)
        for a in list_annotations(take_apart(content, kinds=BUILT_IN).shown)
    ] == [
        ("who", "index", "index"),
        ("only", "here", "index"),
        ("who", "descriptor", "descriptor"),
        ("who", "manifest", "manifest"),
    ]


def test_an_index_inside_an_index_is_one_too() -> None:
    inner = index([image(annotations={"k": "3"})], annotations={"k": "2"})
    outer = index([inner], annotations={"k": "1"})
    found = list_annotations(take_apart(content_of(outer), kinds=BUILT_IN).shown)
    assert [(a.value, a.source) for a in found] == [
        ("1", "index"),
        ("2", "index"),
        ("3", "manifest"),
    ]


def test_where_no_platform_is_in_the_store_nothing_is_said_of_its_manifest() -> None:
    content = content_of(index([A], annotations={"k": "v"}), stored=[])
    found = list_annotations(take_apart(content, kinds=BUILT_IN).shown)
    assert [(a.value, a.source) for a in found] == [("v", "index")]


# What runs


def running(settings: dict[str, Any]) -> bytes:
    return json.dumps({"config": settings}).encode()


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("PATH=/usr/bin:/bin", Variable("PATH", "/usr/bin:/bin")),
        ("EMPTY=", Variable("EMPTY", "")),
        ("NAME", Variable("NAME", "")),
        ("EQUALS=a=b", Variable("EQUALS", "a=b")),
        ("DB_PASSWORD=hunter 2 with spaces", Variable("DB_PASSWORD", "***")),
        ("API_KEY=x", Variable("API_KEY", "***")),
        ("TOKEN=", Variable("TOKEN", "")),
        ("PROXY=https://me:word@proxy/", Variable("PROXY", "https://me:***@proxy/")),
        ("OPTS=--password=abc --fast", Variable("OPTS", "--password=*** --fast")),
        ("GH=ghp_0123456789abcdef", Variable("GH", "***")),
    ],
)
def test_the_environment_is_shown_without_its_secrets(entry: str, shown: Variable) -> None:
    config = read_image_config({"config": {"Env": [entry]}})
    assert run_settings(config).env == (shown,)


def test_where_and_how_it_runs_is_read() -> None:
    config = read_image_config({"config": {"WorkingDir": "/srv", "StopSignal": "SIGQUIT"}})
    settings = run_settings(config)
    assert (settings.working_dir, settings.stop_signal, settings.env) == ("/srv", "SIGQUIT", ())


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"config": 1}', running({"Env": {"a": "b"}, "WorkingDir": 5, "StopSignal": []})],
)
def test_settings_of_the_wrong_type_are_none(body: bytes) -> None:
    settings = run_settings(read_image_config(parse_config(body).object))
    assert (settings.env, settings.working_dir, settings.stop_signal) == ((), "", "")


def test_secrets_in_annotations_are_masked() -> None:
    """Regression: search results masked them, and the details of an image did not."""
    built = image(annotations={"api.token": "hunter2", "home": "https://bob:hunter2@host/"})
    content = content_of(index([built], annotations={"password": "hunter2"}))
    found = list_annotations(take_apart(content, kinds=BUILT_IN).shown)
    assert {one.key: one.value for one in found} == {
        "password": "***",
        "api.token": "***",
        "home": "https://bob:***@host/",
    }
