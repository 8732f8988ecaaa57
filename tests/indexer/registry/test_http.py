"""Retries, redirects, limits and addresses."""

from importlib.metadata import PackageNotFoundError, version

import httpx2
import pytest

from indexer.errors import (
    InvalidValueError,
    RegistryError,
    TooLargeError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.model.names import RepositoryName
from indexer.registry import (
    USER_AGENT,
    Credentials,
    RegistryClient,
    RegistryTraffic,
    TrafficMeasure,
    is_own_user_agent,
)
from tests.fakes.clock import ManualClock
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, as_json

pytestmark = pytest.mark.anyio

WEB = RepositoryName("team/web")
PATH = "/v2/team/web/manifests/1.0"
GOOD = as_json({"schemaVersion": 2, "layers": []})


@pytest.mark.parametrize(
    "failure",
    [
        *(Reply(status) for status in (408, 429, 499, 500, 502, 503, 504, 522)),
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.ReadTimeout("slow"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("cut off"),
    ],
)
async def test_what_may_pass_is_tried_three_times(failure: Reply | Exception) -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(PATH, failure, failure, GOOD)
    assert await registry.client(clock).manifest(WEB, "1.0") is not None
    first, second = clock.sleeps
    assert 0.75 <= first <= 1.25
    assert 2.25 <= second <= 3.75

    registry.on(PATH, failure)
    registry.seen.clear()
    with pytest.raises(UnreachableError, match=PATH) as caught:
        await registry.client(clock).manifest(WEB, "1.0")
    assert caught.value.temporary
    assert len(registry.seen) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 405, 412])
async def test_what_will_not_pass_is_tried_once(status: int) -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(PATH, Reply(status))
    with pytest.raises(RegistryError):
        await registry.client(clock).manifest(WEB, "1.0")
    assert len(registry.seen) == 1
    assert clock.sleeps == []


async def test_a_short_pause_that_the_registry_asks_for_is_kept() -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(
        PATH,
        Reply(429, b"", (("Retry-After", "10"),)),
        Reply(503, b"", (("Retry-After", "Sun, 01 Mar 2026 12:00:17 GMT"),)),
        GOOD,
    )
    assert await registry.client(clock).manifest(WEB, "1.0") is not None
    assert clock.sleeps == [10.0, 7.0]


async def test_a_long_pause_is_left_to_the_caller() -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(PATH, Reply(429, b"", (("Retry-After", "11"),)))
    with pytest.raises(UnreachableError) as caught:
        await registry.client(clock).manifest(WEB, "1.0")
    assert caught.value.retry_after == 11.0
    assert len(registry.seen) == 1
    assert clock.sleeps == []


async def test_the_pause_asked_for_last_is_passed_on() -> None:
    registry = ScriptedRegistry()
    registry.on(PATH, Reply(503, b"", (("Retry-After", "2"),)))
    with pytest.raises(UnreachableError) as caught:
        await registry.client().manifest(WEB, "1.0")
    assert caught.value.retry_after == 2.0


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, b"", (("Location", location),))


@pytest.mark.parametrize(
    "location", ["/v2/moved", "http://registry.test/v2/moved", "http://REGISTRY.test:80/v2/moved"]
)
async def test_one_redirect_within_the_host_is_followed_with_credentials(location: str) -> None:
    registry = ScriptedRegistry()
    challenge = Reply(401, b"", (("WWW-Authenticate", "Basic realm=x"),))
    registry.on(PATH, challenge, to(location))
    registry.on("/v2/moved", GOOD)
    client = registry.client(credentials=Credentials("alice", "secret"))
    assert await client.manifest(WEB, "1.0") is not None
    assert registry.seen[-1].authorization == registry.seen[-2].authorization != ""


