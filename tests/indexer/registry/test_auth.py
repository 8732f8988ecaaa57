"""What is sent to prove who asks, and to whom."""

import asyncio
import base64
from collections.abc import Callable

import httpx2
import pytest

from indexer.errors import DeniedError, RegistryError, UnreachableError, UnusableAnswerError
from indexer.model.names import RepositoryName
from indexer.registry import Credentials, RegistryClient, TokenRealm, tls_context
from indexer.registry.auth import TOKENS_SWEPT_FROM
from indexer.settings import RegistrySettings
from tests.fakes.clock import ManualClock
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, Seen, as_json, refusal

pytestmark = pytest.mark.anyio

ALICE = Credentials("alice", "secret")
BASIC = "Basic " + base64.b64encode(b"alice:secret").decode()
WEB = RepositoryName("team/web")
REALM = "https://auth.test/token"


def build_path(repository: str) -> str:
    return f"/v2/{repository}/manifests/1.0"


def challenged(*values: str) -> Reply:
    return refusal(401, "UNAUTHORIZED", "", *[("WWW-Authenticate", value) for value in values])


def bearer(scope: str = "repository:team/web:pull", realm: str = REALM) -> str:
    return f'Bearer realm="{realm}",service="registry.test",scope="{scope}"'


def demanding(accepted: set[str], *challenges: str) -> Callable[[Seen], Reply]:
    """Answer only those who send one of ``accepted``, and challenge all others."""

    def answer(seen: Seen) -> Reply:
        return (
            as_json({"layers": []}) if seen.authorization in accepted else challenged(*challenges)
        )

    return answer


def token_url(scope: str = "repository%3Ateam%2Fweb%3Apull") -> str:
    return f"{REALM}?service=registry.test&scope={scope}"


async def read(client: RegistryClient, repository: str = "team/web") -> None:
    assert await client.manifest(RepositoryName(repository), "1.0") is not None


def sent(registry: ScriptedRegistry) -> list[str]:
    return [seen.authorization for seen in registry.seen]


async def test_basic_is_sent_when_asked_for_and_from_then_on() -> None:
    registry = ScriptedRegistry()
    for repository in ("team/web", "team/other"):
        registry.on(build_path(repository), demanding({BASIC}, 'Basic realm="x"'))
    registry.on("/v2/_catalog?n=1000", as_json({"repositories": []}))
    client = registry.client(credentials=ALICE)
    await read(client)
    await read(client, "team/other")
    assert [page async for page in client.repositories()]
    assert sent(registry) == ["", BASIC, BASIC, ""]


async def test_credentials_are_not_sent_unasked() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), as_json({"layers": []}))
    await read(registry.client(credentials=ALICE))
    assert sent(registry) == [""]


async def test_wrong_credentials_are_denied_and_tried_once() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), demanding(set(), 'Basic realm="x"'))
    client = registry.client(credentials=ALICE)
    for requests in (2, 3):
        with pytest.raises(DeniedError) as caught:
            await read(client)
        assert len(registry.seen) == requests
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "challenges", [(), ("Negotiate",), ('Basic realm="x"',), ("Bearer",), ("\x00",)]
)
async def test_without_a_way_to_answer_it_is_denied(challenges: tuple[str, ...]) -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), challenged(*challenges))
    with pytest.raises(DeniedError, match="401"):
        await read(registry.client())
    assert len(registry.seen) == 1


@pytest.mark.parametrize("credentials", [None, ALICE])
@pytest.mark.parametrize("key", ["token", "access_token"])
async def test_a_token_is_fetched_once_for_a_scope(
    credentials: Credentials | None, key: str
) -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, bearer()))
    registry.on(token_url(), as_json({key: "t1", "expires_in": 300}))
    client = registry.client(credentials=credentials)
    await read(client)
    await read(client)
    who = BASIC if credentials else ""
    assert sent(registry) == ["", who, "Bearer t1", "Bearer t1"]
    assert registry.asked[1] == token_url()
    assert client.requests == 4


@pytest.mark.parametrize(
    ("challenges"),
    [
        ('Basic realm="x"', bearer()),
        (bearer(), 'Basic realm="x"'),
        (f'Basic realm="x", {bearer()}',),
        (f'{bearer()}, Basic realm="x"',),
    ],
)
async def test_a_token_is_preferred_to_basic(challenges: tuple[str, ...]) -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, *challenges))
    registry.on(token_url(), as_json({"token": "t1"}))
    await read(registry.client(credentials=ALICE))


