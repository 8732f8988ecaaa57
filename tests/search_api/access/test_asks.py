"""What registries grant to callers, asked of real servers over real connections."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from indexer.registry import GrantClient, TokenRealm
from indexer.settings import RegistrySettings
from search_api.access.asks import RegistryAsks
from search_api.access.caller import Basic, Caller
from search_api.access.kept_rights import KeptRights
from search_api.access.policy import Granted
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import Gate, TokenService
from tests.search_api.access.servers import gate_with_basic, gate_with_tokens

pytestmark = pytest.mark.anyio

NAMES = frozenset({"team/web", "team/api", "other/db", "public/base"})
ANYBODY = Caller("anonymous")


def caller(username: str, password: str = "secret") -> Caller:
    return Caller("registry", credentials={"main": Basic(username, password)})


ALICE = caller("alice")


@dataclass
class Setup:
    """A registry behind a gate, perhaps a token service, and what asks them."""

    asks: RegistryAsks
    gate: Gate
    clock: ManualClock
    tokens: TokenService = field(default_factory=TokenService)

    async def names(self, who: Caller, names: Iterable[str] = NAMES) -> set[str]:
        granted = await self.asks.granted(who, frozenset(names))
        assert not granted.everything
        return set(granted.names)


class Servers:
    """Starts what a test asks."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.clients: list[GrantClient] = []

    def registry(self, names: Iterable[str] = NAMES) -> FakeRegistry:
        registry = FakeRegistry()
        for name in names:
            registry.put(name, image(), tag="1.0")
        return registry

    def with_tokens(
        self, tokens: TokenService, *, names: Iterable[str] = (), **settings: Any
    ) -> Setup:
        """Return a registry whose token service is ``tokens``."""
        gate = gate_with_tokens(self._stack, self.registry(names), tokens)
        setup = self.asking(gate, **settings)
        setup.tokens = tokens
        return setup

    def with_basic(
        self,
        passwords: dict[str, str],
        rights: Mapping[str, Collection[str]],
        *,
        status: int = 403,
        open_door: bool = False,
        **settings: Any,
    ) -> Setup:
        """Return a registry with Basic and rights within."""
        gate = gate_with_basic(
            self.registry(), passwords, rights, status=status, open_door=open_door
        )
        return self.asking(gate, **settings)

    def asking(self, gate: Gate, **settings: Any) -> Setup:
        url = self._stack.enter_context(serving(gate))
        clock = ManualClock()
        registry = RegistrySettings(name="main", url=url, access="registry", **settings)

        async def connect() -> GrantClient:
            realm = TokenRealm(named=registry.token_realm)
            self.clients.append(GrantClient(url, clock=clock, realm=realm))
            return self.clients[-1]

        return Setup(RegistryAsks(registry, connect=connect, clock=clock), gate, clock)


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    with ExitStack() as stack:
        made = Servers(stack)
        yield made
        for client in made.clients:
            await client.aclose()


def granting(**more: Any) -> TokenService:
    return TokenService(
        passwords={"alice": "secret", "bob": "word"},
        rights={"alice": {"team/web", "team/api"}, "bob": {"other/db"}, "": {"public/base"}},
        **more,
    )


async def test_each_caller_is_told_what_the_token_service_grants_to_them(servers: Servers) -> None:
    setup = servers.with_tokens(granting(names_refused=True))
    answer = await setup.asks.granted(ALICE, NAMES)
    assert answer == Granted(names=frozenset({"team/web", "team/api"}))
    assert await setup.names(caller("bob", "word")) == {"other/db"}
    assert await setup.names(ANYBODY) == {"public/base"}


async def test_wrong_credentials_are_refused_and_grant_nothing(servers: Servers) -> None:
    setup = servers.with_tokens(granting())
    wrong = caller("alice", "wrong")
    assert await setup.asks.granted(wrong, NAMES) == Granted(is_refused=True)
    asked = len(setup.tokens.requests)
    assert await setup.asks.granted(wrong, NAMES) == Granted(is_refused=True)
    assert len(setup.tokens.requests) == asked
    assert await setup.names(ALICE) == {"team/web", "team/api"}


async def test_the_empty_credentials_of_docker_are_those_of_nobody(servers: Servers) -> None:
    setup = servers.with_tokens(granting())
    assert await setup.names(caller("", "")) == {"public/base"}
    assert all(user == "" for user, _ in setup.tokens.requests)


async def test_credentials_go_to_their_registry_and_its_token_service_only(
    servers: Servers,
) -> None:
    setup = servers.with_tokens(granting())
    other = Caller("registry", credentials={"other": Basic("alice", "secret")})
    assert await setup.names(other) == {"public/base"}
    assert {sent for _, sent in setup.gate.seen} == {""}
    assert {user for user, _ in setup.tokens.requests} == {""}