@pytest.mark.parametrize(
    "location",
    [
        "http://elsewhere.test/v2/moved",
        "https://registry.test/v2/moved",
        "http://registry.test:5000/v2/moved",
        "//elsewhere.test/v2/moved",
        "http://user:word@registry.test/v2/moved",
        "ftp://registry.test/v2/moved",
        "http://registry.test:port/",
        "http://xn--0000000000000000000/",
        "http://[::1/",
        "mailto:x",
        ":https://",
        "https:// xn--/",
        "https://%zzxn--https://?_xn--",
        "http:////_\xef\xbc\x8e]/",
        "http://[::1%\xc3\xa9::1]",
        "\x7f",
        "",
    ],
)
async def test_no_other_redirect_is_followed(location: str) -> None:
    registry = ScriptedRegistry()
    registry.on(PATH, to(location))
    with pytest.raises(UnusableAnswerError, match=PATH) as caught:
        await registry.client().manifest(WEB, "1.0")
    assert not caught.value.temporary
    assert "word" not in str(caught.value)
    assert len(registry.seen) == 1


async def test_a_second_redirect_within_the_host_is_not_followed() -> None:
    registry = ScriptedRegistry()
    registry.on(PATH, to("/v2/moved"))
    registry.on("/v2/moved", to("/v2/moved"))
    with pytest.raises(UnusableAnswerError, match="again"):
        await registry.client().manifest(WEB, "1.0")
    assert len(registry.seen) == 2


async def test_a_declared_size_over_the_limit_is_enough_to_stop() -> None:
    registry = ScriptedRegistry()
    registry.on(PATH, Reply(200, b"{}", (("Content-Length", "9" * 30),)))
    with pytest.raises(TooLargeError, match=PATH):
        await registry.client().manifest(WEB, "1.0")


async def test_the_end_of_a_long_error_page_is_not_read() -> None:
    registry = ScriptedRegistry()
    page = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "' + b"x" * 70_000 + b'"}]}'
    registry.on(PATH, Reply(404, page))
    with pytest.raises(UnusableAnswerError) as caught:
        await registry.client().manifest(WEB, "1.0")
    assert len(str(caught.value)) < 300


async def test_cookies_are_not_kept() -> None:
    registry = ScriptedRegistry()
    registry.on(PATH, Reply(200, b'{"layers": []}', (("Set-Cookie", "session=1; Path=/"),)))
    client = registry.client()
    await client.manifest(WEB, "1.0")
    await client.manifest(WEB, "1.0")
    assert "cookie" not in registry.seen[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.test",
        "ftp://registry.test",
        "http://",
        "http://a:secret@b",
        "http://b?x=1",
        "http://b#c",
        "http://b:x",
    ],
)
def test_what_is_no_address_of_a_registry_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        RegistryClient(url, clock=ManualClock())
    assert "secret" not in str(caught.value)


async def test_a_registry_may_live_under_a_path() -> None:
    registry = ScriptedRegistry()
    registry.on("http://host.test/api/docker/key/v2/team/web/manifests/1.0", GOOD)
    client = registry.client(url="http://host.test/api/docker/key/")
    assert await client.manifest(WEB, "1.0") is not None


def test_the_user_agent_names_this_service_and_its_version() -> None:
    try:
        release = version("regsearch")
    except PackageNotFoundError:
        release = "0"
    assert f"regsearch/{release} (registry search companion)" == USER_AGENT
    assert is_own_user_agent(USER_AGENT)
    assert is_own_user_agent("regsearch/9.9")
    assert not is_own_user_agent("skopeo/1.18.0 regsearch/1")
    assert "secret" not in repr(Credentials("alice", "secret"))


async def test_answers_retries_and_rate_limits_are_counted() -> None:
    registry = ScriptedRegistry()
    client = registry.client(ManualClock())
    registry.on(PATH, Reply(429), httpx2.ReadError("reset"), GOOD)
    assert await client.manifest(WEB, "1.0") is not None
    new = client.traffic.take_new()
    assert new[TrafficMeasure.ANSWERS, "4xx"] == new[TrafficMeasure.ANSWERS, "2xx"] == 1
    assert new[TrafficMeasure.ANSWERS, "none"] == 1
    assert new[TrafficMeasure.RETRIES, ""] == 2
    assert new[TrafficMeasure.RATE_LIMITED, ""] == 1
    assert not client.traffic.take_new()


async def test_a_registry_cannot_make_up_classes_of_answers() -> None:
    traffic = RegistryTraffic()
    for status in (100, 299, 599, 600, 987, 12_345):
        traffic.request(status, seconds=0)
    parts = {part for name, part in traffic.measures if name == TrafficMeasure.ANSWERS}
    assert parts == {"1xx", "2xx", "5xx", "6xx", "9xx"}
