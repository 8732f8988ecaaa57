"""What the other end of a connection says of who asks; only trusted proxies are believed.

A proxy that signs users in names them in headers. Anybody could send such headers, so they are
taken from every request, and read only in those of trusted proxies.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.settings import Settings

_PEER = "regsearch_peer"
_FORWARDING = frozenset({b"forwarded", b"via", b"x-real-ip", b"origin"})


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    is_local: bool = False
    """Whether it is a program on this machine, asking for itself and for nobody else."""
    user: str = ""
    """The user whom a trusted proxy named."""
    groups: frozenset[str] = frozenset()
    problem: str = ""
    """What is wrong with the headers of a trusted proxy."""


_UNKNOWN = Peer()


def peer_of(scope: Scope) -> Peer:
    """Return the other end of a connection, of a request that passed :class:`Peers`."""
    look: Callable[[], Peer] | None = scope.get(_PEER)
    return look() if look else _UNKNOWN


def without_peer(scope: Scope) -> Scope:
    """Return a request without the other end of its connection, which asks for somebody else."""
    return {**scope, _PEER: lambda: _UNKNOWN}


def is_within(scope: Scope, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Tell whether a request comes from one of these networks."""
    try:
        address = ip_address(scope["client"][0])
    except (TypeError, ValueError):
        # A Unix socket has no address.
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


class Peers:
    """Notes who is at the other end, before anything changes the address of the request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Take the settings, which name the trusted proxies and their headers."""
        self._app = app
        self._networks: Sequence[IPv4Network | IPv6Network] = settings.trusted_proxies
        self._user_header = settings.access.user_header
        self._groups_header = settings.access.groups_header
        given = (self._user_header, self._groups_header)
        self._taken = frozenset(name.lower().encode() for name in given if name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            # Looked at when it is asked for, and as it is now: notifications never ask.
            scope = {**scope, _PEER: cache(partial(self._peer, scope))}
            if self._taken:
                others = [one for one in scope["headers"] if one[0].lower() not in self._taken]
                scope["headers"] = others
        await self._app(scope, receive, send)

    def _peer(self, scope: Scope) -> Peer:
        if not is_within(scope, self._networks):
            return Peer(is_local=is_within(scope, _LOOPBACK) and _is_for_itself(scope))
        if not self._user_header:
            return _UNKNOWN
        try:
            user = _value(scope, self._user_header)
            groups = _value(scope, self._groups_header) if self._groups_header else ""
        except ValueError as error:
            return Peer(problem=str(error))
        if not user:
            return _UNKNOWN
        named = (group.strip() for group in groups.split(","))
        return Peer(user=user, groups=frozenset(filter(None, named)))


_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def _is_for_itself(scope: Scope) -> bool:
    """Tell whether nothing says that a request was sent for somebody elsewhere.

    A proxy says so in its headers. A browser sends requests of any page that its user looks at: it
    names the page's site, or asks for the host of that site, which may lead to this machine.
    """
    return not any(
        name in _FORWARDING
        or name.startswith(b"x-forwarded-")
        or (name == b"host" and not _is_this_machine(value.decode("latin-1")))
        for name, value in scope["headers"]
    )


def _is_this_machine(host: str) -> bool:
    """Tell whether a host, with or without a port, can only be this machine."""
    try:
        named = urlsplit(f"//{host}").hostname or ""
        return named == "localhost" or ip_address(named).is_loopback
    except ValueError:
        return False


def _value(scope: Scope, header: str) -> str:
    """Return the value of a header; :class:`ValueError` where it cannot be the proxy's alone."""
    wanted = header.lower().encode()
    values = [value for name, value in scope["headers"] if name.lower() == wanted]
    if len(values) > 1:
        # A proxy that adds its own behind that of the client would let the client choose.
        raise ValueError(
            f"{len(values)} headers {header}: the proxy must replace what a client sends, not add"
        )
    try:
        text = values[0].decode() if values else ""
    except UnicodeDecodeError:
        raise ValueError(f"the header {header} is not UTF-8") from None
    return text.strip()
