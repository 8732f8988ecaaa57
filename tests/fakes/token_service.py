"""A token service that signs what it grants, and a gate that lets only such tokens through.

The form of the tokens is that of the distribution registry, which checks their signature.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import answers

SERVICE = "registry.test"
ISSUER = "tokens.test"
_TOKEN_SECONDS = 300


class Signer:
    """Signs JSON web tokens with a key of its own (RS256), and has the certificate of the key."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """The certificate as PEM, for the registry to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims."""
        chain = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(chain).decode()]}
        text = f"{_part(header)}.{_part(claims)}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_encoded(signature)}"


@cache
def a_signer() -> Signer:
    """Return the same signer every time: making a key takes long."""
    return Signer()


@dataclass(slots=True)
class TokenService:
    """Grants pulls: to each user of ``rights`` those repositories, "" being anybody.

    ``passwords`` are those of the users. It reads the first ``reads`` scopes of a request, or the
    last one only. With ``names_refused``, a token names what it does not allow, too. An ``opaque``
    token tells nothing. One that is ``lax`` grants all that is asked for. One that is ``strict``
    refuses a request with one scope that it does not grant, with ``strict_status``. Requests with
    more than ``scopes_max`` scopes are too long for it.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    rights: dict[str, set[str]] = field(default_factory=dict)
    reads: int = 1_000
    reads_last: bool = False
    names_refused: bool = False
    is_opaque: bool = False
    is_lax: bool = False
    strict_status: int = 0
    scopes_max: int = 1_000
    is_away: bool = False
    identity_tokens: dict[str, str] = field(default_factory=dict)
    """The user of each identity token, which are sent with a POST, as OAuth 2 says it."""
    listers: set[str] = field(default_factory=set)
    """Users who may read the catalog."""
    requests: list[tuple[str, list[str]]] = field(default_factory=list)
    """The user of each request, and the repositories that it asked for."""
    query_bytes: list[int] = field(default_factory=list)
    signer: Signer = field(default_factory=a_signer)
    granted: dict[str, set[str]] = field(default_factory=dict)
    """What each token allows that was given."""

    @property
    def app(self) -> Starlette:
        """The application; it answers at ``/token``."""
        return Starlette(routes=[Route("/token", self._answer, methods=["GET", "POST"])])

    def allows(self, authorization: str, repository: str) -> bool:
        """Tell whether a token of this service lets pull from a repository."""
        allowed = self.granted.get(authorization.removeprefix("Bearer "))
        if allowed is None or not self.is_lax:
            return allowed is not None and repository in allowed
        return repository in self.rights.get(self._owners[authorization[7:]], set())

    def knows(self, authorization: str) -> bool:
        """Tell whether a token is of this service."""
        return authorization.removeprefix("Bearer ") in self.granted

    _owners: dict[str, str] = field(default_factory=dict)

    async def _answer(self, request: Request) -> Response:
        if self.is_away:
            return Response(status_code=503)
        user = user_of(request.headers.get("authorization", ""), self.passwords)
        scopes = request.query_params.getlist("scope")
        if request.method == "POST":
            form = dict(parse_qsl((await request.body()).decode()))
            assert (form["grant_type"], form["service"]) == ("refresh_token", SERVICE)
            if form["refresh_token"] not in self.identity_tokens:
                return JSONResponse({"error": "invalid_grant"}, 400)
            user, scopes = self.identity_tokens[form["refresh_token"]], form["scope"].split()
        asked = [scope.split(":")[1] for scope in scopes if scope.startswith("repository:")]
        self.requests.append((user or "", asked))
        self.query_bytes.append(len(request.url.query))
        if user is None:
            return JSONResponse({"details": "incorrect username or password"}, 401)
        if len(scopes) > self.scopes_max:
            return Response(status_code=414)
        read = asked[-1:] if self.reads_last else asked[: self.reads]
        allowed = set(read) if self.is_lax else self.rights.get(user, set()) & set(read)
        if self.strict_status and allowed != set(read):
            return JSONResponse({"details": "access forbidden"}, self.strict_status)
        lists = user in self.listers and any(scope.startswith("registry:") for scope in scopes)
        token = self._token(user, read, allowed, lists=lists)
        self.granted[token], self._owners[token] = allowed, user
        return JSONResponse({"token": token, "access_token": token, "expires_in": _TOKEN_SECONDS})

    def _token(self, user: str, read: Sequence[str], allowed: set[str], *, lists: bool) -> str:
        if self.is_opaque:
            return secrets.token_hex(20)
        now = int(time.time())
        access = [
            {"type": "repository", "name": name, "actions": ["pull"] if name in allowed else []}
            for name in read
            if name in allowed or self.names_refused
        ]
        if lists:
            access.append({"type": "registry", "name": "catalog", "actions": ["*"]})
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "access": access}
        times = {"nbf": now - 60, "iat": now, "exp": now + _TOKEN_SECONDS}
        return self.signer.sign({**claims, **times, "jti": secrets.token_hex(8)})


class Gate:
    """Stands before a registry: whoever may not read a repository gets ``status`` and a challenge.

    ``knows`` says whether a header lets in at all, ``allows`` whether it lets pull.
    ``open_door`` lets everybody in at ``/v2/``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        challenge: str,
        knows: Callable[[str], bool],
        allows: Callable[[str, str], bool],
        status: int = 401,
        open_door: bool = False,
    ) -> None:
        self._app = app
        self.challenge = challenge
        self._knows = knows
        self._allows = allows
        self._status = status
        self._open_door = open_door
        self.is_away = False
        self.seen: list[tuple[str, str]] = []
        """Method with path, and ``Authorization``, of each request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        authorization = request.headers.get("authorization", "")
        self.seen.append((f"{request.method} {request.url.path}", authorization))
        named = re.match(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/", request.url.path)
        answer: ASGIApp = self._app
        if self.is_away:
            answer = Response(status_code=503)
        elif named and not self._allows(authorization, named[1]):
            answer = self._refusal(401 if not self._knows(authorization) else self._status)
        elif not named and not self._open_door and not self._knows(authorization):
            answer = self._refusal(401)
        await answer(scope, receive, send)

    def _refusal(self, status: int) -> Response:
        error = answers.refused(status, "UNAUTHORIZED", "authentication required")
        response = answers.error_answer(error)
        if status == 401:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


def bearer(realm: str) -> str:
    """Return the challenge that names a token service."""
    return f'Bearer realm="{realm}",service="{SERVICE}"'


def user_of(authorization: str, passwords: Mapping[str, str]) -> str | None:
    """Return the user of a Basic header, "" for nobody, None for a wrong password."""
    if not authorization:
        return ""
    text = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    name, _, password = text.partition(":")
    return name if passwords.get(name) == password else None


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
