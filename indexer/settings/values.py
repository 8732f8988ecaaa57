"""Values of settings: what may be written, and what it becomes."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]{1,8})\s*([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 30s, 15m, 6h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def parse_duration(text: str) -> timedelta:
    """Return a duration such as 30s, 15m, 6h or 7d; :class:`ValueError` if it is none."""
    found = _duration(text)
    assert isinstance(found, timedelta)  # noqa: S101 - the line above says so
    return found


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Retention = Annotated[timedelta | None, BeforeValidator(lambda value: _duration(value) or None)]
"""How long something is kept; None: for ever."""
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[a-z0-9.\-\[\]:]+)$", max_length=300)]
"""The origin of a web page, as a browser sends it: scheme, host and port, no path."""


def _network(value: object) -> object:
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("write an address or a network such as 10.0.0.0/8") from None


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""A network of the internet protocol; a single address is a network of one."""
Host = Annotated[str, Field(pattern=r"^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$", max_length=300)]
"""A host in small letters, perhaps with a port."""
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
"""A path that needs no escapes."""
REGISTRY_NAME = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
"""The pattern of the names of registries."""


def web_address(url: str) -> SplitResult | None:
    """Return the parts of the URL of a registry; None if the text is no such URL."""
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # An at sign in the path means that the password contains a slash.
    is_plain = not (parts.query or parts.fragment or "@" in parts.path)
    is_plain = is_plain and not re.search(r"[\s\\]", parts.netloc)
    return parts if parts.scheme in {"http", "https"} and has_host and is_plain else None


def listed(value: object) -> object:
    """Split a list from the environment, where it is written with commas."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value
