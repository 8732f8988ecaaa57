"""Who is behind an address: what one owner has counts as one caller."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

ADDRESS_MAX = 64
"""Characters of what a proxy forwards in the place of an address."""
_IPV6_CALLER_BITS = 64
_KEPT = 10_000


def caller_at(address: str) -> str:
    """Return the caller at an address: of IPv6 a network of 2^64, which has one owner.

    What is no address is a caller as it is.
    """
    # Cut first, for what is kept may come from anybody.
    return _caller(address[:ADDRESS_MAX])


@lru_cache(maxsize=_KEPT)
def _caller(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), _IPV6_CALLER_BITS), strict=False))
