"""Sign-ins at an issuer (OpenID Connect): the way there and back, and the tokens it signs."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact
from starlette.types import Scope

from indexer.clock import Clock
from indexer.errors import SignInError
from indexer.model import one_line
from indexer.settings import OidcSettings
from search_api.access.authorization import NAME_MAX
from search_api.access.caller import Caller
from search_api.access.oidc.issuer import Issuer
from search_api.access.sessions import Sessions

ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)
"""What may sign a token: a key that only the issuer has."""
LEEWAY_SECONDS = 60
"""The most by which the clocks of the issuer and of this service may differ."""
FLOW_SECONDS = 600
"""How long signing in at the issuer may take."""
FLOW_COOKIE = "regsearch-flow"
TOKEN_MAX = 16_384
"""The most characters of a token."""
GROUPS_MAX = 2_000
CALLBACK = "sign-in/callback"
_KEYS_TRIED_MAX = 4


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a user goes to sign in, and the cookie by which they are known when they are back."""

    address: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A user who is back from the issuer, and where they came from."""

    caller: Caller
    next_address: str


class Oidc:
    """Lets users sign in at one issuer, and knows the tokens that it signed."""

    def __init__(self, settings: OidcSettings, *, clock: Clock, issuer: Issuer) -> None:
        self._settings = settings
        self._clock = clock
        self._issuer = issuer
        self.name = issuer.name
        """The host of the issuer, for people."""

    @property
    def basis(self) -> str:
        """What a sign-in is based on: after a change of it, sessions do not count any more."""
        return f"{self._settings.issuer} {self._settings.client_id}"

    async def depart(
        self, scope: Scope, sessions: Sessions, *, base_url: str, next_address: str
    ) -> Departure:
        """Begin a sign-in; ``base_url`` is the address of this service, with its path.

        What must be the same when the user is back is made of a number that only this browser and
        this service know: state, nonce and the code verifier (PKCE).
        """
        number = secrets.token_urlsafe(32)
        address = await self._issuer.authorization_url(
            redirect=f"{base_url}/{CALLBACK}",
            state=sessions.derive("state", number),
            nonce=sessions.derive("nonce", number),
            code_verifier=sessions.derive("verifier", number),
        )
        value = {"i": number, "n": next_address, "t": self._clock.now().timestamp()}
        signed = sessions.sign(value, purpose=FLOW_COOKIE)
        cookie = sessions.cookie(scope, FLOW_COOKIE, signed, seconds=FLOW_SECONDS)
        return Departure(address, cookie)

    async def arrive(
        self, scope: Scope, sessions: Sessions, *, base_url: str, said: Mapping[str, str]
    ) -> Arrival:
        """Return the user who is back; ``said`` are the parameters of the address.

        :class:`SignInError` if the issuer let nobody in, or if it was not begun in this browser;
        :class:`UnreachableError` if the issuer does not answer.
        """
        flow = sessions.unsign(sessions.read_cookie(scope, FLOW_COOKIE), purpose=FLOW_COOKIE)
        now = self._clock.now().timestamp()
        if flow is None or now - flow["t"] > FLOW_SECONDS:
            raise SignInError(
                "this sign-in was not begun in this browser, or more than ten minutes ago"
            )
        number = str(flow["i"])
        state = sessions.derive("state", number)
        if not secrets.compare_digest(said.get("state", "").encode(), state.encode()):
            raise SignInError("this sign-in was not begun here: its state is another one")
        if said.get("iss", self._settings.issuer) != self._settings.issuer:
            raise SignInError("another issuer sent you here")
        if error := said.get("error", ""):
            raise SignInError(f"{self.name} did not let you in: {one_line(error, limit=100)}")
        tokens = await self._issuer.exchange(
            said.get("code", ""),
            redirect=f"{base_url}/{CALLBACK}",
            verifier=sessions.derive("verifier", number),
        )
        access_token = tokens.get("access_token")
        claims = await self._check(
            tokens.get("id_token"),
            nonce=sessions.derive("nonce", number),
            access_token=access_token,
        )
        wanted = {self._settings.name_claim, self._settings.groups_claim}
        if not wanted <= claims.keys() and isinstance(access_token, str):
            # Many issuers put into the token only who it is.
            told = await self._issuer.userinfo(access_token)
            if told and told.get("sub") != claims["sub"]:
                raise SignInError(f"{self.name} tells of another user than the one who signed in")
            claims = {**told, **claims}
        return Arrival(self._caller(claims), str(flow["n"]))

    async def caller_of(self, token: str, address: str) -> Caller:
        """Return whose token it is; :class:`SignInError` unless the issuer signed it for us."""
        return self._caller(await self._check(token), address=address)

    def leave(self, scope: Scope, sessions: Sessions) -> str:
        """Return the ``Set-Cookie`` that ends what :meth:`depart` began."""
        return sessions.cookie(scope, FLOW_COOKIE, "")

    async def _check(
        self, token: object, *, nonce: str = "", access_token: object = None
    ) -> dict[str, Any]:
        """Return the claims of a token that this issuer signed for this service, and for now."""
        if not isinstance(token, str) or token.count(".") != 2 or len(token) > TOKEN_MAX:
            raise SignInError("the token is none of this service, and no signed JWT")
        try:
            header = extract_compact(token.encode()).headers()
            number = str(header.get("kid", ""))
            if header.get("alg") not in ALGORITHMS:
                raise SignInError(f"the token is signed with {str(header.get('alg'))[:20]!r}")
            keys = await self._issuer.keys(number)
            decoded = _decode(token, keys)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "sub": {"essential": True},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._settings.client_id,
                    "access_token": access_token,
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            reason = one_line(str(error), limit=200)
            raise SignInError(f"the token does not count here: {reason}") from error
        return dict(claims)

    def _caller(self, claims: Mapping[str, Any], address: str = "") -> Caller:
        claim = self._settings.name_claim
        name = claims.get(claim)
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_MAX:
            raise SignInError(
                f"{self.name} tells no user name: no claim {claim!r} (setting"
                " access.oidc.name_claim)"
            )
        if claim == "email" and claims.get("email_verified") is False:
            raise SignInError(
                f"{self.name} did not verify the address {one_line(name, limit=100)!r}"
            )
        groups = claims.get(self._settings.groups_claim)
        listed = groups if isinstance(groups, list) else [groups]
        texts = frozenset(one for one in listed[:GROUPS_MAX] if isinstance(one, str) and one)
        return Caller("oidc", name, texts, address=address)


def _decode(token: str, keys: list[Any]) -> jwt.Token:
    """Return a token that one of the keys signed; :class:`JoseError` if none did."""
    failure: JoseError = JoseError("no key of the issuer has this id")
    for key in keys[:_KEYS_TRIED_MAX]:
        try:
            return jwt.decode(token, key, algorithms=list(ALGORITHMS))
        except JoseError as error:
            failure = error
    raise failure