@pytest.mark.parametrize(
    ("scope", "query"),
    [
        ('scope="registry:catalog:*"', "scope=registry%3Acatalog%3A%2A"),
        (
            'scope="repository:a:pull,push repository:b:pull"',
            "scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull",
        ),
        ("", "scope=repository%3Ateam%2Fweb%3Apull"),
    ],
)
async def test_the_scope_asked_for_is_that_of_the_challenge(scope: str, query: str) -> None:
    registry = ScriptedRegistry()
    challenge = f'Bearer realm="{REALM}?x=y",service="s",{scope}'
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, challenge))
    registry.on(f"{REALM}?x=y&service=s&{query}", as_json({"token": "t1"}))
    await read(registry.client())


@pytest.mark.parametrize(
    ("expires_in", "good_for", "renewed_after"),
    [
        (300, 269, 271),
        (None, 53, 55),
        (0, 53, 55),
        (-1, 53, 55),
        ("300", 53, 55),
        (True, 53, 55),
        (float("nan"), 53, 55),
        (float("inf"), 77_700, 77_800),
        (10**30, 77_700, 77_800),
    ],
)
async def test_a_token_is_used_for_nine_tenths_of_its_life(
    expires_in: object, good_for: float, renewed_after: float
) -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    accepted = {"Bearer t1", "Bearer t2"}
    registry.on(build_path("team/web"), demanding(accepted, bearer()))
    registry.on(
        token_url(), as_json({"token": "t1", "expires_in": expires_in}), as_json({"token": "t2"})
    )
    client = registry.client(clock)
    await read(client)
    clock.advance(good_for)
    await read(client)
    assert sent(registry)[-1] == "Bearer t1"
    clock.advance(renewed_after - good_for)
    await read(client)
    assert sent(registry)[-2:] == ["", "Bearer t2"]


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    registry = ScriptedRegistry()
    accepted = {"Bearer t1"}
    registry.on(build_path("team/web"), demanding(accepted, bearer()))
    registry.on(token_url(), as_json({"token": "t1"}), as_json({"token": "t2"}))
    client = registry.client()
    await read(client)
    accepted.clear()
    accepted.add("Bearer t2")
    await read(client)
    assert sent(registry)[-3:] == ["Bearer t1", "", "Bearer t2"]
    accepted.clear()
    registry.seen.clear()
    with pytest.raises(DeniedError):
        await read(client)
    assert sent(registry) == ["Bearer t2", "", "Bearer t2"]


async def test_a_fresh_token_that_is_refused_means_denied() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), demanding(set(), bearer()))
    registry.on(token_url(), as_json({"token": "t1"}))
    with pytest.raises(DeniedError) as caught:
        await read(registry.client(credentials=ALICE))
    assert sent(registry) == ["", BASIC, "Bearer t1"]
    assert "t1" not in str(caught.value)


async def test_a_burst_of_requests_asks_for_one_token() -> None:
    registry = ScriptedRegistry()
    tokens = iter(f"t{number}" for number in range(100))
    valid: set[str] = set()

    def mint(seen: Seen) -> Reply:
        token = next(tokens)
        valid.add(f"Bearer {token}")
        return as_json({"token": token})

    registry.on(build_path("team/web"), demanding(valid, bearer()))
    registry.on(token_url(), mint)
    client = registry.client()
    await asyncio.gather(*[read(client) for _ in range(20)])
    assert registry.asked.count(token_url()) == 1
    valid.clear()
    await asyncio.gather(*[read(client) for _ in range(20)])
    assert registry.asked.count(token_url()) == 2


async def test_each_scope_has_its_own_token() -> None:
    registry = ScriptedRegistry()
    for name in ("a", "b"):
        scope = f"repository:{name}:pull"
        registry.on(build_path(name), demanding({f"Bearer {name}"}, bearer(scope)))
        registry.on(token_url(f"repository%3A{name}%3Apull"), as_json({"token": name}))
    client = registry.client()
    for name in ("a", "b", "a", "b"):
        await read(client, name)
    assert sent(registry)[-2:] == ["Bearer a", "Bearer b"]
    assert len(registry.seen) == 8


