"""Callers with rights of every size, and the service that they ask."""

import base64
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any

import httpx2
from starlette.applications import Starlette

from indexer.model import Rights, make_rights
from indexer.settings import AccessSettings, RegistrySettings, RuleSettings, Settings
from search_api.access import add_token, make_token
from search_api.web import make_web
from tests.fakes.clock import START, ManualClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import TokenService
from tests.search_api.access.asking import ELSEWHERE, bearer
from tests.search_api.access.proof.world import HOSTS, PUBLIC, TEAMS, Place, World
from tests.search_api.access.servers import gate_with_tokens
from tests.search_api.filling import settings_for

RULED = tuple(name for name in HOSTS if name != PUBLIC)
SEARCH_HOST = "search.example"
OPERATOR = "root"
ASKED = "outer8"
"""The registry that is asked itself, in the worlds that have one."""
PASSWORD = "of everybody"
USER, GROUPS = "X-Forwarded-User", "X-Forwarded-Groups"
KINDS = ("nothing", "few", "many", "team", "registry", "everything")


@dataclass(frozen=True, slots=True)
class Holder:
    """A caller, and what the rules say that they may see."""

    name: str
    """Empty for somebody who is not signed in."""
    rules: tuple[tuple[str, RuleSettings], ...] = ()
    """Each with its registry."""
    groups: tuple[str, ...] = ()

    def rights(self, places: Iterable[Place]) -> Rights:
        """Return what the rules mean for these repositories, found out in the simplest way."""
        whole, single = {PUBLIC}, {name: set[str]() for name in RULED}
        known = list(places)
        for registry, rule in self.rules:
            if "*" in rule.repositories:
                whole.add(registry)
            for pattern in rule.repositories:
                single[registry] |= {
                    place.repository
                    for place in known
                    if place.registry == registry and fnmatchcase(place.repository, pattern)
                }
        return make_rights(whole, single)


def make_holders(world: World, number: int, *, seed: int = 0) -> list[Holder]:
    """Return so many callers with random rights; the first is nobody."""
    dice = Random(seed)
    made = [Holder("")]
    while len(made) < number:
        kind = KINDS[len(made) % len(KINDS)]
        made.append(_holder(f"{kind}-{len(made)}", kind, world.places, dice))
    return made


def _holder(name: str, kind: str, places: Sequence[Place], dice: Random) -> Holder:
    ruled = [place for place in places if place.registry != PUBLIC]
    match kind:
        case "few":
            chosen = dice.sample(ruled, dice.randint(1, 5))
        case "many":
            chosen = dice.sample(ruled, round(len(ruled) * dice.uniform(0.2, 0.8)))
        case "team":
            rule = RuleSettings(
                repositories=(f"{dice.choice(TEAMS)}/*", f"{dice.choice(TEAMS)}/*"), groups=(name,)
            )
            return Holder(name, ((dice.choice(RULED), rule),), (name,))
        case "registry" | "everything":
            registries = RULED if kind == "everything" else (dice.choice(RULED),)
            rule = RuleSettings(repositories=("*",), users=(name,))
            return Holder(name, tuple((registry, rule) for registry in registries))
        case _:
            chosen = []
    rules = []
    for registry in RULED:
        names = tuple(place.repository for place in chosen if place.registry == registry)
        if names:
            rules.append((registry, RuleSettings(repositories=names, users=(name,))))
    return Holder(name, tuple(rules))


def hidden_from(holder: Holder, world: World) -> set[str]:
    """Return the marks, digests and hosts of which a caller must not read anything."""
    rights = holder.rights(world.places)
    seen = world.seen_by(rights).told()
    seen |= {host for name, host in HOSTS.items() if rights.sees_registry(name)}
    return (world.told() | {*HOSTS.values()}) - seen


def start_asked(world: World, holders: Sequence[Holder], stack: ExitStack) -> str:
    """Start :data:`ASKED` with a token service that grants what the rules say; return its URL."""
    rights = {
        holder.name: set(holder.rights(world.places).repositories.get(ASKED, ()))
        | {
            place.repository
            for place in world.places
            if place.registry == ASKED and holder.rights(world.places).sees_all_of(ASKED)
        }
        for holder in holders
    }
    passwords = {holder.name: PASSWORD for holder in holders if holder.name}
    return stack.enter_context(
        serving(
            gate_with_tokens(
                stack, FakeRegistry(), TokenService(passwords, rights, names_refused=True)
            )
        )
    )


def settings_of(
    directory: Path, holders: Sequence[Holder], engine: str, *, asked: str = ""
) -> Settings:
    """Return settings with the rules of all callers.

    With ``asked``, the address of :data:`ASKED`, that registry decides by itself. A proxy then
    says who the callers are, for a token leaves no room for the credentials of a registry.
    """
    registries = []
    for name, host in HOSTS.items():
        rules = tuple(rule for one in holders for at, rule in one.rules if at == name)
        nobody = RuleSettings(repositories=("no/such",), users=(OPERATOR,))
        given: dict[str, Any] = {"name": name, "url": f"http://{host}", "registry_host": host}
        if asked and name == ASKED:
            given |= {"url": asked, "access": "registry"}
        elif name != PUBLIC:
            given |= {"access": "rules", "rule": (nobody, *rules)}
        registries.append(RegistrySettings.model_validate(given))
    access = AccessSettings.model_validate(
        {
            "operators": [f"user:{OPERATOR}"],
            **({"user_header": USER, "groups_header": GROUPS} if asked else {}),
        }
    )
    update = {
        "registry": tuple(registries),
        "access": access,
        "engine": engine,
        # Answers are compared, however slow the machine is.
        "search_deadline": timedelta(minutes=10),
        "trusted_proxies": (ip_network(ELSEWHERE),) if asked else (),
    }
    return settings_for(directory).model_copy(update=update)


def _by_proxy(holder: Holder) -> dict[str, str]:
    """Return what a proxy sends for a caller, with the credentials for a registry."""
    headers = {USER: holder.name, GROUPS: ",".join(holder.groups)}
    if holder.name == OPERATOR:
        return headers
    pair = base64.b64encode(f"{holder.name}:{PASSWORD}".encode()).decode()
    return headers | {"Authorization": f"Basic {pair}"}


class Service:
    """A service over a data directory, and what each caller sends to it."""

    def __init__(self, settings: Settings, holders: Sequence[Holder]) -> None:
        self._settings = settings
        self.tokens: dict[str, dict[str, str]] = {"": {}}
        for holder in (*holders, Holder(OPERATOR)):
            if holder.name and settings.access.user_header:
                self.tokens[holder.name] = _by_proxy(holder)
            elif holder.name:
                text, token = make_token(
                    holder.name, holder.groups, metrics=False, now=START, expires_at=None
                )
                add_token(settings.data_dir / "tokens.json", token)
                self.tokens[holder.name] = bearer(text)

    @asynccontextmanager
    async def run(
        self, *, raise_errors: bool = True
    ) -> AsyncIterator[tuple[Starlette, httpx2.AsyncClient]]:
        """Start the application; give it and a client of it."""
        app = make_web(self._settings, clock=ManualClock())
        transport = httpx2.ASGITransport(
            app=app, client=(ELSEWHERE, 4711), raise_app_exceptions=raise_errors
        )
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(
                transport=transport,
                base_url=f"http://{SEARCH_HOST}",
                headers={"Accept-Encoding": "identity"},
            ) as client,
        ):
            yield app, client
