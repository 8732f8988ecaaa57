"""Credentials for registries: who signs in with them, and what is kept of them."""

from collections.abc import Collection, Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.types import Scope

from indexer.errors import GuessLimitError, InvalidValueError, SignInError, UnreachableError
from indexer.settings import RegistrySettings, Settings
from search_api.access import (
    CALLER,
    Access,
    Basic,
    Caller,
    Callers,
    Granted,
    Sessions,
    SignIn,
    SignInGuesses,
)
from search_api.access.sessions import CREDENTIALS_MAX
from tests.fakes.clock import ManualClock
from tests.search_api.access.asking import ELSEWHERE, settings_with, write_users

pytestmark = pytest.mark.anyio

NAMES = {"main": frozenset({"team/web", "bistro"}), "second": frozenset({"only/second"})}
RIGHT = Basic("carol", "of the registry")
REGISTRIES = tuple(
    RegistrySettings(name=name, url=f"https://{name}.example", access="registry")
    for name in ("main", "second")
)


class OnePassword:
    """A registry that knows one user, or is away."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.right = RIGHT
        self.is_away = False

    async def granted(self, caller: Caller, names: Collection[str]) -> Granted:
        """Grant all to that user."""
        basic = caller.basic_for(self._name)
        if self.is_away:
            return Granted(problem=f"registry {self._name!r} is away")
        if basic is None:
            return Granted()
        return Granted(everything=True) if basic == self.right else Granted(is_refused=True)

    def undecided(self, _: Caller, __: Collection[str]) -> frozenset[str]:
        """Return nothing: all is decided by the password."""
        return frozenset()

    async def settle(self, caller: Caller, _: Mapping[str, str], names: Collection[str]) -> Granted:
        """Grant what the password opens."""
        return await self.granted(caller, names)


class Signing:
    """What signs in, over one registry that is asked."""

    def __init__(self, settings: Settings) -> None:
        self.registry = OnePassword("main")
        clock = ManualClock()
        self.sessions = Sessions(settings, clock=clock)
        self.callers = Callers(
            settings, clock=clock, guesses=SignInGuesses(), sessions=self.sessions
        )

        async def read_names() -> dict[str, frozenset[str]]:
            return NAMES

        self.access = Access(
            settings,
            callers=self.callers,
            read_names=read_names,
            asks={"main": self.registry, "second": OnePassword("second")},
        )
        self.sign_in = SignIn(
            settings, callers=self.callers, access=self.access, sessions=self.sessions
        )

    async def scope(self, cookie: str = "") -> Scope:
        """Return the scope of a request with the cookie of an answer."""
        headers = [(b"host", b"search.example")]
        if cookie:
            headers.append((b"cookie", cookie.partition(";")[0].encode()))
        scope: Scope = {
            "type": "http",
            "scheme": "https",
            "path": "/sign-in",
            "headers": headers,
            "client": (ELSEWHERE, 4711),
        }
        scope[CALLER] = await self.callers.find(scope)
        return scope

    async def caller(self, cookie: str) -> Caller:
        """Return who a request with this cookie is."""
        found: Caller = (await self.scope(cookie))[CALLER]
        return found

    async def sees(self, cookie: str) -> list[str]:
        """Return the registries that are seen with a cookie."""
        viewer = await self.access.viewer_of(await self.scope(cookie))
        rights = (await viewer.sight()).rights
        return [name for name in NAMES if rights.sees_registry(name)]


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    users = write_users(tmp_path / "users", "alice")
    return Signing(settings_with(tmp_path, registries=REGISTRIES, access={"htpasswd_file": users}))


async def test_credentials_of_a_registry_are_shown_to_it_alone(signing: Signing) -> None:
    cookie = await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)
    caller = await signing.caller(cookie)
    assert (caller.source, caller.name) == ("registry", "")
    assert dict(caller.credentials) == {"main": RIGHT}
    assert await signing.sees(cookie) == ["main"]
    assert RIGHT.password not in cookie
    assert RIGHT.username not in cookie


async def test_a_second_registry_comes_to_the_first(signing: Signing) -> None:
    first = await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)
    both = await signing.sign_in.by_registry(await signing.scope(first), "second", RIGHT)
    assert await signing.sees(both) == ["main", "second"]
    # Its session ended when the other began.
    assert (await signing.caller(first)).source == "anonymous"


async def test_a_user_of_this_service_stays_signed_in(signing: Signing) -> None:
    mine = await signing.sign_in.by_password(await signing.scope(), Basic("alice", "correct horse"))
    both = await signing.sign_in.by_registry(await signing.scope(mine), "main", RIGHT)
    caller = await signing.caller(both)
    assert (caller.source, caller.name) == ("htpasswd", "alice")
    assert await signing.sees(both) == ["main"]


async def test_who_sends_a_token_does_not_become_the_user_of_a_session(signing: Signing) -> None:
    scope = await signing.scope()
    scope[CALLER] = Caller("token", "root")
    cookie = await signing.sign_in.by_registry(scope, "main", RIGHT)
    assert (await signing.caller(cookie)).name == ""


async def test_wrong_credentials_are_limited_like_passwords(signing: Signing) -> None:
    wrong = Basic("carol", "wrong")
    for _ in range(10):
        with pytest.raises(SignInError, match="wrong user name or password, says registry main"):
            await signing.sign_in.by_registry(await signing.scope(), "main", wrong)
    with pytest.raises(GuessLimitError):
        await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)


async def test_nobody_signs_in_at_a_registry_that_is_away(signing: Signing) -> None:
    signing.registry.is_away = True
    with pytest.raises(UnreachableError, match="away"):
        await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)


async def test_no_registry_of_another_name_gets_a_password(signing: Signing) -> None:
    with pytest.raises(InvalidValueError, match="third"):
        await signing.sign_in.by_registry(await signing.scope(), "third", RIGHT)


async def test_a_session_whose_password_was_changed_at_the_registry_is_over(
    signing: Signing,
) -> None:
    """The page must go on, since a browser cannot send another password by itself."""
    cookie = await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)
    signing.registry.right = Basic("carol", "new")
    assert await signing.sees(cookie) == []
    assert (await signing.caller(cookie)).source == "anonymous"


async def test_after_a_restart_credentials_are_given_again(
    signing: Signing, tmp_path: Path
) -> None:
    cookie = await signing.sign_in.by_registry(await signing.scope(), "main", RIGHT)
    other = Signing(settings_with(tmp_path, registries=REGISTRIES))
    assert (await other.caller(cookie)).source == "anonymous"


async def test_the_credentials_of_many_sessions_are_bounded(signing: Signing) -> None:
    scope = await signing.scope()
    cookies = [
        signing.sessions.begin(scope, Caller("registry", credentials={"main": RIGHT}))
        for _ in range(CREDENTIALS_MAX + 1)
    ]
    assert await signing.sees(cookies[0]) == []
    assert await signing.sees(cookies[-1]) == ["main"]


async def test_a_user_of_a_proxy_has_credentials_only_as_that_user(tmp_path: Path) -> None:
    proxied = settings_with(
        tmp_path,
        registries=REGISTRIES,
        access={"user_header": "X-User"},
        trusted_proxies=(ip_network(f"{ELSEWHERE}/32"),),
    )
    signing = Signing(proxied)
    scope = await signing.scope()
    scope[CALLER] = Caller("proxy", "dora")
    cookie = await signing.sign_in.by_registry(scope, "main", RIGHT)
    # Not through the proxy, nobody says that it is her.
    assert (await signing.caller(cookie)).source == "anonymous"
