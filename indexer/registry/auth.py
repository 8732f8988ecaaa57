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
from indexer.errors import (
    InvalidValueError,
    SettingsError,
    UnreachableError,
    UnusableAnswerError,
)
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
READ_AGAIN_PAUSE = timedelta(seconds=10)
"""How soon refused credentials are read again: a helper may be slow, and many may be refused."""
TOKEN_USER = "<token>"  # noqa: S105 - no secret
"""The user name that docker keeps beside an identity token."""
CLIENT_ID = "regsearch"

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_TOKEN_TEXT = re.compile(r"[\x21-\x7e]+")

CATALOG_SCOPE = "registry:catalog:*"


def pull_scope(repository: str) -> str:
    """Return the scope for reading one repository."""
    return f"repository:{repository}:pull"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the registry, or of its token service.

    With the user name :data:`TOKEN_USER` the password is an identity token: the refresh token of
    OAuth 2, with which a token service gives others.
    """

    username: str
    password: str = field(repr=False)

    @property
    def identity_token(self) -> str:
        """The identity token; "" for a user with a password."""
        return self.password if self.username == TOKEN_USER else ""


ReadCredentials = Callable[[], Awaitable[Credentials | None]]
"""Reads the credentials of a registry anew; None for nobody, :class:`SettingsError` if it fails."""


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

    ``read`` reads the credentials: when the registry first asks who we are, and again when it
    refuses them, because they may have been changed or expired. ``ask_token`` sends a request to a
    token service, with its second argument as ``Authorization``: a GET, or a POST of its third, a
    form. ``realms`` says which token services get the credentials.
    """

    def __init__(
        self,
        read: ReadCredentials,
        *,
        clock: Clock,
        realms: RealmGuard,
        ask_token: Callable[[httpx2.URL, str, bytes], Awaitable[Response]],
    ) -> None:
        self._read = read
        self._credentials: Credentials | None = None
        self._reading = asyncio.Lock()
        self._read_again_at = _LONG_AGO
        self._is_read = False
        self._clock = clock
        self._realms = realms
        self._ask_token = ask_token
        self._basic_kinds: set[str] = set()
        self._grants: dict[str, _Grant] = {}
        self._tokens: dict[_Grant, _Token] = {}
        self._sweep_at = TOKENS_SWEPT_FROM

    @property
    def username(self) -> str:
        """As whom the registry was asked, as far as it wanted to know; "" for nobody."""
        return self._credentials.username if self._credentials else ""

    @property
    def _basic(self) -> str:
        return basic_header(self._credentials)

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
        await self._read_once()
        challenges = parse_challenges(refusal.headers.get_list("www-authenticate"))
        offered = {challenge.scheme for challenge in challenges}
        for challenge in challenges:
            if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                grant = self._make_grant(challenge, scope)
                header = await self._get_header(grant, rejected=refusal.authorization)
                self._grants[scope] = grant
                return header
        if "basic" in offered and self._basic == refusal.authorization != "":
            await self._read_again(self._credentials)
        if "basic" in offered and self._basic not in {"", refusal.authorization}:
            self._grants.pop(scope, None)
            self._basic_kinds.add(scope.partition(":")[0])
            return self._basic
        raise make_error(refusal)

    async def _read_once(self) -> None:
        async with self._reading:
            if not self._is_read:
                self._credentials = await self._read_or_fail()
                self._is_read = True

    async def _read_again(self, refused: Credentials | None) -> bool:
        """Read refused credentials again; tell whether there are others now."""
        async with self._reading:
            now = self._clock.now()
            if self._credentials == refused and now >= self._read_again_at:
                self._read_again_at = now + READ_AGAIN_PAUSE
                self._credentials = await self._read_or_fail()
            return self._credentials not in {None, refused}

    async def _read_or_fail(self) -> Credentials | None:
        try:
            return await self._read()
        except SettingsError as error:
            # Such as a helper whose service is away. It says nothing about the content.
            raise UnreachableError(str(error)) from error

    def _make_grant(self, challenge: Challenge, scope: str) -> _Grant:
        realm = challenge.parameters["realm"]
        self._realms.check(realm, with_credentials=self._credentials is not None)
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
        asked = self._credentials
        response = await self._ask_for(grant, asked)
        if response.status in {400, 401} and await self._read_again(asked):
            response = await self._ask_for(grant, self._credentials)
        if response.status != 200:
            # Without the body, which may contain a token.
            raise make_error(replace(response, body=b""))
        try:
            token = parse_token(response.body)
        except InvalidValueError as error:
            raise UnusableAnswerError(f"GET {response.asked}: 200, but no token: {error}") from None
        await self._realms.keep(get_origin(httpx2.URL(grant.realm)))
        return token

    async def _ask_for(self, grant: _Grant, credentials: Credentials | None) -> Response:
        scopes = grant.scope.split()
        if credentials is None or not credentials.identity_token:
            url = token_url(grant.realm, grant.service, scopes)
            return await self._ask_token(url, basic_header(credentials), b"")
        form = {
            "grant_type": "refresh_token",
            "service": grant.service,
            "client_id": CLIENT_ID,
            "scope": " ".join(scopes),
            "refresh_token": credentials.identity_token,
        }
        return await self._ask_token(httpx2.URL(grant.realm), "", urlencode(form).encode())


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
    """Return the header of Basic authentication; "" without credentials, or with a token."""
    if credentials is None or credentials.identity_token:
        return ""
    pair = f"{credentials.username}:{credentials.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
