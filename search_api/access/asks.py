"""Asks one registry what its callers may see, with their own credentials.

A token service tells it for many repositories at once. Other registries tell only whether one
image may be read, so what a search finds there is asked for before it is shown
(:meth:`RegistryAsks.settle`). Until then such a repository is not seen at all: totals, facets and
other spellings tell nothing of it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta

import structlog

from indexer.clock import Clock
from indexer.errors import DeniedError, RegistryError, UnreachableError
from indexer.registry import (
    Credentials,
    GrantClient,
    RegistryTraffic,
    Scheme,
    TokenGrant,
    TokenRealm,
    Way,
    tls_context,
)
from indexer.settings import RegistrySettings, Settings
from search_api.access.caller import Caller
from search_api.access.calls import gathered
from search_api.access.kept_rights import CallerRights, KeptRights, Standing
from search_api.access.policy import Granted
from search_api.access.token_rights import PARALLEL, ScopesRead, ask_tokens

log = structlog.get_logger()

ASK_SECONDS = 8.0
"""How long one request waits for what a registry grants; what is known by then is kept."""
SETTLE_SECONDS = 5.0
SETTLED_MAX = 200
"""The most repositories that are asked for one by one for one request."""
RETRY_AFTER = timedelta(seconds=10)
"""How long a registry that gave no answer is left alone, for each caller."""
LOGGED_EVERY = timedelta(minutes=1)


class _OpaqueTokenError(Exception):
    """A token does not tell what it grants."""


class RegistryAsks:
    """Asks one registry, and keeps for each caller what it said for ``rights_lifetime``."""

    def __init__(
        self,
        registry: RegistrySettings,
        *,
        connect: Callable[[], Awaitable[GrantClient]],
        clock: Clock,
        kept: KeptRights | None = None,
    ) -> None:
        """Take the settings of the registry, and what makes its client at the first question."""
        self._registry = registry
        self._connect = connect
        self._clock = clock
        self._kept = kept or KeptRights()
        self._scopes = ScopesRead()
        self._client: GrantClient | None = None
        self._connecting = asyncio.Lock()
        self._logged_until = clock.now()

    async def granted(self, caller: Caller, names: Collection[str]) -> Granted:
        """Return what the registry grants of its repositories, which have these names now.

        Requests of one caller ask once. Repositories that came since are asked for on their own.
        """
        credentials = self._credentials(caller)
        rights = self._kept.of(credentials)
        async with rights.lock:
            now = self._clock.now()
            rights.renew(now, self._registry.rights_lifetime)
            if self._is_open(rights, names) and now >= rights.retry_at:
                await self._try(rights, self._ask(rights, credentials, names), ASK_SECONDS)
                self._kept.sweep()
            return rights.answer_for(names)

    async def settle(
        self, caller: Caller, references: Mapping[str, str], names: Collection[str]
    ) -> Granted:
        """Ask for single repositories, each with a tag or digest; return what is granted then.

        Those that are decided already are not asked for, and at most 200 are.
        """
        credentials = self._credentials(caller)
        rights = self._kept.of(credentials)
        async with rights.lock:
            now = self._clock.now()
            is_settled_so = rights.standing is Standing.ONE_BY_ONE and now < rights.until
            waiting = [
                (name, reference)
                for name, reference in references.items()
                if name not in rights.decided.names
            ][:SETTLED_MAX]
            if is_settled_so and waiting and now >= rights.retry_at:
                await self._try(
                    rights, self._ask_each(rights, credentials, waiting), SETTLE_SECONDS
                )
            return rights.answer_for(names)

    def undecided(self, caller: Caller, names: Collection[str]) -> frozenset[str]:
        """Return the repositories that may turn out to be granted; those that are, too."""
        rights = self._kept.of(self._credentials(caller))
        if rights.standing is not Standing.ONE_BY_ONE:
            return frozenset()
        decided = rights.decided
        return frozenset(names) - (decided.names - decided.granted)

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()

    def _credentials(self, caller: Caller) -> Credentials | None:
        basic = caller.basic_for(self._registry.name)
        # Docker sends an empty user and password for nobody.
        if basic is None or not (basic.username or basic.password):
            return None
        return Credentials(basic.username, basic.password)

    def _is_open(self, rights: CallerRights, names: Collection[str]) -> bool:
        if rights.standing is Standing.LISTED:
            return not rights.decided.names.issuperset(names)
        return rights.standing is Standing.UNKNOWN

    async def _try(self, rights: CallerRights, asking: Awaitable[None], seconds: float) -> None:
        """Ask; where that fails, what was known and what became known meanwhile stays."""
        rights.problem = ""
        try:
            async with asyncio.timeout(seconds):
                await asking
        except (RegistryError, TimeoutError) as error:
            rights.problem = _problem(error)
            rights.retry_at = self._clock.now() + RETRY_AFTER
            self._log(error)
        finally:
            rights.changed()

    async def _ask(
        self, rights: CallerRights, credentials: Credentials | None, names: Collection[str]
    ) -> None:
        client = await self._connected()
        way = await client.find_way()
        if rights.standing is Standing.UNKNOWN:
            rights.standing = await self._stand(client, way, credentials)
        if rights.standing is Standing.LISTED:
            await self._ask_tokens(client, way, rights, credentials, names)

    async def _stand(
        self, client: GrantClient, way: Way, credentials: Credentials | None
    ) -> Standing:
        """Return how the rights of a caller are to be found out."""
        if way.scheme is Scheme.TOKEN:
            # Whether a token service grants what does not exist tells whether it grants anything.
            nowhere = f"regsearch-asks/{secrets.token_hex(8)}"
            try:
                answer = await client.grant(way, credentials, [nowhere])
            except DeniedError:
                if await client.admits(way, credentials):
                    return Standing.LISTED
                return Standing.NOTHING if credentials is None else Standing.REFUSED
            is_believed = answer is not None and not answer.pulled
            return Standing.LISTED if is_believed else Standing.ONE_BY_ONE
        if way.scheme is Scheme.BASIC and credentials is None:
            return Standing.NOTHING
        if not await client.admits(way, credentials):
            return Standing.REFUSED
        return Standing.EVERYTHING if self._registry.basic_means_all else Standing.ONE_BY_ONE

    async def _ask_tokens(
        self,
        client: GrantClient,
        way: Way,
        rights: CallerRights,
        credentials: Credentials | None,
        names: Collection[str],
    ) -> None:
        async def ask(asked: Sequence[str]) -> TokenGrant:
            try:
                answer = await client.grant(way, credentials, asked)
            except DeniedError:
                # The credentials are good, so it refuses some of what was asked for.
                return TokenGrant(frozenset(), frozenset())
            if answer is None:
                raise _OpaqueTokenError
            return answer

        waiting = [name for name in names if name not in rights.decided.names]
        try:
            await ask_tokens(waiting, ask=ask, scopes=self._scopes, decided=rights.decided)
        except _OpaqueTokenError:
            rights.standing = Standing.ONE_BY_ONE
        if not rights.decided.names.issuperset(names):
            # Nothing shows that the service read all that it was asked.
            rights.standing = Standing.ONE_BY_ONE

    async def _ask_each(
        self,
        rights: CallerRights,
        credentials: Credentials | None,
        waiting: Sequence[tuple[str, str]],
    ) -> None:
        may_read = (await self._connected()).reader(credentials)
        turns = asyncio.Semaphore(PARALLEL)

        async def ask(name: str, reference: str) -> None:
            async with turns:
                is_granted = await may_read(name, reference)
            rights.decide(name, is_granted=is_granted)

        await gathered(ask(name, reference) for name, reference in waiting)

    async def _connected(self) -> GrantClient:
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    def _log(self, error: Exception) -> None:
        now = self._clock.now()
        if now >= self._logged_until:
            self._logged_until = now + LOGGED_EVERY
            reason = str(error) or "no answer in time"
            log.warning("rights_not_known", registry=self._registry.name, reason=reason)


def _problem(error: Exception) -> str:
    """Return what a caller is told: no address, and no registry, because they may see none."""
    if isinstance(error, TimeoutError | UnreachableError):
        return "a registry does not answer, so it is not known what you may see there"
    return "a registry gives no usable answer, so it is not known what you may see there"


def make_asks(
    settings: Settings,
    *,
    clock: Clock,
    read_token_origin: Callable[[str], Awaitable[str]],
    traffic: Mapping[str, RegistryTraffic],
) -> dict[str, RegistryAsks]:
    """Return what asks each registry whose access is ``registry``, by its name.

    ``read_token_origin`` gives the token service to which the indexer pinned a registry, "" if to
    none. ``traffic`` counts the requests to each.
    """

    def asks(registry: RegistrySettings) -> RegistryAsks:
        async def connect() -> GrantClient:
            pinned = await read_token_origin(registry.name)
            return GrantClient(
                registry.url,
                clock=clock,
                realm=TokenRealm(named=registry.token_realm, pinned=pinned),
                max_in_flight=registry.max_in_flight,
                blob_hosts=registry.blob_hosts,
                tls=tls_context(registry),
                traffic=traffic[registry.name],
            )

        return RegistryAsks(registry, connect=connect, clock=clock)

    return {one.name: asks(one) for one in settings.registry if one.mode == "registry"}