async def test_a_token_service_that_another_host_names_gets_no_credentials(
    servers: Servers,
) -> None:
    setup = servers.with_tokens(granting())
    # Without TLS anybody on the way could have named it; `localhost` is another host here.
    setup.gate.challenge = setup.gate.challenge.replace("127.0.0.1", "localhost")
    answer = await setup.asks.granted(ALICE, NAMES)
    assert not answer.names
    assert (
        answer.problem
        == "a registry gives no usable answer, so it is not known what you may see there"
    )
    assert setup.tokens.requests == []


async def test_rights_are_kept_for_their_lifetime_and_then_asked_for_again(
    servers: Servers,
) -> None:
    setup = servers.with_tokens(granting(names_refused=True), rights_lifetime="1m")
    first = await setup.asks.granted(ALICE, NAMES)
    asked = len(setup.tokens.requests)
    setup.tokens.rights["alice"] = {"other/db"}
    setup.clock.advance(59)
    assert await setup.asks.granted(ALICE, NAMES) is first
    assert len(setup.tokens.requests) == asked
    setup.clock.advance(1)
    assert await setup.names(ALICE) == {"other/db"}


async def test_a_repository_that_came_since_is_asked_for_on_its_own(servers: Servers) -> None:
    setup = servers.with_tokens(granting(names_refused=True))
    await setup.names(ALICE)
    setup.tokens.rights["alice"].add("team/new")
    asked = len(setup.tokens.requests)
    assert "team/new" in await setup.names(ALICE, NAMES | {"team/new"})
    assert setup.tokens.requests[asked:] == [("alice", ["team/new"])]


async def test_requests_of_one_caller_at_the_same_time_ask_once(servers: Servers) -> None:
    setup = servers.with_tokens(granting(names_refused=True))
    answers = await asyncio.gather(*(setup.asks.granted(ALICE, NAMES) for _ in range(20)))
    assert all(answer is answers[0] for answer in answers)
    assert len(setup.tokens.requests) == 2


async def test_rights_of_10_000_repositories_cost_110_requests_at_most(
    servers: Servers, figure: Callable[[str], None]
) -> None:
    names = frozenset(
        f"group{number % 300:03}/team/service-{number:05}" for number in range(10_000)
    )
    mine = {name for name in names if int(name[-5:]) % 10 == 0}
    setup = servers.with_tokens(
        TokenService(passwords={"alice": "secret"}, rights={"alice": mine, "": set()})
    )
    answer = await setup.asks.granted(ALICE, names)
    assert answer == Granted(names=frozenset(mine))
    requests = len(setup.tokens.requests) + len(setup.gate.seen)
    figure(f"requests for the rights on 10,000 repositories: {requests}")
    figure(f"longest query for a token: {max(setup.tokens.query_bytes)} bytes")
    assert requests <= 110
    assert max(setup.tokens.query_bytes) <= 6_000
    assert await setup.asks.granted(ALICE, names) is answer
    assert len(setup.tokens.requests) + len(setup.gate.seen) == requests
    # How much can be asked for is known by now, also for somebody to whom nothing is granted.
    assert await setup.asks.granted(ANYBODY, names) == Granted()


@pytest.mark.parametrize("names_refused", [False, True])
@pytest.mark.parametrize(
    ("reads", "reads_last"), [(1, False), (1, True), (3, False), (10, False), (20, False)]
)
async def test_a_service_that_reads_few_scopes_is_found_out(
    servers: Servers,
    reads: int,
    reads_last: bool,
    names_refused: bool,
    figure: Callable[[str], None],
) -> None:
    names = frozenset(f"team/service-{number:03}" for number in range(150))
    mine = {name for name in names if int(name[-3:]) % 3 == 0}
    service = TokenService(
        passwords={"alice": "secret"},
        rights={"alice": mine},
        reads=reads,
        reads_last=reads_last,
        names_refused=names_refused,
    )
    setup = servers.with_tokens(service)
    assert await setup.asks.granted(ALICE, names) == Granted(names=frozenset(mine))
    requests = len(service.requests)
    service.requests.clear()
    setup.clock.advance(300)
    assert await setup.asks.granted(ALICE, names) == Granted(names=frozenset(mine))
    figure(f"reads {reads}: {requests} requests for 150 repositories, then {len(service.requests)}")
    assert len(service.requests) <= 1 + 150 / min(reads, 150) * 2


async def test_a_service_with_a_shorter_limit_is_asked_for_less(servers: Servers) -> None:
    names = frozenset(f"team/service-{number:03}" for number in range(150))
    service = TokenService(passwords={"alice": "secret"}, rights={"alice": set(names)})
    service.scopes_max = 30
    setup = servers.with_tokens(service)
    assert await setup.asks.granted(ALICE, names) == Granted(names=names)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_service_that_refuses_all_because_of_one_is_asked_for_each(
    servers: Servers, status: int
) -> None:
    service = granting(strict_status=status)
    setup = servers.with_tokens(service, names=NAMES)
    service.rights["alice"] = {"team/web", "team/api", "other/db"}
    answer = await setup.asks.granted(ALICE, NAMES)
    settled = await setup.asks.settle(ALICE, dict.fromkeys(NAMES, "1.0"), NAMES)
    assert set(settled.names) == {"team/web", "team/api", "other/db"}
    assert not answer.is_refused


