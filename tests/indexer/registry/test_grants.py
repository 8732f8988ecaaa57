"""What a registry and its token service say that somebody may read, and who gets credentials."""

import base64
import json

import pytest

from indexer.errors import DeniedError, RegistryError, TooLargeError, UnusableAnswerError
from indexer.registry import Credentials, GrantClient, Scheme, TokenGrant, TokenRealm, Way
from tests.fakes.clock import ManualClock
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, as_json, refusal

pytestmark = pytest.mark.anyio

ALICE = Credentials("alice", "geheim")
SAFE = "https://safe.test"
REALM = "https://auth.test/token"
WAY = Way(Scheme.TOKEN, REALM, "s")


def client(
    registry: ScriptedRegistry, *, url: str = SAFE, realm: TokenRealm | None = None
) -> GrantClient:
    return GrantClient(url, clock=ManualClock(), realm=realm, transport=registry.transport)


def token(access: object) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"access": access}).encode()).decode()
    return f"e30.{claims.rstrip('=')}.c2ln"


def url_for(*names: str, realm: str = REALM) -> str:
    return f"{realm}?service=s" + "".join(f"&scope=repository:{name}:pull" for name in names)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Reply(200, b"{}"), Way(Scheme.NONE)),
        (refusal(401, "UNAUTHORIZED", "", ("WWW-Authenticate", "Basic realm=x")), Scheme.BASIC),
        (
            refusal(
                401,
                "UNAUTHORIZED",
                "",
                ("WWW-Authenticate", "Basic realm=x"),
                ("WWW-Authenticate", f'Bearer realm="{REALM}",service="s"'),
            ),
            WAY,
        ),
    ],
)
async def test_a_registry_says_how_it_wants_to_know_who_asks(
    answer: Reply, expected: Way | Scheme
) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{SAFE}/v2/", answer)
    found = await client(registry).find_way()
    assert found == (expected if isinstance(expected, Way) else Way(expected))
    assert [seen.authorization for seen in registry.seen] == [""]


@pytest.mark.parametrize("answer", [refusal(401, "UNAUTHORIZED"), Reply(404), Reply(503)])
async def test_another_answer_is_an_error_and_asked_for_once(answer: Reply) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{SAFE}/v2/", answer)
    with pytest.raises(RegistryError):
        await client(registry).find_way()
    assert len(registry.seen) == 1


@pytest.mark.parametrize(
    ("access", "named", "pulled"),
    [
        ([{"type": "repository", "name": "a", "actions": ["pull", "push"]}], "a", "a"),
        ([{"type": "repository", "name": "a", "actions": ["*"]}], "a", "a"),
        ([{"type": "repository", "name": "a", "actions": []}], "a", ""),
        ([{"type": "repository", "name": "a"}], "a", ""),
        ([{"type": "repository", "name": "other", "actions": ["pull"]}], "", ""),
        ([{"type": "registry", "name": "a", "actions": ["pull"]}], "", ""),
        (["a", None, {"type": "repository", "name": 1, "actions": "pull"}], "", ""),
        ([{"type": "repository", "name": "a", "actions": "pull"}], "a", ""),
        ([], "", ""),
    ],
)
async def test_a_token_tells_what_it_allows(access: object, named: str, pulled: str) -> None:
    registry = ScriptedRegistry()
    registry.on(url_for("a", "b"), as_json({"token": token(access)}))
    grant = await client(registry).grant(WAY, ALICE, ["a", "b"])
    assert grant == TokenGrant(frozenset(named), frozenset(pulled))


@pytest.mark.parametrize(
    "text", ["opaque", "a.b", "a.!.c", "a.e30.c", token(None), token({"name": "a"}), token("a")]
)
async def test_other_tokens_tell_nothing(text: str) -> None:
    registry = ScriptedRegistry()
    registry.on(url_for("a"), as_json({"token": text}))
    assert await client(registry).grant(WAY, ALICE, ["a"]) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(401, b"geheim"), DeniedError),
        (Reply(414, b"geheim"), TooLargeError),
        (Reply(200, b"geheim"), UnusableAnswerError),
        (as_json({"token": ["geheim"]}), UnusableAnswerError),
        (as_json({"token": "geheim" * 20_000}), RegistryError),
        (Reply(503, b"geheim"), RegistryError),
        (Reply(302, b"", (("Location", "https://evil.test/token"),)), RegistryError),
    ],
)
async def test_errors_do_not_repeat_what_a_token_service_said(
    answer: Reply, error: type[RegistryError]
) -> None:
    registry = ScriptedRegistry()
    registry.on(url_for("a", "b"), answer)
    with pytest.raises(error) as caught:
        await client(registry).grant(WAY, ALICE, ["a", "b"])
    assert "geheim" not in str(caught.value)
    assert not any("evil.test" in url for url in registry.asked)


async def test_more_than_6_kb_of_scopes_are_not_sent() -> None:
    registry = ScriptedRegistry()
    with pytest.raises(TooLargeError):
        await client(registry).grant(WAY, ALICE, [f"{number}{'x' * 200}" for number in range(40)])
    assert registry.seen == []


@pytest.mark.parametrize(
    ("url", "realm", "known", "is_sent"),
    [
        (SAFE, REALM, TokenRealm(), True),
        (SAFE, REALM, TokenRealm(pinned="https://auth.test"), True),
        (SAFE, REALM, TokenRealm(pinned="https://other.test"), False),
        (SAFE, REALM, TokenRealm(named="https://other.test/token"), False),
        (SAFE, "http://auth.test/token", TokenRealm(), False),
        ("http://plain.test", REALM, TokenRealm(), False),
        ("http://plain.test", REALM, TokenRealm(named=REALM), True),
        ("http://plain.test", "http://plain.test:5001/token", TokenRealm(), True),
    ],
)
async def test_credentials_go_only_to_the_token_service_that_is_known(
    url: str, realm: str, known: TokenRealm, *, is_sent: bool
) -> None:
    registry = ScriptedRegistry()
    registry.on(url_for("a", realm=realm), as_json({"token": token([])}))
    asking = client(registry, url=url, realm=known)
    way = Way(Scheme.TOKEN, realm, "s")
    if is_sent:
        assert await asking.grant(way, ALICE, ["a"]) == TokenGrant(frozenset(), frozenset())
        return
    with pytest.raises(UnusableAnswerError, match="nothing is sent"):
        await asking.grant(way, ALICE, ["a"])
    assert registry.seen == []


async def test_the_first_token_service_holds_for_all_callers() -> None:
    registry = ScriptedRegistry()
    registry.on(url_for("a"), as_json({"token": token([])}))
    asking = client(registry)
    await asking.grant(WAY, None, ["a"])
    evil = Way(Scheme.TOKEN, "https://evil.test/token", "s")
    with pytest.raises(UnusableAnswerError, match="nothing is sent"):
        await asking.grant(evil, ALICE, ["a"])


@pytest.mark.parametrize(
    ("status", "expected"), [(200, True), (401, False), (403, False), (404, False)]
)
async def test_a_manifest_may_be_read_or_not(status: int, expected: bool) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{SAFE}/v2/a/manifests/1.0", Reply(status))
    assert await client(registry).reader(ALICE)("a", "1.0") is expected


@pytest.mark.parametrize("status", [429, 500, 302])
async def test_what_says_neither_is_an_error(status: int) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{SAFE}/v2/a/manifests/1.0", Reply(status, b"", (("Location", "https://b.test"),)))
    with pytest.raises(RegistryError):
        await client(registry).reader(ALICE)("a", "1.0")
    assert len(registry.seen) == 1
