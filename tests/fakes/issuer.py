"""A small but real issuer of sign-ins (OpenID Connect): it signs, and can misbehave."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from indexer.clock import Clock

CLIENT_ID = "regsearch"
CLIENT_SECRET = "secret of the client"
CODE_SECONDS = 300


@dataclass(slots=True)
class Asked:
    """A sign-in that was begun: what the code stands for."""

    redirect_uri: str
    nonce: str
    challenge: str


@dataclass
class FakeIssuer:
    """An issuer at ``url`` that lets in one user, as soon as they come.

    ``change`` changes the claims of each token before it is signed, ``sign`` how it is signed.
    """

    clock: Clock
    url: str = ""
    user: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "1001",
            "preferred_username": "alice",
            "groups": ["payments", "staff"],
        }
    )
    tells_in_token: bool = True
    """Whether the claims of the user are in the token, and not only in the userinfo."""
    denies: bool = False
    is_away: bool = False
    change: Callable[[dict[str, Any]], dict[str, Any]] = dict
    sign: Callable[[dict[str, Any]], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key: Any = _first_key()
        self.algorithm = "RS256"
        self.codes: dict[str, Asked] = {}

    def rotate(self, *, kind: str = "RSA") -> None:
        """Sign with a new key; the one before is not told any more."""
        number = secrets.token_hex(4)
        if kind == "RSA":
            self.key = RSAKey.generate_key(2048, {"kid": number, "use": "sig"})
            self.algorithm = "RS256"
        else:
            self.key = ECKey.generate_key("P-256", {"kid": number, "use": "sig"})
            self.algorithm = "ES256"

    def token(self, **changed: Any) -> str:
        """Return a token for the user, signed."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "sub": self.user["sub"],
            **(self.user if self.tells_in_token else {}),
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        claims = self.change(claims)
        if self.sign is not None:
            return self.sign(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def app(self) -> Starlette:
        """Return the issuer as an application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    async def _metadata(self, request: Request) -> Response:
        self.requests.append("metadata")
        if self.is_away:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "scopes_supported": ["openid", "profile", "groups"],
                **self.metadata,
            }
        )

    async def _keys(self, request: Request) -> Response:
        self.requests.append("keys")
        if self.is_away:
            return Response(status_code=503)
        return JSONResponse({"keys": [{"kty": "new"}, self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        if asked["client_id"] != CLIENT_ID or asked["code_challenge_method"] != "S256":
            return Response("no client", status_code=400)
        if self.denies:
            answer = {"error": "access_denied", "state": asked["state"]}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=303)
        code = secrets.token_urlsafe(8)
        self.codes[code] = Asked(asked["redirect_uri"], asked["nonce"], asked["code_challenge"])
        answer = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=303)

    async def _token(self, request: Request) -> Response:
        self.requests.append("token")
        if self.is_away:
            return Response(status_code=503)
        sent = dict(parse_qsl((await request.body()).decode()))
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '+')}".encode())
        plain = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode())
        given = request.headers.get("authorization", "").removeprefix("Basic ").encode()
        if given not in {expected, plain}:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked = self.codes.pop(sent.get("code", ""), None)
        verifier = sent.get("code_verifier", "").encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        if asked is None or sent["redirect_uri"] != asked.redirect_uri or digest != asked.challenge:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse(
            {
                "access_token": "access",
                "token_type": "Bearer",
                "id_token": self.token(nonce=asked.nonce),
            }
        )

    async def _userinfo(self, request: Request) -> Response:
        self.requests.append("userinfo")
        if request.headers.get("authorization") != "Bearer access":
            return Response(status_code=401)
        return JSONResponse(self.user)


@cache
def _first_key() -> RSAKey:
    """Return the same key every time: making one takes long."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token that nobody signed."""
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    return b".".join([*texts, b""]).decode()


def signed_with_secret(secret: bytes) -> Callable[[dict[str, Any]], str]:
    """Return what signs with a secret, such as the public key of the issuer or the client's."""

    def sign(claims: dict[str, Any]) -> str:
        key = OctKey.import_key(secret)
        return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])

    return sign


def signed_by_another(number: str) -> Callable[[dict[str, Any]], str]:
    """Return what signs with a key that is not the issuer's, under the id of one that is."""

    def sign(claims: dict[str, Any]) -> str:
        key = RSAKey.generate_key(2048)
        header = {"alg": "RS256", "kid": number}
        return jwt.encode(header, claims, key, algorithms=["RS256"])

    return sign
