"""What callers see: rules, new repositories, registries that are asked, and what is kept."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import SignInError
from indexer.model import ALL_RIGHTS, NO_RIGHTS, Rights
from indexer.settings import RegistrySettings, RuleSettings
from indexer.store import Store
from search_api.access import (
    Access,
    Asks,
    Basic,
    Caller,
    Callers,
    Granted,
    KnownRepositories,
    Repositories,
    SignInGuesses,
    describe_access,
)
from tests.builders import image
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.search_api.access.asking import (
    MAIN_RULED,
    RULES,
    SECOND_PUBLIC,
    asking,
    basic,
    seen,
    settings_with,
)
from tests.search_api.filling import MAIN, SECOND, Pushed, bring_up_to_date, fill, put
from tests.search_api.sample_content import CONTENT

pytestmark = pytest.mark.anyio

ASKED = RegistrySettings(name="main", url=f"http://{MAIN}", access="registry")
ALSO_ASKED = RegistrySettings(name="second", url=f"http://{SECOND}", access="registry")
NOBODY = Caller("anonymous")
NAMES = frozenset({"nginx", "team/web", "team/api", "secret"})


async def rights_of(access: Access, caller: Caller) -> Rights:
    return (await access.sight_of(caller)).rights


class Registry:
    """A registry that knows users with what they may pull, and counts who asks."""

    def __init__(self, users: Mapping[str, Granted], *, name: str = "main") -> None:
        self.name = name
        self.users = users
        self.asked: list[Basic | None] = []

    async def granted(self, caller: Caller, names: Collection[str]) -> Granted:
        basic = caller.basic_for(self.name)
        self.asked.append(basic)
        if basic is None:
            return Granted()
        return self.users.get(basic.username, Granted(is_refused=True))

    def undecided(self, _: Caller, names: Collection[str]) -> frozenset[str]:
        return frozenset(names)

    async def settle(
        self, caller: Caller, references: Mapping[str, str], names: Collection[str]
    ) -> Granted:
        return await self.granted(caller, names)


class Names:
    """The names of a store that a test changes."""

    def __init__(self) -> None:
        self.known: Repositories = {"main": NAMES}

    async def read(self) -> Repositories:
        return self.known


def access_for(
    directory: Path,
    *registries: RegistrySettings,
    names: Names | None = None,
    asks: Mapping[str, Asks] | None = None,
    operators: Collection[str] = (),
) -> Access:
    settings = settings_with(
        directory, registries=registries, access={"operators": list(operators)}
    )
    callers = Callers(settings, clock=ManualClock(), guesses=SignInGuesses())
    names = names or Names()
    return Access(settings, callers=callers, read_names=names.read, asks=asks or {})


async def test_rules_add_up(tmp_path: Path) -> None:
    access = access_for(tmp_path, MAIN_RULED)
    assert (await rights_of(access, NOBODY)).repositories == {"main": {"nginx"}}
    alice = Caller("htpasswd", "alice")
    assert (await rights_of(access, alice)).repositories == {
        "main": {"nginx", "team/web", "team/api"}
    }
    group = Caller("oidc", "x", frozenset({"payments"}))
    assert await rights_of(access, group) is await rights_of(access, alice)


async def test_nobody_has_a_name_that_a_rule_could_mean(tmp_path: Path) -> None:
    """A star is for everybody, and an empty name for nobody."""
    registry = MAIN_RULED.model_copy(update={"rule": (RULES[1],)})
    access = access_for(tmp_path, registry, operators=["user:root", "group:ops"])
    assert await rights_of(access, NOBODY) == NO_RIGHTS
    assert not access.is_operator(NOBODY)
    assert not access.is_operator(Caller("proxy", "", frozenset({"op"})))
    assert access.is_operator(Caller("proxy", "root"))
    assert access.is_operator(Caller("proxy", "x", frozenset({"ops"})))
    assert await rights_of(access, Caller("proxy", "root")) == ALL_RIGHTS


async def test_a_rule_for_all_repositories_is_for_those_to_come(tmp_path: Path) -> None:
    rule = RuleSettings(repositories=("*",), users=("alice",))
    access = access_for(tmp_path, MAIN_RULED.model_copy(update={"rule": (rule,)}))
    assert (await rights_of(access, Caller("proxy", "alice"))).sees_all_of("main")


async def test_rights_are_made_anew_only_after_a_change(tmp_path: Path) -> None:
    names = Names()
    access = access_for(tmp_path, MAIN_RULED, names=names)
    alice = Caller("proxy", "alice")
    before = await rights_of(access, alice)
    assert await rights_of(access, alice) is before
    names.known = {"main": NAMES | {"team/new"}}
    after = await rights_of(access, alice)
    assert after.sees("main", "team/new")
    names.known = {"main": frozenset({*NAMES, "hidden", "team/new"})}
    assert await rights_of(access, alice) == after


async def test_the_store_is_looked_at_once_a_second(tmp_path: Path) -> None:
    names, looks, now = Names(), 0, 100.0

    async def read() -> Repositories:
        nonlocal looks
        looks += 1
        return names.known

    known = KnownRepositories(read, monotonic=lambda: now)
    first = (await known.get())["main"]
    for _ in range(100):
        assert (await known.get())["main"] is first
    assert looks == 1
    now += 1
    names.known = {"main": frozenset(set(NAMES))}
    assert (await known.get())["main"] is first, "equal names are the same object"
    assert looks == 2


async def test_a_registry_is_asked_with_the_credentials_for_it(tmp_path: Path) -> None:
    registry = Registry({"alice": Granted(names=frozenset({"secret"}))})
    access = access_for(tmp_path, ASKED, SECOND_PUBLIC, asks={"main": registry})
    mine = Basic("alice", "p")
    rights = await rights_of(access, Caller("registry", credentials={"main": mine}))
    assert rights.sees("main", "secret")
    assert not rights.sees("main", "nginx")
    assert rights.sees_all_of("second")
    assert registry.asked == [mine]


async def test_credentials_that_no_registry_accepts_are_an_error(tmp_path: Path) -> None:
    registry = Registry({})
    access = access_for(tmp_path, ASKED, asks={"main": registry})
    wrong = {"main": Basic("alice", "wrong")}
    with pytest.raises(SignInError, match="wrong user name or password, says registry main"):
        await rights_of(access, Caller("registry", credentials=wrong))
    # Who is known otherwise just sees nothing of it.
    assert await rights_of(access, Caller("proxy", "alice", credentials=wrong)) == NO_RIGHTS


async def test_a_registry_that_is_away_is_no_wrong_password(tmp_path: Path) -> None:
    away = Granted(problem="registry main does not answer", is_exact=False)
    access = access_for(tmp_path, ASKED, asks={"main": Registry({"alice": away})})
    caller = Caller("registry", credentials={"main": Basic("alice", "p")})
    sight = await access.sight_of(caller)
    assert sight.rights == NO_RIGHTS
    assert sight.problems == {"main": "registry main does not answer"}
    assert not sight.is_exact


async def test_a_registry_that_gives_no_answer_is_seen_by_operators_alone(filled: Path) -> None:
    away = ASKED.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})
    async with asking(settings_with(filled, registries=[away, SECOND_PUBLIC])) as client:
        response = await client.get("/api/v1/search?registry=second")
        assert response.json()["access"] == {"limited": False, "problem": None}
        response = await client.get("/api/v1/search")
        problem = "a registry does not answer, so it is not known what you may see there"
        assert response.json()["access"] == {"limited": True, "problem": problem}
        assert {one["registry"] for one in response.json()["results"]} == {"second"}
        assert (await client.get("/api/v1/search?registry=main")).status_code == 404


@pytest.mark.parametrize(
    ("host", "registries"), [(MAIN, {"main"}), (SECOND, {"second"}), ("search.example", set())]
)
async def test_a_password_goes_to_the_registry_of_the_host_and_to_no_other(
    tmp_path: Path, host: str, registries: set[str]
) -> None:
    settings = settings_with(tmp_path, registries=[ASKED, ALSO_ASKED])
    callers = Callers(settings, clock=ManualClock(), guesses=SignInGuesses())
    scope = {
        "headers": [
            (b"host", host.encode()),
            (b"authorization", basic("alice")["Authorization"].encode()),
        ],
        "client": ("192.0.2.1", 1),
    }
    if not registries:
        with pytest.raises(SignInError, match="are for one registry: ask at the host of that"):
            await callers.find(scope)
        return
    caller = await callers.find(scope)
    assert (caller.source, caller.name) == ("registry", "")
    assert caller.credentials.keys() == registries


async def test_at_the_host_of_a_public_registry_docker_needs_no_password(filled: Path) -> None:
    """Docker sends what it has for that host, as somebody logged in there to push."""
    settings = settings_with(filled, registries=[ASKED, SECOND_PUBLIC])
    async with asking(settings, host=SECOND) as client:
        assert await seen(client, basic("pusher"), "second") == ["only/second", "team/nginx"]


async def test_a_repository_that_is_pushed_is_seen_by_who_may(tmp_path: Path) -> None:
    await fill(tmp_path, CONTENT)
    clock = ManualClock()
    rule = RuleSettings(repositories=("team/*",), users=("*",))
    registry = MAIN_RULED.model_copy(update={"rule": (rule,)})
    async with asking(settings_with(tmp_path, registries=[registry]), clock=clock) as client:
        before = await seen(client)
        with closing(Store(tmp_path)) as store:
            for name in ("team/new", "hidden/one"):
                put(store, [Pushed(name, image(seed=name))], clock=clock)
        await bring_up_to_date(tmp_path, clock=clock)
        async with asyncio.timeout(20):
            while (found := await seen(client)) == before:
                await asyncio.sleep(0.05)
        assert found == sorted([*before, "team/new"])


def test_each_registry_is_described_in_words() -> None:
    read = RegistrySettings(name="a", url="http://a", username="u", password="p")
    assert describe_access(SECOND_PUBLIC) == "everybody sees all of it"
    assert "its 2 rules" in describe_access(MAIN_RULED)
    assert "(it is read with credentials, and access is not set)" in describe_access(read)
    assert "(" not in describe_access(ASKED)
