"""The ``Authorization`` header: none, Basic, or a token of the registry's token service.

The first request is sent without it. After the registry asked for it, later requests with the same
scope carry it at once, which saves a round trip each.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx2

from indexer.clock import Clock
from indexer.errors import InvalidValueError, UnusableAnswerError
from indexer.model import parse_json_object
from indexer.registry.challenges import Challenge, parse_challenges
from indexer.registry.responses import Response, lasting, make_error
from indexer.registry.urls import get_origin, shown

TOKEN_BODY_MAX_BYTES = 64 * 1_024
TOKEN_SECONDS_DEFAULT = 60.0
TOKEN_SECONDS_MAX = 24 * 60 * 60.0
TOKEN_LIFE_USED = 0.9
TOKENS_SWEPT_FROM = 1_000

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_TOKEN_TEXT = re.compile(r"[\x21-\x7e]+")

CATALOG_SCOPE = "registry:catalog:*"


def pull_scope(repository: str) -> str:
    """Return the scope for reading one repository."""
    return f"repository:{repository}:pull"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the registry, or of its token service."""

    username: str
    password: str = field(repr=False)


async def _keep_nothing(_origin: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TokenRealm:
    """The token service of a registry, as far as it is known.

    ``named`` is its address in the settings, "" for none. ``pinned`` is the origin that an earlier
    run kept, "" for none; ``keep`` keeps one.
    """

    named: str = ""
    pinned: str = ""
    keep: Callable[[str], Awaitable[None]] = _keep_nothing

    @property
    def origin(self) -> str:
        """The origin that is expected; "" before the first use."""
        return get_origin(httpx2.URL(self.named)) if self.named else self.pinned

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that the settings name, with its port if it has one; at most one."""
        return (httpx2.URL(self.named).netloc.decode(),) if self.named else ()


@dataclass(frozen=True, slots=True)
class _Grant:
    """The parameters of a request for a token; one token is kept for each."""

    realm: str
    service: str
    scope: str


@dataclass(slots=True)
class _Token:
    """The token of one grant. The lock lets one task at a time ask for a new one."""

    header: str = ""
    renew_at: datetime = _LONG_AGO
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_good(self, now: datetime, *, rejected: str) -> bool:
        return bool(self.header) and self.header != rejected and now < self.renew_at


class Authorizer:
    """Knows the header to send, and learns it from the challenges of the registry.

    ``ask_token`` sends a GET to a token service, with its second argument as ``Authorization``.
    ``own`` is the address of the registry.

    A token service at the registry's own host is accepted, and so is the one of the settings.
    Otherwise the first one is, and a different one later is refused, because it would receive the
    credentials. The first one is kept for later runs once it gave a token, if the registry has
    TLS: without, somebody on the way could have named it. Credentials go to another host only over
    TLS, if the settings do not name it.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        *,
        clock: Clock,
        own: httpx2.URL,
        realm: TokenRealm,
        ask_token: Callable[[httpx2.URL, str], Awaitable[Response]],
    ) -> None:
        self._basic = _basic(credentials) if credentials else ""
        self._clock = clock
        self._own = own
        self._realm = realm
        self._ask_token = ask_token
        self._basic_kinds: set[str] = set()
        self._grants: dict[str, _Grant] = {}
        self._tokens: dict[_Grant, _Token] = {}
        self._sweep_at = TOKENS_SWEPT_FROM
        self._realm_origin = realm.origin
        self._kept_origin = realm.pinned

    async def header_for(self, scope: str) -> str:
        """Return the header for a request of ``scope``; "" for none.

        Asks for a new token if the known one is at the end of its life.
        """
        grant = self._grants.get(scope)
        if grant is not None:
            return await self._get_header(grant, rejected="")
        return self._basic if scope.partition(":")[0] in self._basic_kinds else ""

    async def answer_challenge(self, refusal: Response, scope: str) -> str:
        """Return the header for a second try after the 401 ``refusal``.

        :class:`DeniedError` if there is nothing else to try, another :class:`RegistryError` if the
        token service fails.
        """
        challenges = parse_challenges(refusal.headers.get_list("www-authenticate"))
        offered = {challenge.scheme for challenge in challenges}
        for challenge in challenges:
            if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                grant = self._make_grant(challenge, scope)
                header = await self._get_header(grant, rejected=refusal.authorization)
                self._grants[scope] = grant
                return header
        if "basic" in offered and self._basic not in {"", refusal.authorization}:
            self._grants.pop(scope, None)
            self._basic_kinds.add(scope.partition(":")[0])
            return self._basic
        raise make_error(refusal)

    def _make_grant(self, challenge: Challenge, scope: str) -> _Grant:
        realm = challenge.parameters["realm"]
        self._check_realm(realm)
        return _Grant(
            realm=realm,
            service=challenge.parameters.get("service", ""),
            scope=challenge.parameters.get("scope", "") or scope,
        )

    def _check_realm(self, realm: str) -> None:
        """Raise if the credentials may not go to a realm; pin the first one."""
        try:
            url = httpx2.URL(realm)
            host = url.host
        except (httpx2.InvalidURL, ValueError) as error:
            raise lasting(f"the realm of a challenge is no URL: {error}") from error
        if url.scheme not in {"http", "https"} or not host or url.userinfo:
            raise lasting(f"the realm of a challenge is not acceptable: {shown(url)}")
        origin = get_origin(url)
        if self._realm.named and origin == self._realm_origin:
            return
        is_own = host == self._own.host
        remedy = f'if that is right, set token_realm = "{shown(url)}" for this registry'
        if url.scheme == "http" and (self._own.scheme == "https" or (self._basic and not is_own)):
            raise lasting(f"the token service {shown(url)} has no TLS, nothing is sent; {remedy}")
        if is_own and self._realm_origin:
            return
        if self._realm_origin not in {"", origin}:
            raise lasting(
                f"the token service was {self._realm_origin}, now the registry names {shown(url)};"
                f" nothing is sent there; {remedy}"
            )
        self._realm_origin = origin

    async def _get_header(self, grant: _Grant, *, rejected: str) -> str:
        token = self._tokens.get(grant) or self._new_entry(grant)
        if token.is_good(self._clock.now(), rejected=rejected):
            return token.header
        async with token.lock:
            # Another task may have renewed it while this one waited.
            now = self._clock.now()
            if not token.is_good(now, rejected=rejected):
                token.header, seconds = await self._fetch(grant)
                token.renew_at = now + timedelta(seconds=seconds * TOKEN_LIFE_USED)
            return token.header

    def _new_entry(self, grant: _Grant) -> _Token:
        if len(self._tokens) >= self._sweep_at:
            now = self._clock.now()
            self._tokens = {
                grant: token
                for grant, token in self._tokens.items()
                if token.lock.locked() or token.is_good(now, rejected="")
            }
            self._sweep_at = max(TOKENS_SWEPT_FROM, 2 * len(self._tokens))
        return self._tokens.setdefault(grant, _Token())

    async def _fetch(self, grant: _Grant) -> tuple[str, float]:
        """Return a new token as a header value, and its lifetime in seconds."""
        pairs = [("service", grant.service)] if grant.service else []
        pairs += [("scope", scope) for scope in grant.scope.split()]
        separator = "&" if "?" in grant.realm else "?"
        try:
            url = httpx2.URL(f"{grant.realm}{separator}{urlencode(pairs)}")
        except httpx2.InvalidURL as error:
            raise lasting(f"the challenge makes no URL of {grant.scope[:200]!r}") from error
        response = await self._ask_token(url, self._basic)
        if response.status != 200:
            # Without the body, which may contain a token.
            raise make_error(replace(response, body=b""))
        try:
            token = _parse_token(response.body)
        except InvalidValueError as error:
            raise UnusableAnswerError(f"GET {response.asked}: 200, but no token: {error}") from None
        await self._keep(get_origin(url))
        return token

    async def _keep(self, origin: str) -> None:
        is_new = origin == self._realm_origin != self._kept_origin
        if is_new and self._own.scheme == "https":
            await self._realm.keep(origin)
            self._kept_origin = origin


def _parse_token(body: bytes) -> tuple[str, float]:
    """Return header value and lifetime in seconds; the messages never repeat the body."""
    try:
        data = parse_json_object(body)
    except InvalidValueError:
        raise InvalidValueError("not a JSON object") from None
    token = data.get("token") or data.get("access_token")
    if not isinstance(token, str) or not _TOKEN_TEXT.fullmatch(token):
        raise InvalidValueError("neither token nor access_token is a token")
    seconds = data.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        seconds = TOKEN_SECONDS_DEFAULT
    return f"Bearer {token}", float(min(seconds, TOKEN_SECONDS_MAX))


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
