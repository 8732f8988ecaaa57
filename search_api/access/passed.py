"""Callers whom a search node found, and passes on to an indexer node.

A search node sends what it knows of the caller in a header, and the secret of the nodes in another
one. An indexer node that gets the right secret believes it, so both decide alike. It does not
believe two things: that somebody is the account of the service, and that they are on this machine.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.errors import CallerLimitError, InvalidValueError, RegsearchError, SignInError
from indexer.model import parse_json_object
from indexer.settings import Settings
from search_api.access.caller import OWNER, Basic, Caller
from search_api.access.guesses import SignInGuesses
from search_api.access.peer import without_peer
from search_api.access.sessions import named_groups

NODE_HEADER = "Regsearch-Node"
"""In a request, what shows the secret of the nodes; in its answer, which node believed it."""
CALLER_HEADER = "Regsearch-Caller"
_SENT = frozenset({NODE_HEADER.lower().encode(), CALLER_HEADER.lower().encode()})
_SOURCES = frozenset({"anonymous", "htpasswd", "token", "proxy", "oidc", "registry"})
_IN_SESSION = "at a search node"
"""Stands for the id of a session, which another node has."""
_PASSED = "regsearch_passed_caller"


class CallerHeaders:
    """Makes the headers that pass a caller on. It belongs to a search node."""

    def __init__(self, settings: Settings) -> None:
        """Read the secret; :class:`SettingsError` if it cannot be used."""
        self._proof = _proof(settings)
        self._groups = named_groups(settings)

    def make(self, scope: Scope, caller: Caller, *, registries: Collection[str]) -> dict[str, str]:
        """Return the headers for a node with these registries.

        It gets the credentials for its own registries alone, and the groups that the settings name.
        The account of the service is nobody elsewhere, because nothing verified a name of it.
        """
        if caller.source == OWNER:
            caller = Caller("anonymous", address=caller.address)
        value = {
            "source": caller.source,
            "name": caller.name,
            "groups": sorted(caller.groups & self._groups),
            "credentials": _credentials(caller, registries),
            "is_for_metrics": caller.is_for_metrics,
            "is_in_session": bool(caller.session),
            "address": caller.address,
            "host": Headers(scope=scope).get("host", ""),
            "scheme": scope["scheme"],
        }
        text = base64.b64encode(json.dumps(value).encode()).decode()
        return {NODE_HEADER: self._proof, CALLER_HEADER: text}


def _proof(settings: Settings) -> str:
    """Return what shows that somebody has the secret, which may have signs of any alphabet."""
    return hashlib.sha256(settings.shared_secret().encode()).hexdigest()


def _credentials(caller: Caller, registries: Collection[str]) -> list[Any]:
    """Return each password once, with the registries that it is for: it may be long."""
    by_basic: dict[Basic, list[str]] = {}
    for name, one in caller.credentials.items():
        if name in registries:
            by_basic.setdefault(one, []).append(name)
    return [[one.username, one.password, names] for one, names in by_basic.items()]


class PassedCallers:
    """Takes the headers of search nodes from requests, and has who asked in their place.

    It belongs to an indexer node, and comes before all that looks at the address of a client.
    """

    def __init__(self, app: ASGIApp, settings: Settings, *, guesses: SignInGuesses) -> None:
        """Read the secret; :class:`SettingsError` if it cannot be used."""
        self._app = app
        self._proof = _proof(settings).encode()
        self._mark = (NODE_HEADER.lower().encode(), settings.node_name.encode())
        self._registries = frozenset(one.name for one in settings.registry)
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; who asks for the caller is told if the secret was wrong."""
        if scope["type"] != "http" or not any(name in _SENT for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        given = [(name, value) for name, value in scope["headers"] if name in _SENT]
        others = [(name, value) for name, value in scope["headers"] if name not in _SENT]
        scope = without_peer({**scope, "headers": others})
        try:
            passed = self._read(scope, given)
        except (SignInError, CallerLimitError, InvalidValueError) as error:
            await self._app({**scope, _PASSED: error}, receive, send)
            return
        await self._app(passed, receive, self._marking(send))

    def _read(self, scope: Scope, given: list[tuple[bytes, bytes]]) -> Scope:
        """Return the request as the user sent it to the search node."""
        sent = dict(given)
        proof, is_once = sent.get(self._mark[0], b""), len(given) == len(sent)
        if not (hmac.compare_digest(proof, self._proof) and is_once):
            raise self._refused(scope)
        text = sent.get(CALLER_HEADER.lower().encode(), b"")
        try:
            value = parse_json_object(base64.b64decode(text, validate=True))
            caller = _caller(value, self._registries)
            host = str(value["host"]).encode("latin-1")
            scheme = "https" if value["scheme"] == "https" else "http"
        except (InvalidValueError, KeyError, TypeError, ValueError) as error:
            # Of another version, perhaps.
            raise InvalidValueError(f"{CALLER_HEADER} does not say who asks") from error
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {
            **scope,
            "headers": [(b"host", host), *headers],
            "client": (caller.address, 0) if caller.address else None,
            "scheme": scheme,
            _PASSED: caller,
        }

    def _refused(self, scope: Scope) -> RegsearchError:
        """Return why a wrong secret is refused, after it was counted.

        The right one is believed whatever was guessed, or others at the address of a search node
        could have it refused.
        """
        client = scope.get("client")
        address = client[0] if client else ""
        try:
            with self._guesses.guess(NODE_HEADER, address) as guess:
                guess.is_wrong = True
        except CallerLimitError as error:
            return error
        reason = f"{NODE_HEADER} does not show the secret of the nodes"
        self._guesses.refused("", address, reason)
        return SignInError(reason)

    def _marking(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._mark]}
            await send(message)

        return sending


def passed_caller(scope: Scope) -> Caller | None:
    """Return the caller whom a search node passed on, None if the request is not from one.

    :class:`SignInError` and :class:`GuessLimitError` where the secret is not that of the nodes,
    :class:`InvalidValueError` where it is and the rest cannot be read.
    """
    passed: Caller | RegsearchError | None = scope.get(_PASSED)
    if isinstance(passed, RegsearchError):
        raise passed
    return passed


def _caller(value: Mapping[str, Any], registries: Collection[str]) -> Caller:
    source = value["source"]
    if source not in _SOURCES:
        raise InvalidValueError(f"no caller is known by {source!r}")
    credentials = {
        str(name): Basic(str(username), str(password))
        for username, password, names in value["credentials"]
        for name in names
        if name in registries
    }
    return Caller(
        source,
        str(value["name"]),
        frozenset(map(str, value["groups"])),
        credentials,
        is_for_metrics=value["is_for_metrics"] is True,
        address=str(value["address"]),
        session=_IN_SESSION if value["is_in_session"] is True else "",
    )
