"""What proxies say of a request that they pass on; only trusted ones are believed.

``docker search`` finds the registry by the host that the client asked. A proxy may send a host of
its own instead, and the client's in ``Forwarded`` (RFC 7239) or ``X-Forwarded-Host``.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.model import fold
from search_api.access import is_within

_HOST = re.compile(r'(?:^|[;,\s])host=(?:"([^"\\]*)"|([^";,\s]+))', re.IGNORECASE)


class TrustedProxies:
    """Gives requests of trusted proxies the host that the client asked."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        networks: Sequence[IPv4Network | IPv6Network],
        registry_hosts: Collection[str],
    ) -> None:
        """Take the networks of the proxies, and the hosts that can be asked."""
        self._app = app
        self._hosts = frozenset(map(fold, registry_hosts))
        self._networks = networks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and is_within(scope, self._networks):
            headers = Headers(scope=scope)
            # Each proxy adds its part behind what it received. A host that no registry has belongs
            # to another proxy on the way, and what is before a registry's host may be made up.
            known = [host for host in _forwarded_hosts(headers) if fold(host) in self._hosts]
            if known:
                others = [(name, value) for name, value in scope["headers"] if name != b"host"]
                scope = {**scope, "headers": [(b"host", known[-1].encode("latin-1")), *others]}
        await self._app(scope, receive, send)


def _forwarded_hosts(headers: Headers) -> Iterator[str]:
    """Yield the hosts that proxies were asked for; the nearest proxy's are last."""
    for line in headers.getlist("x-forwarded-host"):
        yield from (host.strip() for host in line.split(","))
    for line in headers.getlist("forwarded"):
        yield from (quoted or plain for quoted, plain in _HOST.findall(line))
