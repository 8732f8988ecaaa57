"""The issuer of sign-ins: what it says of itself, its keys, and the answers of its endpoints.

Everything that it says is read with limits and over TLS, and kept, so that no request of a caller
makes one to the issuer.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from indexer.clock import Clock
from indexer.errors import InvalidValueError, RegistryError, SignInError, UnreachableError
from indexer.model import one_line, parse_json_object
from indexer.registry import BoundedTransport
from indexer.settings import OidcSettings

log = structlog.get_logger()

BODY_MAX_BYTES = 1_000_000
"""The largest answer of an issuer that is read."""
SECONDS = 10.0
"""The longest time that an answer of an issuer may take."""
KEPT = timedelta(hours=1)
"""How long what the issuer says of itself is believed, and its keys, before they are read anew."""
KEYS_MAX_AGE = timedelta(hours=24)
"""Keys that could not be read anew for so long do not count any more."""
ASKED_EVERY = timedelta(seconds=30)
"""The least time between two readings because of a key that is not known, or a failure."""
KEYS_MAX = 100
_KINDS = frozenset({"RSA", "EC", "OKP"})
_REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What an issuer says of itself."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    """Empty if it has none."""
    scopes: frozenset[str]
    token_methods: frozenset[str]
    """How clients may show who they are at the token endpoint."""


class Issuer:
    """Speaks to one issuer. Errors are :class:`UnreachableError` and :class:`SignInError`."""

    def __init__(self, settings: OidcSettings, *, clock: Clock) -> None:
        """Read the secret; :class:`SettingsError` if it cannot be read."""
        self._settings = settings
        self._secret = settings.secret() or None
        self._clock = clock
        self._lock = asyncio.Lock()
        self._endpoints: Endpoints | None = None
        self._keys: dict[str, list[Any]] = {}
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._problem = ""

    @property
    def name(self) -> str:
        """The host of the issuer, for people."""
        return urlsplit(self._settings.issuer).netloc

    async def endpoints(self) -> Endpoints:
        """Return what the issuer says of itself."""
        await self._keep_current()
        if self._endpoints is None:
            raise UnreachableError(self._problem)
        return self._endpoints

    async def keys(self, number: str) -> list[Any]:
        """Return the keys with an id, or all keys for an empty one; the newest that are known.

        They are read again if the id is not known, since issuers change their keys, but not more
        often than once in half a minute: anybody can send ids that nobody knows.
        """
        await self._keep_current()
        if number and number not in self._keys:
            await self._read(since=ASKED_EVERY)
        if self._read_at is None or self._clock.now() - self._read_at > KEYS_MAX_AGE:
            raise UnreachableError(self._problem or f"the keys of {self.name} are too old")
        if number:
            return self._keys.get(number, [])
        return [key for keys in self._keys.values() for key in keys]

    async def authorization_url(self, *, redirect: str, **parameters: str) -> str:
        """Return the address at which a user signs in."""
        endpoints = await self.endpoints()
        scope = "openid profile email"
        if "groups" in endpoints.scopes:
            scope += " groups"
        async with self._client(redirect=redirect, scope=scope) as client:
            made = client.create_authorization_url(endpoints.authorization, **parameters)
        return str(made[0])

    async def exchange(self, code: str, *, redirect: str, verifier: str) -> Mapping[str, Any]:
        """Return what the issuer gives for the code of a sign-in: tokens."""
        endpoints = await self.endpoints()
        async with self._client(redirect=redirect) as client:
            try:
                return dict(
                    await client.fetch_token(
                        endpoints.token,
                        grant_type="authorization_code",
                        code=code,
                        code_verifier=verifier,
                        redirect_uri=redirect,
                    )
                )
            except OAuthError as error:
                reason = one_line(str(error.error), limit=_REASON_MAX)
                raise SignInError(f"{self.name} refused the sign-in: {reason}") from error
            except (httpx2.HTTPError, RegistryError, ValueError) as error:
                raise self._away(error) from error

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return what the issuer tells of a user who is not told of in the token."""
        endpoints = await self.endpoints()
        if not endpoints.userinfo:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return await self._get(endpoints.userinfo, headers=headers)

    def _client(self, *, redirect: str = "", scope: str = "") -> AsyncOAuth2Client:
        methods = self._endpoints.token_methods if self._endpoints else frozenset()
        is_posted = "client_secret_post" in methods and "client_secret_basic" not in methods
        method = "client_secret_post" if self._secret and is_posted else None
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._secret,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            redirect_uri=redirect,
            scope=scope or None,
            transport=BoundedTransport(
                self._settings.issuer, clock=self._clock, limit=BODY_MAX_BYTES, seconds=SECONDS
            ),
        )

    async def _keep_current(self) -> None:
        is_known = self._endpoints is not None and self._read_at is not None
        if is_known and self._read_at and self._clock.now() - self._read_at < KEPT:
            return
        await self._read(since=ASKED_EVERY)

    async def _read(self, *, since: timedelta) -> None:
        """Read everything again, unless that was done a short time ago."""
        async with self._lock:
            now = self._clock.now()
            if self._asked_at is not None and now - self._asked_at < since:
                return
            self._asked_at = now
            try:
                url = get_well_known_url(self._settings.issuer, external=True)
                self._endpoints = self._parse(await self._get(url))
                self._keys = _parse_keys(await self._get(self._endpoints.keys))
                self._read_at = now
            except (UnreachableError, InvalidValueError) as error:
                # What was known goes on, for keys rarely change.
                self._problem = str(error)
                log.warning("issuer_not_read", issuer=self._settings.issuer, reason=str(error))

    def _parse(self, said: Mapping[str, Any]) -> Endpoints:
        """Return the endpoints; :class:`InvalidValueError` if they are not this issuer's."""
        issuer = said.get("issuer")
        if issuer != self._settings.issuer:
            shown = one_line(str(issuer), limit=_REASON_MAX)
            raise InvalidValueError(
                f"the issuer calls itself {shown!r}: write that into access.oidc.issuer"
            )
        methods = _texts(said.get("token_endpoint_auth_methods_supported"))
        return Endpoints(
            authorization=self._address(said, "authorization_endpoint"),
            token=self._address(said, "token_endpoint"),
            keys=self._address(said, "jwks_uri"),
            userinfo=self._address(said, "userinfo_endpoint")
            if "userinfo_endpoint" in said
            else "",
            scopes=_texts(said.get("scopes_supported")),
            token_methods=methods,
        )

    def _address(self, said: Mapping[str, Any], name: str) -> str:
        url = said.get(name)
        parts = urlsplit(url if isinstance(url, str) else "")
        # Without TLS only where the issuer is, which the settings allow on this machine alone.
        is_own = parts.netloc == urlsplit(self._settings.issuer).netloc
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_own)
        if not isinstance(url, str) or not is_safe or "#" in url:
            shown = one_line(str(url), limit=_REASON_MAX)
            raise InvalidValueError(f"{name} of {self.name} is {shown!r}, no https address")
        return url

    async def _get(self, url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return a JSON object; :class:`UnreachableError` for anything else."""
        async with self._client() as client:
            try:
                response = await client.request(
                    "GET", url, headers=dict(headers or {}), withhold_token=True
                )
                return _object_of(response)
            except (httpx2.HTTPError, RegistryError, InvalidValueError) as error:
                raise self._away(error) from error

    def _away(self, error: Exception) -> UnreachableError:
        reason = one_line(f"{type(error).__name__} {error}", limit=_REASON_MAX)
        return UnreachableError(f"{self.name} gives no answer that can be used: {reason}")


def _parse_keys(said: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the public keys that sign, by id; those that cannot be used are left out."""
    listed = said.get("keys")
    if not isinstance(listed, list):
        raise InvalidValueError("jwks_uri: no list of keys")
    found: dict[str, list[Any]] = {}
    for one in listed[:KEYS_MAX]:
        # A secret key would be known to everybody, and let everybody sign.
        if not isinstance(one, dict) or one.get("kty") not in _KINDS or one.get("use") == "enc":
            continue
        try:
            key = JWKRegistry.import_key(json.loads(json.dumps(one)))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        found.setdefault(str(one.get("kid", "")), []).append(key)
    return found


def _object_of(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise InvalidValueError(f"GET {response.url.path}: {response.status_code}")
    return parse_json_object(response.content)


def _texts(value: object) -> frozenset[str]:
    return (
        frozenset(one for one in value if isinstance(one, str))
        if isinstance(value, list)
        else frozenset()
    )
