"""What each caller may see: the one object that every surface asks.

Rights come from three places. A registry that is ``public`` is seen by all. Of one with ``rules``,
callers see the repositories of the rules that name them. A registry with ``registry`` is asked
itself. Operators see everything.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol
from urllib.parse import unquote_plus

from cachetools import LRUCache
from starlette.types import Scope

from indexer.errors import SignInError
from indexer.model import ALL_RIGHTS, Rights, make_rights
from indexer.settings import RegistrySettings, RuleSettings, Settings
from search_api.access.caller import OWNER, Caller
from search_api.access.callers import Callers
from search_api.access.calls import gathered
from search_api.access.names import Repositories
from search_api.access.peer import peer_of
from search_api.search import ALL_SIGHT, AskedImage, Sight

EVERYBODY = "*"
"""Among the users of a rule: all, also who is not signed in."""
ALL_REPOSITORIES = "*"
KEPT_MAX = 1_000
"""The rights that are kept; of more, those that were used longest ago are made again."""

FOUND_SECONDS = 5
"""After this time in a request it is found out anew who sent it."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a registry lets a caller see.

    Whoever answers the same twice should answer with the same object: rights are kept by it.
    """

    everything: bool = False
    """Whether it is all, also what comes to the registry later."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """The repositories, if it is not everything."""
    is_exact: bool = True
    """Whether all of these can be pulled; else each must be asked for before it is shown."""
    is_refused: bool = False
    """Whether the registry said that these credentials are wrong. Unknown is not wrong."""
    problem: str = ""
    """Why nothing is known, such as that the registry is away; empty if something is."""


class Asks(Protocol):
    """Asks one registry what a caller may see, and keeps the answer for a while."""

    async def granted(self, caller: Caller, names: Collection[str]) -> Granted:
        """Return what the registry grants of its repositories, which have these names now."""

    def undecided(self, caller: Caller, names: Collection[str]) -> frozenset[str]:
        """Return the repositories that are granted, or may be once they are asked for."""

    async def settle(
        self, caller: Caller, references: Mapping[str, str], names: Collection[str]
    ) -> Granted:
        """Ask for some repositories, each with a tag or digest; return what is granted then."""


_EVERYTHING = Granted(everything=True)
_NOTHING = Granted()


class Access:
    """Decides who may see what."""

    def __init__(
        self,
        settings: Settings,
        *,
        callers: Callers,
        read_names: Callable[[], Awaitable[Repositories]],
        asks: Mapping[str, Asks],
    ) -> None:
        """Take what finds callers, reads the names of all repositories, and asks registries.

        Nobody but operators sees a registry with ``registry`` that nothing asks.
        """
        self._callers = callers
        self._registries = settings.registry
        self._operators = frozenset(settings.access.operators)
        self._read_names = read_names
        self._asks = asks
        self._rules = {one.name: _Rules(one.rule) for one in self._registries if one.rule}
        self._kept: LRUCache[tuple[tuple[bool, frozenset[str]], ...], Rights] = LRUCache(KEPT_MAX)
        self.is_all_public = all(one.mode == "public" for one in self._registries)
        """Whether every caller sees every registry."""

    async def granted_by(self, registry: str, caller: Caller) -> Granted:
        """Return what one registry of the settings grants a caller, whoever else would."""
        asked = next(one for one in self._registries if one.name == registry)
        return await self._granted(asked, caller, await self._read_names())

    def is_operator(self, caller: Caller) -> bool:
        """Tell whether a caller sees everything, and the status with reasons and addresses."""
        if caller.source == OWNER:
            return True
        if caller.name and f"user:{caller.name}" in self._operators:
            return True
        return any(f"group:{group}" in self._operators for group in caller.groups)

    async def viewer_of(self, scope: Scope) -> "CallingViewer":
        """Return the viewer of a request; errors are those of :meth:`Callers.find`."""
        return CallingViewer(self, self._callers, scope, await self._callers.find(scope))

    async def sight_of(self, caller: Caller, *, sees_internals: bool = False) -> Sight:
        """Return what a caller sees now.

        :class:`SignInError` if every registry that got their credentials says that they are wrong,
        and they were for nothing else.
        """
        if self.is_operator(caller):
            return ALL_SIGHT
        sees_internals = sees_internals or caller.is_for_metrics
        if self.is_all_public:
            return Sight(ALL_RIGHTS, sees_internals=sees_internals)
        names = await self._read_names()
        grants = await gathered(self._granted(one, caller, names) for one in self._registries)
        if caller.credentials and not caller.name:
            by_name = {one.name: each for one, each in zip(self._registries, grants, strict=True)}
            if all(by_name[name].is_refused for name in caller.credentials):
                listed = ", ".join(sorted(caller.credentials))
                raise SignInError(f"wrong user name or password, says registry {listed}")
        return Sight(
            self._rights(grants),
            sees_internals=sees_internals,
            is_exact=all(one.is_exact for one in grants),
            problems={
                one.name: each.problem
                for one, each in zip(self._registries, grants, strict=True)
                if each.problem
            },
        )

    async def undecided_of(self, caller: Caller) -> Rights:
        """Return what a caller sees or may turn out to see, of registries that are asked."""
        names = await self._read_names()
        return make_rights(
            (),
            {
                name: asks.undecided(caller, names.get(name, frozenset()))
                for name, asks in self._asks.items()
            },
        )

    async def settle(self, caller: Caller, places: Iterable[AskedImage]) -> None:
        """Ask the registries of some places whether a caller may see them."""
        names = await self._read_names()
        references: dict[str, dict[str, str]] = {}
        for place in places:
            references.setdefault(place.registry, {})[place.repository] = place.reference
        await gathered(
            self._asks[name].settle(caller, wanted, names.get(name, frozenset()))
            for name, wanted in references.items()
            if name in self._asks
        )

    async def _granted(
        self, registry: RegistrySettings, caller: Caller, names: Repositories
    ) -> Granted:
        if registry.mode == "public":
            return _EVERYTHING
        known = names.get(registry.name, frozenset())
        if registry.mode == "rules":
            return self._rules[registry.name].granted(caller, known)
        asks = self._asks.get(registry.name)
        return await asks.granted(caller, known) if asks else _NOTHING

    def _rights(self, grants: list[Granted]) -> Rights:
        """Return the rights, made anew only if something was granted that is not the same."""
        key = tuple((one.everything, one.names) for one in grants)
        if (kept := self._kept.get(key)) is not None:
            return kept
        named = dict(zip((one.name for one in self._registries), grants, strict=True))
        made = make_rights(
            [name for name, one in named.items() if one.everything],
            {name: one.names for name, one in named.items()},
        )
        self._kept[key] = made
        return made


class CallingViewer:
    """Somebody who sent a request."""

    def __init__(self, access: Access, callers: Callers, scope: Scope, caller: Caller) -> None:
        self.caller = caller
        self._access = access
        self._callers = callers
        self._scope = scope
        self._found_at = time.monotonic()

    async def sight(self) -> Sight:
        """Return what they see now; see :meth:`Access.sight_of`."""
        # A stream of changes may be open for days, and its token revoked meanwhile.
        if time.monotonic() - self._found_at > FOUND_SECONDS:
            self.caller = await self._callers.find(self._scope)
            self._found_at = time.monotonic()
        try:
            with self._callers.asking(self.caller):
                sight = await self._access.sight_of(
                    self.caller, sees_internals=peer_of(self._scope).is_local
                )
        except SignInError:
            if not self.caller.session:
                raise
            # A browser cannot send others. The page says that not everything is shown.
            self.caller = self._callers.without_credentials(self.caller)
            return await self.sight()
        if not sight.problems:
            self._callers.accept(self.caller)
        return sight

    @property
    def request_text(self) -> str:
        """Everything in the address of the request, as it was meant."""
        query = self._scope.get("query_string", b"").decode("latin-1")
        return f"{self._scope['path']}?{unquote_plus(query)}"

    async def undecided(self) -> Rights:
        """Return what they see or may turn out to see."""
        return await self._access.undecided_of(self.caller)

    async def settle(self, places: Sequence[AskedImage]) -> Sight:
        """Ask whether they may see these places; return what they see then."""
        await self._access.settle(self.caller, places)
        return await self.sight()


class _Rules:
    """The rules of a registry."""

    def __init__(self, rules: tuple[RuleSettings, ...]) -> None:
        self._rules = rules
        # By the rules that are for a caller: the names that they were applied to, and the outcome.
        self._kept: LRUCache[tuple[int, ...], tuple[frozenset[str], Granted]] = LRUCache(KEPT_MAX)

    def granted(self, caller: Caller, names: frozenset[str]) -> Granted:
        """Return what a caller may see of the repositories with these names."""
        numbers = tuple(n for n, rule in enumerate(self._rules) if _is_for(rule, caller))
        kept = self._kept.get(numbers)
        if kept is None or kept[0] is not names:
            kept = names, _granted_by([self._rules[n] for n in numbers], names)
            self._kept[numbers] = kept
        return kept[1]


def _is_for(rule: RuleSettings, caller: Caller) -> bool:
    if EVERYBODY in rule.users or (caller.name and caller.name in rule.users):
        return True
    return not caller.groups.isdisjoint(rule.groups)


def _granted_by(rules: list[RuleSettings], names: frozenset[str]) -> Granted:
    patterns = [pattern for rule in rules for pattern in rule.repositories]
    if ALL_REPOSITORIES in patterns:
        return _EVERYTHING
    found = frozenset(name for name in names if any(fnmatchcase(name, one) for one in patterns))
    return Granted(names=found)


def describe_access(registry: RegistrySettings) -> str:
    """Return in words who sees a registry."""
    if registry.mode == "public":
        return "everybody sees all of it"
    if registry.mode == "rules":
        return f"callers see what its {len(registry.rule)} rules give to them; operators see all"
    reason = "" if registry.access else " (it is read with credentials, and access is not set)"
    asked = "callers see what it lets them pull, asked with their own credentials"
    return f"{asked}{reason}; operators see all"
