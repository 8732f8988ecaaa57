"""As what a search arrived at regsearch: what the proxy before it made of the request."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from indexer.model import fold
from indexer.settings import Settings
from search_api.check.findings import Finding, ok, warning, wrong


def registry_hosts(settings: Settings) -> Collection[str]:
    """Return the hosts of registries that clients type, in small letters."""
    return {
        fold(host)
        for registry in settings.registry
        for host in (registry.registry_host, *registry.hosts)
    }


@dataclass(frozen=True, slots=True)
class Sent:
    """As what a search was sent: to which host, over which scheme, from which port."""

    host: str
    scheme: str
    port: int


class ArrivalCheck:
    """Compares a search as it was sent with the same as regsearch says that it arrived."""

    def __init__(
        self, area: str, sent: Sent, arrived: Mapping[str, Any], settings: Settings
    ) -> None:
        """Take the findings' area, and what regsearch tells."""
        forwarded = arrived.get("forwarded")
        self._area = area
        self._sent = sent
        self._host = str(arrived.get("host", ""))
        self._scheme = str(arrived.get("scheme", ""))
        self._client = str(arrived.get("client", ""))
        self._is_direct = bool(sent.port) and arrived.get("client_port") == sent.port
        self._forwarded: Mapping[str, str] = forwarded if isinstance(forwarded, dict) else {}
        self._settings = settings
        self._believe = f'trusted_proxies = ["{self._client}"]'

    def run(self) -> Iterator[Finding]:
        """Yield what is found."""
        if self._is_direct:
            yield ok(self._area, "proxy", "there is none: searches arrive as they were sent")
            return
        yield self._check_host()
        yield self._check_client()
        if self._sent.scheme == "https" and self._scheme != "https":
            is_said = "x-forwarded-proto" in self._forwarded
            yield warning(
                self._area,
                "scheme",
                "regsearch does not know that clients came over https",
                f"believe the proxy, which says it: {self._believe}"
                if is_said
                else "nginx: proxy_set_header X-Forwarded-Proto $scheme",
            )

    def _check_host(self) -> Finding:
        asked, hosts = fold(self._sent.host), registry_hosts(self._settings)
        if fold(self._host) == asked:
            return ok(self._area, "host", f"regsearch sees {self._host!r}, as clients typed it")
        if asked in fold(self._forwarded.get("x-forwarded-host", "")) and asked in hosts:
            return wrong(
                self._area,
                "host",
                f"the proxy passes {self._sent.host!r} on in X-Forwarded-Host, and is not believed",
                self._believe,
            )
        find = wrong if asked in hosts or len(self._settings.registry) > 1 else warning
        return find(
            self._area,
            "host",
            f"regsearch sees the host {self._host!r} in place of {self._sent.host!r}, so it cannot"
            " know which registry is searched",
            "let the proxy pass the host on as it was typed, with its port"
            " (nginx: proxy_set_header Host $http_host)",
        )

    def _check_client(self) -> Finding:
        said = self._forwarded.get("x-forwarded-for", "")
        if not said:
            return warning(
                self._area,
                "client address",
                f"the proxy does not tell who asks, so all clients are {self._client}: they share"
                " one limit of requests",
                "nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; and"
                f" {self._believe}",
            )
        if self._client not in said or not self._settings.trusted_proxies:
            return warning(
                self._area,
                "client address",
                f"the proxy at {self._client} tells who asks, and is not believed, so all clients"
                " share one limit of requests",
                self._believe,
            )
        return ok(self._area, "client address", "the proxy tells who asks, and is believed")
