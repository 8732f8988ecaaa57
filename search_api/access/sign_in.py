"""Signing in with a browser: by a password of this service, or by credentials of a registry."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.types import Scope

from indexer.errors import InvalidValueError, NotFoundError, SignInError, UnreachableError
from indexer.settings import Settings
from search_api.access.authorization import NAME_MAX
from search_api.access.caller import Basic, Caller
from search_api.access.callers import Callers
from search_api.access.middleware import CALLER
from search_api.access.origin import base_url_of
from search_api.access.policy import Access
from search_api.access.sessions import Sessions

if TYPE_CHECKING:
    from search_api.access.oidc import Departure, Oidc

PASSWORD_MAX = 4_000
"""The most characters of a password; tokens of registries are long."""


def can_sign_in(settings: Settings) -> bool:
    """Tell whether anybody can sign in with a browser."""
    access = settings.access
    return bool(access.htpasswd_file or access.oidc or asked_registries(settings))


def asked_registries(settings: Settings) -> tuple[str, ...]:
    """Return the registries that decide by themselves who may see what."""
    return tuple(one.name for one in settings.registry if one.mode == "registry")


class SignIn:
    """Begins and ends sessions."""

    def __init__(
        self,
        settings: Settings,
        *,
        callers: Callers,
        access: Access,
        sessions: Sessions,
        oidc: "Oidc | None" = None,
    ) -> None:
        self.has_users = settings.access.htpasswd_file is not None
        """Whether there are users with a password of this service."""
        self.registries = asked_registries(settings)
        """The registries whose credentials can be given."""
        self.public_url = settings.public_url
        self.issuer = oidc.name if oidc else ""
        """The host of the issuer at which users can sign in; empty if there is none."""
        self._oidc = oidc
        self._callers = callers
        self._access = access
        self._sessions = sessions

    async def by_password(self, scope: Scope, basic: Basic) -> str:
        """Sign a user of this service in; return the ``Set-Cookie``.

        :class:`SignInError`, :class:`GuessLimitError` and :class:`BusyError` if that fails.
        """
        _check(basic)
        caller = await self._callers.check_password(basic, _address(scope))
        previous = self._sessions.find(scope)
        stamp = self._callers.stamp_of(caller)
        return self._sessions.begin(scope, caller, stamp=stamp, previous=previous)

    async def by_registry(self, scope: Scope, registry: str, basic: Basic) -> str:
        """Keep credentials for a registry that takes them; return the ``Set-Cookie``.

        Who is signed in already stays so. Errors as for :meth:`by_password`; and
        :class:`UnreachableError` if the registry cannot say whether they are right.
        """
        _check(basic)
        if registry not in self.registries:
            raise InvalidValueError(f"no registry {registry[:100]!r} takes credentials here")
        asking = Caller("registry", credentials={registry: basic}, address=_address(scope))
        with self._callers.asking(asking):
            granted = await self._access.granted_by(registry, asking)
            if granted.is_refused:
                raise SignInError(f"wrong user name or password, says registry {registry}")
        if granted.problem:
            raise UnreachableError(granted.problem)
        self._callers.accept(asking)
        previous = self._sessions.find(scope)
        known: Caller = scope[CALLER]
        is_kept = bool(known.session) or known.source == "proxy"
        kept: Mapping[str, Basic] = known.credentials if is_kept else {}
        caller = Caller(
            known.source if is_kept and known.name else "registry",
            known.name if is_kept else "",
            known.groups if is_kept else frozenset(),
            {**kept, registry: basic},
        )
        stamp = previous.stamp if previous and known.session else ""
        return self._sessions.begin(scope, caller, stamp=stamp, previous=previous)

    async def depart(self, scope: Scope, next_address: str) -> "Departure":
        """Begin a sign-in at the issuer; :class:`UnreachableError` if it does not answer."""
        return await self._of_issuer().depart(
            scope,
            self._sessions,
            base_url=base_url_of(scope, self.public_url),
            next_address=next_address,
        )

    async def arrive(self, scope: Scope, said: Mapping[str, str]) -> tuple[str, str]:
        """Sign in who is back from the issuer; return the ``Set-Cookie`` and where to go on.

        Errors are those of :meth:`Oidc.arrive`.
        """
        base_url = base_url_of(scope, self.public_url)
        arrived = await self._of_issuer().arrive(
            scope, self._sessions, base_url=base_url, said=said
        )
        stamp = self._callers.stamp_of(arrived.caller)
        previous = self._sessions.find(scope)
        cookie = self._sessions.begin(scope, arrived.caller, stamp=stamp, previous=previous)
        return cookie, arrived.next_address

    def leave(self, scope: Scope) -> str:
        """Return the ``Set-Cookie`` for who is back from the issuer, signed in or not."""
        return self._of_issuer().leave(scope, self._sessions)

    def _of_issuer(self) -> "Oidc":
        if self._oidc is None:
            raise NotFoundError("there is no issuer to sign in at: see access.oidc")
        return self._oidc

    def sign_out(self, scope: Scope) -> str:
        """End the session of a request; return the ``Set-Cookie``."""
        return self._sessions.end(scope, self._sessions.find(scope))


def _check(basic: Basic) -> None:
    is_short = len(basic.username) <= NAME_MAX and len(basic.password) <= PASSWORD_MAX
    if not is_short or not basic.username or any(ord(sign) < 32 for sign in basic.username):
        raise SignInError("wrong user name or password")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