async def test_tokens_that_are_over_are_forgotten() -> None:
    """Thousands of repositories with a token each must not fill the memory."""
    registry = ScriptedRegistry()
    clock = ManualClock()
    client = registry.client(clock)
    for number in range(TOKENS_SWEPT_FROM + 2):
        name = f"r{number}"
        registry.on(build_path(name), demanding({"Bearer t"}, bearer(f"repository:{name}:pull")))
        registry.on(token_url(f"repository%3A{name}%3Apull"), as_json({"token": "t"}))
        await read(client, name)
        clock.advance(1)
    registry.seen.clear()
    await read(client, f"r{TOKENS_SWEPT_FROM}")
    assert sent(registry) == ["Bearer t"]
    assert len(client._exchange._auth._tokens) < 100


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401), DeniedError),
        (refusal(403, "DENIED"), DeniedError),
        (refusal(404, "NAME_UNKNOWN"), UnusableAnswerError),
        (Reply(400), UnusableAnswerError),
        (Reply(503), UnreachableError),
        (httpx2.ConnectError("refused"), UnreachableError),
        (Reply(200, b"<html>"), UnusableAnswerError),
        (as_json({"toke": "geheim"}), UnusableAnswerError),
        (as_json({"token": 7}), UnusableAnswerError),
        (as_json({"token": "geheim\r\nX: y"}), UnusableAnswerError),
        (as_json({"token": "gehéim"}), UnusableAnswerError),
        (Reply(500, b'{"token": "geheim"}'), UnreachableError),
        (Reply(302, b"", (("Location", "http://elsewhere.test/token"),)), UnusableAnswerError),
    ],
)
async def test_a_token_service_that_fails_is_never_an_absence(
    reply: Reply | Exception, expected: type[RegistryError]
) -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), challenged(bearer()))
    registry.on(token_url(), reply)
    with pytest.raises(RegistryError) as caught:
        await read(registry.client(credentials=ALICE))
    assert type(caught.value) is expected
    assert REALM in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_token_answer_over_the_limit_is_not_read() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), challenged(bearer()))
    registry.on(token_url(), as_json({"token": "x" * 65_536}))
    with pytest.raises(RegistryError, match="65536"):
        await read(registry.client())


async def test_a_token_service_may_redirect_once_within_its_host() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, bearer()))
    registry.on(token_url(), Reply(307, b"", (("Location", "/other"),)))
    registry.on("https://auth.test/other", as_json({"token": "t1"}))
    await read(registry.client())


async def test_a_pause_that_the_token_service_asks_for_is_kept() -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, bearer()))
    pause = Reply(429, b"", (("Retry-After", "4"),))
    registry.on(token_url(), pause, as_json({"token": "t1"}))
    await read(registry.client(clock))
    assert clock.sleeps == [4.0]

    registry.on(token_url(), Reply(429, b"", (("Retry-After", "60"),)))
    with pytest.raises(UnreachableError) as caught:
        await read(registry.client(clock))
    assert caught.value.retry_after == 60.0
    assert clock.sleeps == [4.0]


@pytest.mark.parametrize(
    ("url", "realm"),
    [
        ("https://safe.test", "http://safe.test/token"),
        ("https://safe.test", "ftp://safe.test/token"),
        ("https://safe.test", "/token"),
        ("https://safe.test", "https://user:word@safe.test/token"),
        ("https://safe.test", "https://"),
        ("https://safe.test", "https://[::1/token"),
        ("https://safe.test", "https://safe.test:port/token"),
        ("https://safe.test", "https://%zzxn--a/token"),
        ("http://registry.test", "file:///etc/passwd"),
    ],
)
async def test_credentials_go_to_no_doubtful_realm(url: str, realm: str) -> None:
    registry = ScriptedRegistry()
    registry.on(url + build_path("team/web"), challenged(bearer(realm=realm)))
    with pytest.raises(UnusableAnswerError) as caught:
        await read(registry.client(url=url, credentials=ALICE))
    assert not caught.value.temporary
    assert "word" not in str(caught.value)
    assert len(registry.seen) == 1


async def test_a_scope_that_makes_no_address_is_refused() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("team/web"), challenged(bearer("x" * 70_000)))
    with pytest.raises(UnusableAnswerError, match="no URL"):
        await read(registry.client(credentials=ALICE))
    assert len(registry.seen) == 1


async def test_another_token_service_than_the_first_is_refused() -> None:
    registry = ScriptedRegistry()
    registry.on(build_path("a"), demanding({"Bearer t1"}, bearer("repository:a:pull")))
    registry.on(token_url("repository%3Aa%3Apull"), as_json({"token": "t1"}))
    registry.on(build_path("b"), challenged(bearer("repository:b:pull", "http://evil.test/token")))
    client = registry.client(credentials=ALICE)
    await read(client, "a")
    with pytest.raises(UnusableAnswerError, match=r"evil\.test"):
        await read(client, "b")
    assert not any("evil.test" in url for url in registry.asked)


SAFE = "https://safe.test"


def tokens(registry: ScriptedRegistry, realm: str, *, url: str = SAFE) -> None:
    """Let the registry name a token service, which gives tokens."""
    registry.on(url + build_path("team/web"), demanding({"Bearer t1"}, bearer(realm=realm)))
    query = "?service=registry.test&scope=repository%3Ateam%2Fweb%3Apull"
    registry.on(realm + query, as_json({"token": "t1"}))