@pytest.mark.parametrize("how", [{"is_opaque": True}, {"is_lax": True}])
async def test_what_a_token_does_not_tell_is_asked_of_the_registry(
    servers: Servers, how: dict[str, bool]
) -> None:
    service = granting(**how)
    setup = servers.with_tokens(service, names=NAMES)
    answer = await setup.asks.granted(ALICE, NAMES)
    assert answer == Granted(is_exact=False)
    assert setup.asks.undecided(ALICE, NAMES) == NAMES
    references = {"team/web": "1.0", "other/db": "1.0", "team/api": "not-there"}
    settled = await setup.asks.settle(ALICE, references, NAMES)
    assert settled == Granted(names=frozenset({"team/web"}), is_exact=False)
    assert setup.asks.undecided(ALICE, NAMES) == {"team/web", "public/base"}
    asked = len(setup.gate.seen)
    assert await setup.asks.settle(ALICE, references, NAMES) is settled
    assert len(setup.gate.seen) == asked
    assert (await setup.asks.settle(ANYBODY, references, NAMES)).names == frozenset()


async def test_with_basic_each_repository_is_asked_for(servers: Servers) -> None:
    setup = servers.with_basic({"alice": "secret"}, {"alice": {"team/web"}})
    assert await setup.asks.granted(ALICE, NAMES) == Granted(is_exact=False)
    settled = await setup.asks.settle(ALICE, dict.fromkeys(NAMES, "1.0"), NAMES)
    assert settled == Granted(names=frozenset({"team/web"}), is_exact=False)
    assert await setup.asks.granted(caller("alice", "wrong"), NAMES) == Granted(is_refused=True)
    assert await setup.asks.granted(ANYBODY, NAMES) == Granted()


async def test_basic_may_mean_all(servers: Servers) -> None:
    setup = servers.with_basic({"alice": "secret"}, {"alice": NAMES}, basic_means_all=True)
    assert await setup.asks.granted(ALICE, NAMES) == Granted(everything=True)
    assert await setup.asks.granted(caller("alice", "wrong"), NAMES) == Granted(is_refused=True)
    assert await setup.asks.granted(ANYBODY, NAMES) == Granted()
    assert {line for line, _ in setup.gate.seen} == {"GET /v2/"}


async def test_a_registry_that_lets_everybody_in_is_asked_for_each(servers: Servers) -> None:
    rights = {"": {"public/base"}, "alice": {"team/web", "public/base"}}
    setup = servers.with_basic({"alice": "secret"}, rights, open_door=True, status=401)
    every = dict.fromkeys(NAMES, "1.0")
    for who, expected in ((ANYBODY, rights[""]), (ALICE, rights["alice"])):
        assert (await setup.asks.granted(who, NAMES)).names == frozenset()
        assert set((await setup.asks.settle(who, every, NAMES)).names) == expected


async def test_a_registry_that_is_away_shows_what_was_known_for_its_lifetime(
    servers: Servers,
) -> None:
    setup = servers.with_tokens(granting(names_refused=True), rights_lifetime="1m")
    known = await setup.asks.granted(ALICE, NAMES)
    setup.gate.is_away = setup.tokens.is_away = True
    setup.clock.advance(59)
    assert await setup.asks.granted(ALICE, NAMES) is known
    answer = await setup.asks.granted(ALICE, NAMES | {"team/new"})
    away = "a registry does not answer, so it is not known what you may see there"
    assert answer == Granted(names=known.names, is_exact=False, problem=away)
    setup.clock.advance(1)
    answer = await setup.asks.granted(ALICE, NAMES)
    assert answer == Granted(is_exact=False, problem=away)
    asked = len(setup.gate.seen)
    await setup.asks.granted(ALICE, NAMES)
    assert len(setup.gate.seen) == asked
    setup.gate.is_away = setup.tokens.is_away = False
    setup.clock.advance(10)
    assert await setup.asks.granted(ALICE, NAMES) == known


async def test_a_registry_that_goes_away_while_each_is_asked_for(servers: Servers) -> None:
    setup = servers.with_basic({"alice": "secret"}, {"alice": set(NAMES)})
    await setup.asks.granted(ALICE, NAMES)
    await setup.asks.settle(ALICE, {"team/web": "1.0"}, NAMES)
    setup.gate.is_away = True
    answer = await setup.asks.settle(ALICE, {"team/api": "1.0"}, NAMES)
    assert answer.names == {"team/web"}
    assert "does not answer" in answer.problem


async def test_no_credentials_are_kept(servers: Servers) -> None:
    kept = KeptRights()
    setup = servers.with_tokens(granting(names_refused=True))
    setup.asks._kept = kept
    await setup.names(caller("alice", "secret"))
    (key,) = kept._kept
    other = KeptRights()
    assert other.of(None) is not None
    assert b"secret" not in key
    assert "secret" not in repr(kept._kept)
