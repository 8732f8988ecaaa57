"""``WWW-Authenticate`` as servers write it."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from indexer.registry import Credentials, TokenRealm
from indexer.registry.challenges import Challenge, parse_challenges
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, Seen, as_json

SAMPLES = Path(__file__).parents[2] / "samples" / "registry"
BEARER = Challenge("bearer", {"realm": "https://auth.test/token", "service": "registry.test"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([""], []),
        (['Basic realm="Registry Realm"'], [Challenge("basic", {"realm": "Registry Realm"})]),
        (["bAsIc REALM=plain"], [Challenge("basic", {"realm": "plain"})]),
        (['Bearer realm="https://auth.test/token",service="registry.test"'], [BEARER]),
        (['Bearer realm = "https://auth.test/token" , service = registry.test'], [BEARER]),
        (
            ['Bearer realm="https://auth.test/token",service="registry.test", Basic realm="x"'],
            [BEARER, Challenge("basic", {"realm": "x"})],
        ),
        (
            ['Basic realm="x"', 'Bearer realm="https://auth.test/token",service="registry.test"'],
            [Challenge("basic", {"realm": "x"}), BEARER],
        ),
        (
            ['Bearer realm="r",scope="repository:a:pull,push repository:b:pull"'],
            [
                Challenge(
                    "bearer", {"realm": "r", "scope": "repository:a:pull,push repository:b:pull"}
                )
            ],
        ),
        (
            [r'Basic realm="a \"b\", Bearer c=d"'],
            [Challenge("basic", {"realm": 'a "b", Bearer c=d'})],
        ),
        (
            ["Negotiate YII=, Basic realm=x"],
            [Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})],
        ),
        (
            ["Negotiate, Basic realm=x"],
            [Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})],
        ),
        ([', , Basic realm="x", , a=b,'], [Challenge("basic", {"realm": "x", "a": "b"})]),
        (['Basic realm="first", realm="second"'], [Challenge("basic", {"realm": "first"})]),
        (['Basic a=b, realm="never closed'], [Challenge("basic", {"a": "b"})]),
        (["Basic realm="], [Challenge("basic", {})]),
        (["realm=x"], []),
        (["\x00\x01"], []),
    ],
)
def test_challenges_are_read_as_the_grammar_says(
    values: list[str], expected: list[Challenge]
) -> None:
    assert parse_challenges(values) == expected


@pytest.mark.parametrize("value", ['Basic a="' + "\\" * 200_000, "a " * 200_000, "a=b," * 200_000])
def test_hostile_values_take_no_time(value: str) -> None:
    before = time.process_time()
    assert len(parse_challenges([value] * 3)) <= 20
    assert time.process_time() - before < 2.0


@pytest.mark.parametrize("release", ["2.8.3", "3.1.1"])
@pytest.mark.parametrize(("kind", "scheme"), [("htpasswd", "basic"), ("token", "bearer")])
def test_recorded_challenges_are_understood(release: str, kind: str, scheme: str) -> None:
    cases = json.loads((SAMPLES / f"challenges-{kind}-{release}.json").read_text())["cases"]
    refused = [case for case in cases if case["status"] == 401]
    assert len(refused) > 5
    for case in refused:
        values = [value for name, value in case["headers"] if name == "Www-Authenticate"]
        (challenge,) = parse_challenges(values)
        assert challenge.scheme == scheme
        if scheme == "basic":
            assert challenge.parameters == {"realm": "Registry Realm"}
            continue
        assert challenge.parameters["realm"] == "http://127.0.0.1:5169/token"
        assert challenge.parameters["service"] == "registry.example"
        path = case["request"].removeprefix("GET /v2/")
        if path.startswith("_catalog"):
            assert challenge.parameters["scope"] == "registry:catalog:*"
        elif path:
            repository = (
                path.partition("/tags/")[0].partition("/manifests/")[0].partition("/blobs/")[0]
            )
            assert challenge.parameters["scope"] == f"repository:{repository}:pull"


@pytest.mark.anyio
@pytest.mark.parametrize("release", ["2.8.3", "3.1.1"])
@pytest.mark.parametrize(
    ("kind", "final"), [("htpasswd", "Basic YWxpY2U6c2VjcmV0"), ("token", "Bearer t1")]
)
async def test_recorded_challenges_lead_to_the_answer(release: str, kind: str, final: str) -> None:
    """The registry's recorded 401, then its recorded 200, with what was sent in between."""
    cases = json.loads((SAMPLES / f"challenges-{kind}-{release}.json").read_text())["cases"]
    refused = next(
        case for case in cases if "_catalog" in case["request"] and case["status"] == 401
    )
    values = [value for name, value in refused["headers"] if name == "Www-Authenticate"]

    def answer(seen: Seen) -> Reply:
        if seen.authorization != final:
            return Reply(401, refused["body"].encode(), (("WWW-Authenticate", values[0]),))
        return as_json({"repositories": ["team/webapp"]})

    registry = ScriptedRegistry()
    registry.on("/v2/_catalog?n=1000", answer)
    scope = "service=registry.example&scope=registry%3Acatalog%3A%2A"
    registry.on(f"http://127.0.0.1:5169/token?{scope}", as_json({"token": "t1"}))
    client = registry.client(
        credentials=Credentials("alice", "secret"),
        realm=TokenRealm(named="http://127.0.0.1:5169/token"),
    )
    names = [name async for page in client.repositories() for name in page.names]
    assert names == ["team/webapp"]
    if kind == "token":
        query = dict(parse_qsl(urlsplit(registry.seen[1].url).query))
        assert query == {"service": "registry.example", "scope": "registry:catalog:*"}
