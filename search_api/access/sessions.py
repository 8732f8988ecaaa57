"""Sessions of the page: who signed in with a browser.

The cookie says who it is, and is signed, so that a session outlives a restart. Credentials for
registries never leave this process: they are kept in memory, by the id of the session.
"""

import hashlib
import hmac
import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from cachetools import LRUCache
from itsdangerous import BadData, URLSafeSerializer
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from indexer.clock import Clock
from indexer.errors import SettingsError
from indexer.settings import Settings, read_secret_file, short_secret
from search_api.access.caller import Basic, Caller
from search_api.access.tokens import replace_file

log = structlog.get_logger()

LIFETIME = timedelta(hours=12)
"""After this time one signs in again, whatever one did meanwhile."""
IDLE = timedelta(hours=2)
"""A session in which nothing was asked for so long is over."""
RENEWED_AFTER = timedelta(minutes=5)
"""A cookie that says that the session was used longer ago is sent again with the time of now."""
CREDENTIALS_MAX = 1_000
"""Sessions with credentials for registries; of more, those used longest ago end."""
ENDED_MAX = 10_000
"""Sessions that were signed out, and whose cookies have not expired yet."""
COOKIE_MAX = 3_800
"""Browsers keep cookies of up to 4,096 bytes, with name and attributes."""
SECRET_FILE = "session-secret"  # noqa: S105 - the name of the file
ENDED_FILE = "ended-sessions.json"
COOKIE = "regsearch-session"
_SALT = "regsearch session"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in. Times are seconds since 1970."""

    id: str
    source: str
    name: str
    groups: frozenset[str]
    stamp: str
    """What must still be so for the session to go on, such as the password of its user."""
    started: float
    used: float


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        """Read the key, which is made at the first start; :class:`SettingsError` for a bad one."""
        key = session_secret(settings)
        self._key = key.encode()
        self._signer = URLSafeSerializer(
            key,
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._clock = clock
        self._base = settings.base_path
        self._is_tls = settings.public_url.startswith("https:")
        self._groups = named_groups(settings)
        self._credentials: LRUCache[str, dict[str, Basic]] = LRUCache(CREDENTIALS_MAX)
        self._path = settings.data_dir / ENDED_FILE
        self._ended = _read_ended(self._path)

    def find(self, scope: Scope) -> Session | None:
        """Return the session of a request, None if it has none that goes on."""
        text = self.read_cookie(scope, COOKIE)
        session = self._parse(text) if text else None
        if session is None or session.id in self._ended:
            return None
        now = self._now()
        is_over = now - session.started >= LIFETIME.total_seconds()
        return None if is_over or now - session.used >= IDLE.total_seconds() else session

    def credentials(self, session: Session) -> Mapping[str, Basic]:
        """Return what the session may show to registries; it is lost at a restart."""
        return self._credentials.get(session.id, {})

    def begin(
        self, scope: Scope, caller: Caller, *, stamp: str = "", previous: Session | None = None
    ) -> str:
        """Begin a session, in the place of a ``previous`` one; return its ``Set-Cookie``.

        It has an id of its own, so that nobody can know it before. Groups that the settings do not
        name are left out, for a cookie has little place.
        """
        if previous is not None:
            self._end(previous)
        now = self._now()
        session = Session(
            id=secrets.token_urlsafe(24),
            source=caller.source,
            name=caller.name,
            groups=caller.groups & self._groups,
            stamp=stamp,
            started=now,
            used=now,
        )
        if caller.credentials:
            self._credentials[session.id] = dict(caller.credentials)
        return self._cookie(scope, session)

    def renewed(self, scope: Scope, session: Session) -> str:
        """Return the ``Set-Cookie`` that says that a session is in use; empty if that is known."""
        now = self._now()
        if now - session.used < RENEWED_AFTER.total_seconds():
            return ""
        return self._cookie(scope, replace(session, used=now))

    def end(self, scope: Scope, session: Session | None) -> str:
        """End a session, also for who kept its cookie; return the ``Set-Cookie`` without one."""
        if session is not None:
            self._end(session)
        return self.cookie(scope, COOKIE, "")

    def forget_credentials(self, number: str) -> None:
        """Forget what a session may show to registries, because they refused it."""
        self._credentials.pop(number, None)

    def stamp(self, text: str) -> str:
        """Return what a text is kept as in a cookie, which tells nothing of it."""
        return hmac.digest(self._key, text.encode(), hashlib.sha256).hex()[:32]

    def derive(self, purpose: str, number: str) -> str:
        """Return a text that only this service can make of a number, for one purpose."""
        content = f"{purpose} {number}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, content, hashlib.sha256)).decode()[:43]

    def sign(self, value: Mapping[str, Any], *, purpose: str) -> str:
        """Return a signed text of a value, for one purpose."""
        signed = self._signer.dumps(dict(value), salt=f"{_SALT} {purpose}")
        return signed if isinstance(signed, str) else signed.decode()

    def unsign(self, text: str, *, purpose: str) -> dict[str, Any] | None:
        """Return the value of a text that was signed here for this purpose; else None."""
        try:
            value = self._signer.loads(text, salt=f"{_SALT} {purpose}")
        except BadData:
            return None
        return value if isinstance(value, dict) else None

    def read_cookie(self, scope: Scope, name: str) -> str:
        """Return a cookie of this service; those of other names, or without TLS, are not ours."""
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        return cookies.get(self._name(scope, name), "")

    def cookie(self, scope: Scope, name: str, value: str, *, seconds: int | None = None) -> str:
        """Return a ``Set-Cookie``; an empty value removes the cookie."""
        age = "; Max-Age=0" if not value else f"; Max-Age={seconds}" if seconds else ""
        secure = "; Secure" if self.is_tls(scope) else ""
        return (
            f"{self._name(scope, name)}={value}; Path={self._base or '/'}; HttpOnly;"
            f" SameSite=Lax{secure}{age}"
        )

    def is_tls(self, scope: Scope) -> bool:
        """Tell whether the browser speaks TLS, as ``public_url`` or trusted proxies say."""
        return self._is_tls or scope.get("scheme") == "https"

    def _name(self, scope: Scope, name: str) -> str:
        # Browsers take such a cookie only over TLS, and __Host- only for the whole host: below a
        # path, it would be sent to all other services there.
        if not self.is_tls(scope):
            return name
        return f"__Secure-{name}" if self._base else f"__Host-{name}"

    def _cookie(self, scope: Scope, session: Session) -> str:
        value = {
            "i": session.id,
            "s": session.source,
            "n": session.name,
            "g": sorted(session.groups),
            "p": session.stamp,
            "b": session.started,
            "u": session.used,
        }
        signed = self.sign(value, purpose=COOKIE)
        if len(signed) > COOKIE_MAX:
            log.warning("session_too_large", user=session.name[:100], groups=len(session.groups))
            signed = self.sign({**value, "g": []}, purpose=COOKIE)
        return self.cookie(scope, COOKIE, signed)

    def _parse(self, text: str) -> Session | None:
        value = self.unsign(text, purpose=COOKIE)
        if value is None or value.keys() != {"i", "s", "n", "g", "p", "b", "u"}:
            return None
        return Session(
            id=value["i"],
            source=value["s"],
            name=value["n"],
            groups=frozenset(value["g"]),
            stamp=value["p"],
            started=value["b"],
            used=value["u"],
        )

    def _end(self, session: Session) -> None:
        self._credentials.pop(session.id, None)
        now = self._now()
        going_on = {one: until for one, until in self._ended.items() if until > now}
        going_on[session.id] = session.started + LIFETIME.total_seconds()
        self._ended = dict(list(going_on.items())[-ENDED_MAX:])
        try:
            replace_file(self._path, json.dumps(self._ended))
        except OSError as error:
            # It is over for as long as this process runs.
            log.warning("ended_session_not_written", path=str(self._path), reason=error.strerror)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def session_secret(settings: Settings) -> str:
    """Return the key that signs sessions, made at the first start if the settings name none."""
    named = settings.access.session_secret_file
    path = named or settings.data_dir / SECRET_FILE
    what = f"access.session_secret_file {str(path)!r}"
    try:
        if named is None and not path.exists():
            _make(path)
    except OSError as error:
        raise SettingsError(f"{what}: {error}") from error
    secret = read_secret_file(path, setting=what)
    if problem := short_secret(what, secret) if secret else f"{what} is empty":
        raise SettingsError(problem)
    return secret


def _make(path: Path) -> None:
    """Write a new key that only this account can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(descriptor)


def named_groups(settings: Settings) -> frozenset[str]:
    """Return the groups that make a difference: those that the settings name."""
    named: list[Iterable[str]] = [
        rule.groups for registry in settings.registry for rule in registry.rule
    ]
    operators = (one.removeprefix("group:") for one in settings.access.operators if ":" in one)
    return frozenset(group for groups in (*named, operators) for group in groups)


def _read_ended(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(one): float(until) for one, until in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingsError(f"{path}: no list of ended sessions: remove it: {error}") from error
