"""What callers may read of a registry, asked with their own credentials.

No credentials are kept here: each question brings those of its caller, and what a token service
gave for them is thrown away with the answer.
"""

import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import httpx2

from indexer.clock import Clock
from indexer.errors import (
    DeniedError,
    InvalidValueError,
    TooLargeError,
    UnusableAnswerError,
)
from indexer.model import parse_json_object
from indexer.registry.auth import Credentials, basic_header, parse_token, pull_scope, token_url
from indexer.registry.challenges import parse_challenges
from indexer.registry.http import Exchange, Request, make_transport
from indexer.registry.manifests import MANIFEST_HEADERS
from indexer.registry.realms import RealmGuard, TokenRealm
from indexer.registry.responses import Response, make_error
from indexer.registry.support import SUPPORT
from indexer.registry.tls import is_verified
from indexer.registry.traffic import RegistryTraffic
from indexer.registry.urls import check_base

SCOPES_MAX_BYTES = 6_000
"""The longest query for a token: servers read lines of 8 kB at most, and some proxies fewer."""
_READ_SECONDS = 10.0
_SUPPORT = replace(SUPPORT, read_seconds=_READ_SECONDS)
_TOO_MUCH = frozenset({400, 413, 414, 431})


class Scheme(StrEnum):
    """How a registry wants to know who asks."""

    NONE = "none"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class Way:
    """How a registry wants to know who asks, and the token service that it names."""

    scheme: Scheme
    realm: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What one token tells: the repositories that it names, and those that may be pulled.

    A token may name a repository and allow nothing there.
    """

    named: frozenset[str]
    pulled: frozenset[str]


class GrantClient:
    """Asks one registry what callers may read. Close it at the end.

    ``url`` is the address of the registry, ``realm`` its token service as far as it is known,
    ``max_in_flight`` the number of requests at the same time. Nothing is tried twice: somebody
    waits. Errors are under :class:`RegistryError`; their messages are for operators, and have
    addresses.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        realm: TokenRealm | None = None,
        max_in_flight: int = 8,
        blob_hosts: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        traffic: RegistryTraffic | None = None,
    ) -> None:
        self.traffic = traffic or RegistryTraffic()
        self._url = url
        self._clock = clock
        own = httpx2.URL(check_base(url))
        self._realms = RealmGuard(
            own, realm or TokenRealm(), needs_tls=True, proves_itself=is_verified(tls)
        )
        self._max_in_flight = max_in_flight
        # All callers share the connections; who asks is in the headers of each request.
        self._transport = transport or make_transport(
            own, max_in_flight=max_in_flight, hosts=(*blob_hosts, *self._realms.hosts), tls=tls
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def find_way(self) -> Way:
        """Return how the registry wants to know who asks, as it says at its address ``/v2/``."""
        response = await self._exchange(None).ask(_SUPPORT)
        if response.status == 200:
            return Way(Scheme.NONE)
        challenges = parse_challenges(response.headers.get_list("www-authenticate"))
        if response.status == 401:
            for challenge in challenges:
                if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                    service = challenge.parameters.get("service", "")
                    return Way(Scheme.TOKEN, challenge.parameters["realm"], service)
            if any(challenge.scheme == "basic" for challenge in challenges):
                return Way(Scheme.BASIC)
        raise make_error(response)

    async def admits(self, way: Way, credentials: Credentials | None) -> bool:
        """Tell whether the registry, or its token service, takes these credentials."""
        if way.scheme is Scheme.NONE:
            return True
        try:
            if way.scheme is Scheme.TOKEN:
                await self._token(way, credentials, [])
                return True
        except DeniedError:
            return False
        if credentials is None:
            return False
        response = await self._exchange(None).ask(_SUPPORT, basic_header(credentials))
        if response.status not in {200, 401, 403}:
            raise make_error(response)
        return response.status == 200

    async def grant(
        self, way: Way, credentials: Credentials | None, names: Iterable[str]
    ) -> TokenGrant | None:
        """Return what a token for pulling these repositories tells; None for an opaque token.

        The signature of a token is for the registry to check, and not for us: we asked the token
        service ourselves, over the connection that its name and TLS protect, and use the token
        nowhere.

        :class:`DeniedError` if the credentials are not taken, :class:`TooLargeError` if there are
        too many names for one request.
        """
        asked = list(names)
        response = await self._token(way, credentials, [pull_scope(name) for name in asked])
        if response.status == 403:
            # Some services refuse where others give a token that allows nothing.
            return TokenGrant(frozenset(), frozenset())
        try:
            token, _ = parse_token(response.body)
        except InvalidValueError as error:
            raise UnusableAnswerError(f"GET {response.asked}: 200, but no token: {error}") from None
        return _read_grant(token, frozenset(asked))

    def reader(self, credentials: Credentials | None) -> Callable[[str, str], Awaitable[bool]]:
        """Return what tells whether a manifest may be read, by repository and tag or digest.

        It asks with HEAD, and keeps the tokens that it needs: it is for one question and not to be
        kept. What the registry does not find may not be read either.
        """
        exchange = self._exchange(credentials)

        async def may_read(repository: str, reference: str) -> bool:
            request = Request(
                path=f"/v2/{repository}/manifests/{reference}",
                scope=pull_scope(repository),
                headers=MANIFEST_HEADERS,
                limit=0,
                read_seconds=_READ_SECONDS,
                method="HEAD",
            )
            try:
                response = await exchange.get(request)
            except DeniedError:
                return False
            if response.status not in {200, 401, 403, 404}:
                raise make_error(response)
            return response.status == 200

        return may_read

    def _exchange(self, credentials: Credentials | None) -> Exchange:
        return Exchange(
            self._url,
            clock=self._clock,
            credentials=credentials,
            transport=self._transport,
            max_in_flight=self._max_in_flight,
            blob_hosts=(),
            realms=self._realms,
            traffic=self.traffic,
            retry_delays=(),
        )

    async def _token(
        self, way: Way, credentials: Credentials | None, scopes: list[str]
    ) -> Response:
        """Return the answer of the token service: 200, or 403 where it refuses these scopes."""
        self._realms.check(way.realm, with_credentials=credentials is not None)
        url = token_url(way.realm, way.service, scopes, safe=":/")
        if len(scopes) > 1 and len(url.query) > SCOPES_MAX_BYTES:
            raise TooLargeError(f"more than {SCOPES_MAX_BYTES} bytes of scopes for one token")
        response = await self._exchange(None).ask_token(url, basic_header(credentials))
        if response.status == 200:
            return response
        if response.status in _TOO_MUCH and len(scopes) > 1:
            raise TooLargeError(str(response))
        if response.status == 403 and scopes:
            return response
        # Without the body, which may contain a token.
        raise make_error(replace(response, body=b""))


def _read_grant(token: str, asked: frozenset[str]) -> TokenGrant | None:
    """Return what a token says of the repositories that were asked for; None if it is opaque."""
    entries = _access(token)
    if entries is None:
        return None
    named, pulled = set(), set()
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") != "repository":
            continue
        name, actions = entry.get("name"), entry.get("actions")
        if not isinstance(name, str) or name not in asked:
            continue
        named.add(name)
        if isinstance(actions, list) and ("pull" in actions or "*" in actions):
            pulled.add(name)
    return TokenGrant(frozenset(named), frozenset(pulled))


def _access(token: str) -> list[object] | None:
    """Return the claim ``access`` of a JSON web token; None if there is none."""
    parts = token.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = parse_json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, InvalidValueError):
        return None
    access = claims.get("access")
    return access if isinstance(access, list) else None