def remembering(kept: list[str], *, named: str = "") -> TokenRealm:
    """Return what is known of a token service, which keeps what an earlier one kept."""

    async def keep(origin: str) -> None:
        kept.append(origin)

    return TokenRealm(named=named, pinned=kept[-1] if kept else "", keep=keep)


async def test_the_first_token_service_is_kept_once_it_gave_a_token() -> None:
    kept: list[str] = []
    registry = ScriptedRegistry()
    registry.on(SAFE + build_path("team/web"), challenged(bearer(realm="https://auth.test/token")))
    with pytest.raises(RegistryError):
        await read(registry.client(url=SAFE, realm=remembering(kept)))
    assert kept == []
    tokens(registry, "https://auth.test/token")
    for _ in range(2):
        await read(registry.client(url=SAFE, realm=remembering(kept)))
    assert kept == ["https://auth.test"]
    tokens(registry, "https://evil.test/token")
    client = registry.client(url=SAFE, realm=remembering(kept), credentials=ALICE)
    with pytest.raises(
        UnusableAnswerError,
        match=r"was https://auth\.test, now the registry names https://evil\.test/token;.*"
        r'set token_realm = "https://evil\.test/token"',
    ):
        await read(client)
    assert not any("evil.test" in url for url in registry.asked)


async def test_what_an_unchecked_server_says_of_its_token_service_is_not_kept() -> None:
    """Anybody on the way could have said it, as without TLS."""
    kept: list[str] = []
    registry = ScriptedRegistry()
    tokens(registry, "https://auth.test/token")
    insecure = tls_context(RegistrySettings(url=SAFE, insecure=True))
    await read(registry.client(url=SAFE, realm=remembering(kept), tls=insecure))
    assert kept == []


async def test_the_token_service_of_the_settings_replaces_the_kept_one() -> None:
    kept = ["https://auth.test"]
    registry = ScriptedRegistry()
    tokens(registry, "https://new.test/other")
    realm = remembering(kept, named="https://new.test/token")
    await read(registry.client(url=SAFE, realm=realm, credentials=ALICE))
    assert kept == ["https://auth.test", "https://new.test"]
    tokens(registry, "https://auth.test/token")
    with pytest.raises(UnusableAnswerError, match="nothing is sent"):
        await read(registry.client(url=SAFE, realm=realm, credentials=ALICE))


async def test_a_token_service_at_the_registrys_own_host_is_always_accepted() -> None:
    kept = ["https://auth.test"]
    registry = ScriptedRegistry()
    tokens(registry, "https://safe.test:5001/token")
    for named in ("", "https://new.test/token"):
        realm = remembering(kept, named=named)
        await read(registry.client(url=SAFE, realm=realm, credentials=ALICE))
    assert kept == ["https://auth.test"]


async def test_what_a_registry_without_tls_names_is_not_kept() -> None:
    kept: list[str] = []
    registry = ScriptedRegistry()
    tokens(registry, REALM, url="http://registry.test")
    await read(registry.client(realm=remembering(kept), credentials=ALICE))
    assert kept == []


@pytest.mark.parametrize(
    ("realm", "named", "credentials", "is_sent"),
    [
        ("http://auth.test/token", "", None, True),
        ("http://auth.test/token", "", ALICE, False),
        ("http://auth.test/token", "http://auth.test/token", ALICE, True),
        ("http://registry.test:5001/token", "", ALICE, True),
    ],
)
async def test_credentials_go_elsewhere_without_tls_only_where_the_settings_say_so(
    realm: str, named: str, credentials: Credentials | None, is_sent: bool
) -> None:
    registry = ScriptedRegistry()
    tokens(registry, realm, url="http://registry.test")
    client = registry.client(realm=TokenRealm(named=named), credentials=credentials)
    if is_sent:
        await read(client)
        return
    with pytest.raises(UnusableAnswerError, match="no TLS, nothing is sent"):
        await read(client)
    assert len(registry.seen) == 1


async def test_the_settings_may_name_a_token_service_without_tls() -> None:
    registry = ScriptedRegistry()
    tokens(registry, "http://auth.test/token")
    realm = TokenRealm(named="http://auth.test/token")
    await read(registry.client(url=SAFE, realm=realm, credentials=ALICE))


async def test_a_registry_may_want_basic_for_the_catalog_and_tokens_elsewhere() -> None:
    registry = ScriptedRegistry()
    registry.on("/v2/_catalog?n=1000", challenged("Basic realm=x"), as_json({"repositories": []}))
    registry.on(build_path("team/web"), demanding({"Bearer t1"}, bearer()))
    registry.on(token_url(), as_json({"token": "t1"}))
    client = registry.client(credentials=ALICE)
    assert [page async for page in client.repositories()]
    await read(client)
    assert sent(registry) == ["", BASIC, "", BASIC, "Bearer t1"]
