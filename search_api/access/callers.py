"""Finds out who sends a request: by a token, a password, or what a trusted proxy says."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cachetools import TTLCache
from starlette.datastructures import Headers
from starlette.types import Scope

from indexer.clock import Clock
from indexer.errors import BusyError, InvalidValueError, SignInError, UnreachableError
from indexer.model import fold
from indexer.settings import Settings
from search_api.access.authorization import parse_authorization
from search_api.access.caller import OWNER, Basic, Caller
from search_api.access.guesses import SignInGuesses
from search_api.access.htpasswd import HtpasswdFile
from search_api.access.passed import passed_caller
from search_api.access.peer import Peer, peer_of
from search_api.access.sessions import Session, Sessions
from search_api.access.token_uses import TokenUses
from search_api.access.tokens import PREFIX, Tokens, tokens_path

if TYPE_CHECKING:
    from search_api.access.oidc import Oidc

ACCEPTED_SECONDS = 300
"""How long credentials that a registry accepted count as no guess."""
ACCEPTED_MAX = 10_000


class Callers:
    """Knows the users of the settings. It belongs to the web process."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        guesses: SignInGuesses,
        sessions: Sessions | None = None,
        oidc: "Oidc | None" = None,
        owner_token: str = "",
    ) -> None:
        """Read the files of the settings; :class:`SettingsError` if one cannot be used.

        ``sessions`` are those of browsers, if anybody can sign in with one; ``oidc`` knows the
        tokens of an issuer. With ``owner_token`` ask the commands of the account of the service.
        """
        self._owner_token = owner_token
        self._clock = clock
        self._sessions = sessions
        self._oidc = oidc
        self._guesses = guesses
        path = settings.access.htpasswd_file
        self._htpasswd = HtpasswdFile(path) if path else None
        self._tokens = Tokens(tokens_path(settings))
        self._uses = TokenUses(settings.data_dir, clock)
        self._hosts: dict[str, list[str]] = {}
        for one in settings.registry:
            for host in (one.registry_host, *one.hosts):
                self._hosts.setdefault(fold(host), []).append(one.name)
        self._modes = {one.name: one.mode for one in settings.registry}
        asked = [name for name, mode in self._modes.items() if mode == "registry"]
        self._only_asked = asked if len(asked) == 1 else []
        # Nothing is hidden and nobody has a name here: what others send is of no interest.
        self._is_open = self._htpasswd is None and set(self._modes.values()) <= {"public"}
        self._key = secrets.token_bytes(32)
        self._accepted: TTLCache[bytes, bool] = TTLCache(ACCEPTED_MAX, ACCEPTED_SECONDS)

    async def find(self, scope: Scope) -> Caller:
        """Return who sends a request.

        :class:`SignInError` if they show that they are somebody and are not;
        :class:`GuessLimitError` after too many wrong passwords; :class:`InvalidValueError` for
        headers that have no meaning.
        """
        if (passed := passed_caller(scope)) is not None:
            return passed
        peer, client = peer_of(scope), scope.get("client")
        address = client[0] if client else ""
        if peer.problem:
            raise InvalidValueError(peer.problem)
        sent = self._sent(scope, peer, address)
        if text := _token_in(sent):
            return self._by_token(text, address)
        basic = sent if isinstance(sent, Basic) else None
        by_session = self._by_session(scope, peer, address) if sent is None else None
        if by_session is not None:
            return by_session
        if peer.user:
            credentials = self._credentials(basic, scope)
            return Caller("proxy", peer.user, peer.groups, credentials, address=address)
        if isinstance(sent, str) and self._oidc is not None:
            return await self._by_issuer(self._oidc, sent, address)
        if sent is None or self._is_open:
            return Caller("anonymous", address=address)
        if basic is None:
            raise self._refused("", address, "the token is not known here")
        return await self._by_password(basic, scope, address)

    async def check_password(self, basic: Basic, address: str) -> Caller:
        """Return the user of our own file whose name and password these are.

        :class:`SignInError` and :class:`GuessLimitError` as for :meth:`find`.
        """
        if self._htpasswd is None or not await self._is_ours(
            self._htpasswd, basic, address, others=False
        ):
            raise self._refused(basic.username, address, "wrong user name or password")
        return Caller("htpasswd", basic.username, address=address)

    def stamp_of(self, caller: Caller) -> str:
        """Return what must still be so for a session of this caller to go on."""
        if self._sessions is None:
            return ""
        return self._sessions.stamp(self._basis(caller.source, caller.name))

    def without_credentials(self, caller: Caller) -> Caller:
        """Return a caller of a session whose credentials registries do not take any more."""
        if self._sessions is not None:
            self._sessions.forget_credentials(caller.session)
        if caller.name:
            return replace(caller, credentials={})
        return Caller("anonymous", address=caller.address)

    @contextmanager
    def asking(self, caller: Caller) -> Iterator[None]:
        """Enclose the asking of registries, which says whether their passwords are right.

        :class:`GuessLimitError` after too many wrong ones.
        """
        digests = [self._digest(one) for one in caller.credentials.values()]
        if caller.source != "registry" or all(one in self._accepted for one in digests):
            yield
            return
        name = next(iter(caller.credentials.values())).username
        with self._guesses.guess(name, caller.address) as guess:
            try:
                yield
            except SignInError as error:
                guess.is_wrong = True
                self._guesses.refused(name, caller.address, str(error))
                raise

    def accept(self, caller: Caller) -> None:
        """Note that registries did not refuse the credentials of a caller."""
        for one in caller.credentials.values():
            self._accepted[self._digest(one)] = True

    def close(self) -> None:
        """Write what is not written yet."""
        self._uses.write()
        if self._htpasswd is not None:
            self._htpasswd.close()

    def _sent(self, scope: Scope, peer: Peer, address: str) -> Basic | str | None:
        try:
            return parse_authorization(scope["headers"])
        except SignInError as error:
            if peer.user or self._is_open:
                # It was for the proxy, or for nobody.
                return None
            raise self._refused("", address, str(error)) from error

    def _by_session(self, scope: Scope, peer: Peer, address: str) -> Caller | None:
        """Return who signed in with this browser, None if nobody did or it does not count now."""
        session = self._sessions.find(scope) if self._sessions else None
        if session is None or self._sessions is None or not self._stands(session, peer):
            return None
        credentials = self._sessions.credentials(session)
        if session.source == "registry" and not credentials:
            return None
        # What a proxy says of groups is newer.
        groups = peer.groups if peer.user else session.groups
        return Caller(
            session.source,
            session.name,
            groups,
            credentials,
            address=address,
            session=session.id,
        )

    def _stands(self, session: Session, peer: Peer) -> bool:
        """Tell whether what a session was begun with is still so."""
        if peer.user or session.source == "proxy":
            return session.source == "proxy" and session.name == peer.user
        if session.source == "registry":
            return True
        basis = self._basis(session.source, session.name)
        is_same = self._sessions is not None and session.stamp == self._sessions.stamp(basis)
        return bool(basis) and is_same

    def _basis(self, source: str, name: str) -> str:
        """Return what a sign-in is based on; empty if it does not count any more."""
        if source == "htpasswd" and self._htpasswd is not None:
            return self._htpasswd.stamp(name)
        if source == "oidc" and self._oidc is not None:
            return self._oidc.basis
        return ""

    async def _by_issuer(self, oidc: "Oidc", text: str, address: str) -> Caller:
        try:
            return await oidc.caller_of(text, address)
        except SignInError as error:
            raise self._refused("", address, str(error)) from error
        except UnreachableError as error:
            raise BusyError(str(error)) from error

    def _by_token(self, text: str, address: str) -> Caller:
        if self._owner_token and hmac.compare_digest(text.encode(), self._owner_token.encode()):
            return Caller(OWNER, address=address)
        token = self._tokens.find(text, self._clock.now())
        if token is None:
            raise self._refused("", address, "the token is unknown, revoked or expired")
        self._uses.note(token.id)
        if token.metrics:
            return Caller("token", is_for_metrics=True, address=address)
        return Caller("token", token.user, frozenset(token.groups), address=address)

    async def _by_password(self, basic: Basic, scope: Scope, address: str) -> Caller:
        credentials = self._credentials(basic, scope)
        at_host = self._hosts.get(_host(scope), [])
        # Docker sends what it has for a host, also where nobody asks for it.
        is_asked_for = not at_host or any(self._modes[name] != "public" for name in at_host)
        others = bool(credentials) or not is_asked_for
        if self._htpasswd is not None and await self._is_ours(
            self._htpasswd, basic, address, others=others
        ):
            shown = credentials if at_host else {}
            return Caller("htpasswd", basic.username, credentials=shown, address=address)
        if credentials:
            return Caller("registry", credentials=credentials, address=address)
        if not is_asked_for:
            return Caller("anonymous", address=address)
        if self._htpasswd is not None:
            raise self._refused(basic.username, address, "wrong user name or password")
        raise self._refused(
            basic.username,
            address,
            "a user name and a password are for one registry: ask at the host of that registry",
        )

    async def _is_ours(
        self, htpasswd: HtpasswdFile, basic: Basic, address: str, *, others: bool
    ) -> bool:
        """Tell whether a password is in our file; ``others`` may know who it is."""
        if htpasswd.was_right(basic):
            return True
        if others and not htpasswd.knows(basic.username):
            return await htpasswd.is_right(basic)
        with self._guesses.guess(basic.username, address) as guess:
            guess.is_wrong = not await htpasswd.is_right(basic)
        return not guess.is_wrong

    def _credentials(self, basic: Basic | None, scope: Scope) -> Mapping[str, Basic]:
        """Return to which registries a password may be shown.

        To those of the host that was asked, since docker keeps one for each host; at another host
        only if there is no doubt which registry is meant.
        """
        if basic is None:
            return {}
        names = self._hosts.get(_host(scope), self._only_asked)
        asked = [name for name in names if self._modes[name] == "registry"]
        return dict.fromkeys(asked, basic)

    def _refused(self, name: str, address: str, reason: str) -> SignInError:
        """Return what to raise, noted already."""
        self._guesses.refused(name, address, reason)
        return SignInError(reason)

    def _digest(self, basic: Basic) -> bytes:
        name = basic.username.encode()
        content = len(name).to_bytes(4, "big") + name + basic.password.encode()
        return hmac.digest(self._key, content, hashlib.sha256)


def _token_in(sent: Basic | str | None) -> str:
    """Return a token of ours; docker and podman send it in the place of a password."""
    text = sent.password if isinstance(sent, Basic) else sent or ""
    return text if text.startswith(PREFIX) else ""


def _host(scope: Scope) -> str:
    return fold(Headers(scope=scope).get("host", ""))
