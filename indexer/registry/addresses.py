"""Addresses that a registry may make us connect to, and those that it may not.

A redirect or the realm of a token service names any host it likes, and we stand where others do
not: beside the services of this machine and the metadata service of a cloud.
"""

import socket
from collections.abc import Collection, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx2

from indexer.errors import AddressRefusedError, UnreachableError


class Reach(IntEnum):
    """From where an address is reached. A greater value is further inside."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    LINK_LOCAL = 3
    METADATA = 4
    UNUSABLE = 5


_WORDS = {
    Reach.PUBLIC: "a public address",
    Reach.PRIVATE: "a private address",
    Reach.LOOPBACK: "a loopback address",
    Reach.LINK_LOCAL: "a link-local address",
    Reach.METADATA: "the address of a cloud's metadata service",
    Reach.UNUSABLE: "no address of a single host",
}
# Those that are not link-local: of Alibaba, Azure, AWS (two), Google and Scaleway, in this order.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
# This network, that of protocols (also a metadata service), and IPv4 addresses in other forms.
_UNUSABLE = tuple(
    ip_network(text)
    for text in ("0.0.0.0/8", "192.0.0.0/24", "::/96", "64:ff9b:1::/48", "2001::/32")
)


@lru_cache(maxsize=1_024)
def classify(text: str) -> Reach:
    """Return the reach of an address, which may be an IPv4 address inside one of IPv6.

    What is not reachable from everywhere counts as private, also the addresses that providers
    share between customers (100.64.0.0/10).
    """
    address = _inner(ip_address(text))
    if address in _METADATA:
        return Reach.METADATA
    if address.is_link_local:
        return Reach.LINK_LOCAL
    if address.is_loopback:
        return Reach.LOOPBACK
    # The networks of the other version of the protocol hold no address.
    if any(address in network for network in _UNUSABLE):
        return Reach.UNUSABLE
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return Reach.UNUSABLE
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE


def written_address(host: str) -> str | None:
    """Return the address that a host is, in any form such as ``0x7f.1``; None for a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        return str(found[0][4][0])
    return None


class AddressRule:
    """Which addresses one registry may lead to.

    ``own`` is the registry's address, ``lifted`` hosts, with or without a port, that may be at
    private and loopback addresses whatever the registry has. Others may be as far inside as the
    registry itself, and never at link-local addresses and their like.

    The registry itself may be anywhere, because the settings name it, but at a link-local address
    only if they name the address. It may not move further inside while we run, because who owns
    its name could lead us to any host so.
    """

    def __init__(self, own: httpx2.URL, *, lifted: Collection[str] = ()) -> None:
        self._own = _bare(own.host)
        self._lifted = frozenset(lifted)
        self._outermost: Reach | None = None
        self._innermost = Reach.PUBLIC
        address = written_address(self._own)
        if address is not None:
            self._learn([classify(address)])

    def choose(self, host: str, port: int, addresses: Sequence[str]) -> list[str]:
        """Return those of the addresses of a host that may be connected to, in their order.

        :class:`AddressRefusedError` if there is none; :class:`UnreachableError` if it is the
        registry itself.
        """
        host = _bare(host)
        if not addresses:
            return []
        reaches = [classify(address) for address in addresses]
        if host == self._own and self._outermost is None:
            self._learn([reach for reach in reaches if reach <= Reach.LOOPBACK])
        limit = self._limit(host, port)
        chosen = [a for a, reach in zip(addresses, reaches, strict=True) if reach <= limit]
        if chosen:
            return chosen
        reach = min(reaches)
        address = addresses[reaches.index(reach)]
        if host == self._own and reach > Reach.LOOPBACK:
            raise UnreachableError(
                f"the name of the registry leads to {address}, {_WORDS[reach]};"
                " if that is right, write the address into url"
            )
        if host == self._own:
            raise UnreachableError(
                f"the registry moved to {address}, {_WORDS[reach]}, from {_WORDS[self._innermost]};"
                f' if that is right, restart, or set blob_hosts = ["{_written(host)}"]'
            )
        raise self._refusal(host, port, address, reach)

    def check_written(self, host: str, port: int) -> None:
        """Check a host that a proxy is to reach. A name is not, because the proxy looks it up."""
        address = written_address(_bare(host))
        if address is not None:
            self.choose(host, port, [address])

    def _learn(self, reaches: Collection[Reach]) -> None:
        self._outermost = min(reaches, default=None)
        self._innermost = max(reaches, default=Reach.PUBLIC)

    def _limit(self, host: str, port: int) -> Reach:
        is_lifted = not self._lifted.isdisjoint({_written(host), f"{_written(host)}:{port}"})
        own = self._innermost if host == self._own else self._outermost or Reach.PUBLIC
        if host == self._own:
            return max(own, Reach.LOOPBACK) if is_lifted else own
        return Reach.LOOPBACK if is_lifted else min(own, Reach.LOOPBACK)

    def _refusal(self, host: str, port: int, address: str, reach: Reach) -> AddressRefusedError:
        where = _WORDS[reach] if host == address else f"{_WORDS[reach]} ({address})"
        if reach > Reach.LOOPBACK:
            return AddressRefusedError(f"{where}, which is never followed", kind=_WORDS[reach])
        registry = _WORDS[self._outermost or Reach.PUBLIC]
        return AddressRefusedError(
            f"{where}, where a registry at {registry} may not lead",
            kind=_WORDS[reach],
            host=f"{_written(host)}:{port}",
        )


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address to which one of IPv6 leads: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _bare(host: str) -> str:
    return host.strip("[]").lower()


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
