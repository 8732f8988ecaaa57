"""The ``Authorization`` header: none, Basic, or a token of the registry's token service.

The first request is sent without it. After the registry asked for it, later requests with the same
scope carry it at once, which saves a round trip each.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx2

from indexer.clock import Clock
from indexer.errors import InvalidValueError, UnusableAnswerError
from indexer.model import parse_json_object
from indexer.registry.challenges import Challenge, parse_challenges
from indexer.registry.realms import RealmGuard
from indexer.registry.responses import Response, lasting, make_error
from indexer.registry.urls import get_origin

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
    ``realms`` says which token services get the credentials.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        *,
        clock: Clock,
        realms: RealmGuard,
        ask_token: Callable[[httpx2.URL, str], Awaitable[Response]],
    ) -> None:
        self.username = credentials.username if credentials else ""
        self._basic = basic_header(credentials)
        self._clock = clock
        self._realms = realms
        self._ask_token = ask_token
        self._basic_kinds: set[str] = set()
        self._grants: dict[str, _Grant] = {}
        self._tokens: dict[_Grant, _Token] = {}
        self._sweep_at = TOKENS_SWEPT_FROM

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
        self._realms.check(realm, with_credentials=bool(self._basic))
        return _Grant(
            realm=realm,
            service=challenge.parameters.get("service", ""),
            scope=challenge.parameters.get("scope", "") or scope,
        )

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
        url = token_url(grant.realm, grant.service, grant.scope.split())
        response = await self._ask_token(url, self._basic)
        if response.status != 200:
            # Without the body, which may contain a token.
            raise make_error(replace(response, body=b""))
        try:
            token = parse_token(response.body)
        except InvalidValueError as error:
            raise UnusableAnswerError(f"GET {response.asked}: 200, but no token: {error}") from None
        await self._realms.keep(get_origin(url))
        return token


def token_url(realm: str, service: str, scopes: Iterable[str], *, safe: str = "") -> httpx2.URL:
    """Return the address at which a token service gives a token for some scopes.

    Characters in ``safe`` are not escaped, which makes it shorter.
    """
    pairs = [("service", service)] if service else []
    pairs += [("scope", scope) for scope in scopes]
    separator = "&" if "?" in realm else "?"
    try:
        return httpx2.URL(f"{realm}{separator}{urlencode(pairs, safe=safe)}")
    except httpx2.InvalidURL as error:
        shown_pairs = " ".join(scope for _, scope in pairs)[:200]
        raise lasting(f"the challenge makes no URL of {shown_pairs!r}") from error


def parse_token(body: bytes) -> tuple[str, float]:
    """Return a token as a header value, and its lifetime in seconds.

    The messages of errors never repeat the body.
    """
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


def basic_header(credentials: Credentials | None) -> str:
    """Return the header of Basic authentication; "" without credentials."""
    if credentials is None:
        return ""
    pair = f"{credentials.username}:{credentials.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
