"""The history of an image: paired with layers where it fits, its secrets masked."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from indexer.extract import BUILT_IN, Build, read_build, take_apart
from indexer.extract.secrets import masked, masked_arguments
from indexer.model.names import digest_of
from tests.indexer.extract.samples import facts, image, labelled, layer

LAYERS = [layer("a", 1), layer("b", 2)]
A, B = digest_of(b"a"), digest_of(b"b")


def pairs(history: Any, layers: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    build = build_of({"history": history}, layers)
    placed: list[tuple[str, str | None]] = [
        (one.step.created_by, one.layer.digest if one.layer else None)
        for one in build.steps
        if one.step
    ]
    return placed + [(entry.created_by, None) for entry in build.unplaced]


def build_of(config: dict[str, Any], layers: list[dict[str, Any]]) -> Build:
    return read_build(take_apart(image(config, layers=layers), kinds=BUILT_IN).shown)


def test_steps_without_a_layer_are_skipped_in_pairing() -> None:
    history = [
        {"created_by": "one"},
        {"created_by": "env", "empty_layer": True},
        {"created_by": "two"},
    ]
    assert pairs(history, LAYERS) == [("one", A), ("env", None), ("two", B)]


@pytest.mark.parametrize("layers", [LAYERS[:1], [*LAYERS, layer("c", 3)], []])
def test_a_history_that_does_not_match_the_layers_is_not_paired(layers: list[Any]) -> None:
    history = [{"created_by": "one"}, {"created_by": "two"}]
    assert pairs(history, layers) == [("one", None), ("two", None)]


@pytest.mark.parametrize("history", [None, [], "text", {}, 5])
def test_without_history_there_is_none(history: Any) -> None:
    assert pairs(history, LAYERS) == []


def test_odd_entries_stay_so_that_the_others_keep_their_layers() -> None:
    history = [None, {"created_by": 5, "created": [], "empty_layer": "yes", "author": {}}]
    assert pairs(history, LAYERS) == [("", A), ("", B)]


def test_every_field_of_an_entry() -> None:
    written = {
        "created": "1970-01-01T00:00:00Z",
        "created_by": '/bin/sh -c #(nop)  CMD ["nginx"]',
        "comment": "buildkit.dockerfile.v0",
        "empty_layer": True,
    }
    (step,) = build_of({"history": [written]}, []).steps
    entry = step.step
    assert entry is not None
    assert entry.created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert (entry.created_by, entry.comment) == ('CMD ["nginx"]', "buildkit.dockerfile.v0")
    assert (entry.is_empty, step.layer) == (True, None)


def test_texts_are_cut() -> None:
    (entry,) = build_of({"history": [{"created_by": "x" * 9_000_0}]}, []).unplaced
    assert len(entry.created_by) == 8_192
    assert len(build_of({"history": [{}] * 1_200}, []).unplaced) == 1_000


# Rather too much is masked than too little: where quotes are unclear, all up to the next one.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("RUN make", "RUN make"),
        ("ENV API_TOKEN=abc", "ENV API_TOKEN=***"),
        ("ENV API_TOKEN abc", "ENV API_TOKEN ***"),
        ("ARG DB_PASSWORD=x y", "ARG DB_PASSWORD=*** y"),
        ("RUN |2 NPM_TOKEN=abc HOME=/x sh -c ls", "RUN |2 NPM_TOKEN=*** HOME=/x sh -c ls"),
        ('RUN export SECRET="a b c" && run', "RUN export SECRET=*** && run"),
        ("RUN export SECRET='a;b' ; run", "RUN export SECRET=*** ; run"),
        ('RUN X="--token=abc" y', 'RUN X="--token=***'),
        ("login --password hunter2 -u ann", "login --password *** -u ann"),
        ("login --password-stdin < file", "login --password-stdin *** file"),
        ("login --token -u", "login --token -u"),
        ('echo {"apiKey": "abc", "a": 1}', 'echo {"apiKey": *** "a": 1}'),
        (
            "git clone https://ann:pw@git.example.com/x",
            "git clone https://ann:***@git.example.com/x",
        ),
        ("clone https://0123456789abcdef@host/x", "clone https://***@host/x"),
        ("clone ssh://git@host/x", "clone ssh://git@host/x"),
        ("curl -H 'Authorization: Bearer abcdef012345'", "curl -H 'Authorization: Bearer ***'"),
        ("use ghp_0123456789abcdefABCDEF", "use ***"),
        ("COPY private_key.pem /", "COPY private_key.pem /"),
        ("apt-get install secret-tool", "apt-get install secret-tool"),
        ("a token of thanks", "a token of thanks"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_the_arguments_of_a_command_are_masked() -> None:
    arguments = ["serve", "--api-key", "abc", "--token=def", "--password", "--verbose", "x"]
    shown = ("serve", "--api-key", "***", "--token=***", "--password", "--verbose", "x")
    assert masked_arguments(arguments) == shown
    found = facts(labelled({}, config={"Cmd": arguments, "Entrypoint": ["run", "SECRET=x"]}))
    assert found.cmd == shown
    assert found.entrypoint == ("run", "SECRET=***")


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("api-token", "abc", "***"),
        ("com.example.db_password", "abc", "***"),
        ("com.example.private", "True", "True"),
        ("com.example.token-service.team", "search", "search"),
        ("source", "https://ann:pw@git.example.com/x", "https://ann:***@git.example.com/x"),
        ("run", "web --token=abc", "web --token=***"),
        ("title", "A token of thanks", "A token of thanks"),
    ],
)
def test_labels_that_look_secret_are_masked(key: str, value: str, shown: str) -> None:
    found = facts(labelled({key: value}))
    assert found.labels == {key: shown}


def test_values_of_the_environment_that_look_secret_are_never_kept() -> None:
    env = ["API_TOKEN_VERSION=7", "NODE_VERSION=20.1", "PASSWORD=x"]
    found = facts(labelled({}, config={"Env": env}))
    assert found.env_names == ("API_TOKEN_VERSION", "NODE_VERSION", "PASSWORD")
    assert found.env_values == {"NODE_VERSION": "20.1"}


@pytest.mark.parametrize(
    "unit",
    [
        "token",
        "token=",
        "token ",
        "a=",
        "://",
        "://a:b@",
        'token="',
        "bearer ",
        "-token ",
        "ENV a ",
        "secret:' ",
        "gh",
        "ghp_",
        "token='",
    ],
)
def test_masking_costs_linear_time(unit: str) -> None:
    started = time.process_time()
    masked(unit * (65_536 // len(unit)))
    assert time.process_time() - started < 0.5
