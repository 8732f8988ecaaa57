"""Which token service of a registry is asked, because it receives credentials."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

from indexer.registry.responses import lasting
from indexer.registry.urls import get_origin, shown


async def _keep_nothing(_origin: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TokenRealm:
    """The token service of a registry, as far as it is known.

    ``named`` is its address in the settings, "" for none. ``pinned`` is the origin that an earlier
    run kept, "" for none; ``keep`` keeps one.
    """

    named: str = ""
    pinned: str = ""
    keep: Callable[[str], Awaitable[None]] = _keep_nothing

    @property
    def origin(self) -> str:
        """The origin that is expected; "" before the first use."""
        return get_origin(httpx2.URL(self.named)) if self.named else self.pinned

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that the settings name, with its port if it has one; at most one."""
        return (httpx2.URL(self.named).netloc.decode(),) if self.named else ()


class RealmGuard:
    """Knows the token service of the registry whose address is ``own``.

    A token service at the registry's own host is accepted, and so is the one of the settings.
    Otherwise the first one is, and a different one later is refused, because it would receive the
    credentials. The first one is kept for later runs once it gave a token, if the registry has
    TLS: without, somebody on the way could have named it. Credentials go to another host only over
    TLS, if the settings do not name it; with ``needs_tls``, only if the registry has TLS too. With
    ``proves_itself`` false, TLS does not tell which server answers, so it counts as none.
    """

    def __init__(
        self,
        own: httpx2.URL,
        realm: TokenRealm,
        *,
        needs_tls: bool = False,
        proves_itself: bool = True,
    ) -> None:
        self._own = own
        self._is_proven = own.scheme == "https" and proves_itself
        self._realm = realm
        self._needs_tls = needs_tls
        self._realm_origin = realm.origin
        self._kept_origin = realm.pinned

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that the settings name; at most one."""
        return self._realm.hosts

    def check(self, realm: str, *, with_credentials: bool) -> None:
        """Raise if no token may be asked of a realm; pin the first one."""
        try:
            url = httpx2.URL(realm)
            host = url.host
        except (httpx2.InvalidURL, ValueError) as error:
            raise lasting(f"the realm of a challenge is no URL: {error}") from error
        if url.scheme not in {"http", "https"} or not host or url.userinfo:
            raise lasting(f"the realm of a challenge is not acceptable: {shown(url)}")
        origin = get_origin(url)
        if self._realm.named and origin == self._realm_origin:
            return
        is_own = host == self._own.host
        remedy = f'if that is right, set token_realm = "{shown(url)}" for this registry'
        is_elsewhere = with_credentials and not is_own
        if url.scheme == "http" and (self._own.scheme == "https" or is_elsewhere):
            raise lasting(f"the token service {shown(url)} has no TLS, nothing is sent; {remedy}")
        if self._needs_tls and is_elsewhere and not self._is_proven:
            raise lasting(
                f"the registry, which has no verified TLS, names the token service {shown(url)};"
                f" nothing is sent there; {remedy}"
            )
        if is_own and self._realm_origin:
            return
        if self._realm_origin not in {"", origin}:
            raise lasting(
                f"the token service was {self._realm_origin}, now the registry names {shown(url)};"
                f" nothing is sent there; {remedy}"
            )
        self._realm_origin = origin

    async def keep(self, origin: str) -> None:
        """Keep the token service for later runs, once it gave a token."""
        is_new = origin == self._realm_origin != self._kept_origin
        if is_new and self._is_proven:
            await self._realm.keep(origin)
            self._kept_origin = origin
