"""A host that clients type: asked as docker and podman ask it, through whatever proxy it has."""

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from indexer.clock import Clock
from indexer.model import fold, one_line
from indexer.registry import USER_AGENT, Failure
from indexer.settings import Settings
from search_api.check.answers import Answer, explain_answer, explain_distrust
from search_api.check.arrival import ArrivalCheck, Sent, registry_hosts
from search_api.check.findings import Finding, ok, warning, wrong
from search_api.endpoints import PROOF_HEADER, CheckProof

TIMEOUT_SECONDS = 8.0
STREAM_SECONDS = 16.0
"""A stream without changes sends a sign of life each 15 seconds."""
QUERY_CHARACTERS = 3_000
BODY_BYTES = 10_000_000_000
"""The size of a body that is announced, and never sent: a large layer of an image."""
_TERM = "regsearch check/ä+b%"
_CERTIFICATES = ("/etc/docker/certs.d", "/etc/containers/certs.d")
_PODMAN = {
    "User-Agent": "containers/5 (github.com/containers/image) regsearch-check",
    "Docker-Distribution-API-Version": "registry/2.0",
}
_DOCKER = {"User-Agent": "docker/28 regsearch-check", "X-Docker-Token": "true"}
# What docker sends over https if nothing says that this is no registry of its own: nobody.
_NOBODY = {"Authorization": "Basic Og=="}
_BODY_MAX_BYTES = 4_000_000
_CHUNK_BYTES = 65_536
_LOCAL = frozenset({"localhost", "::1"})


class PublicHost:
    """Asks one host. ``text`` is a host, with or without a port, or an address with ``http(s)://``.

    ``is_public_url``: it is the address of the settings, where the API and the page are too.
    """

    def __init__(
        self,
        text: str,
        settings: Settings,
        *,
        proof: CheckProof,
        clock: Clock,
        is_public_url: bool = False,
        stream_seconds: float = STREAM_SECONDS,
    ) -> None:
        parts = urlsplit(text if "://" in text else f"//{text}")
        self._host = parts.netloc.rpartition("@")[2]
        self._scheme = parts.scheme
        self._base_path = parts.path.rstrip("/") if is_public_url else ""
        self.area = f"public host {self._host}"
        self._is_public_url = is_public_url
        self._settings = settings
        self._proof = proof
        self._clock = clock
        self._stream_seconds = stream_seconds
        self._is_registry = fold(self._host) in registry_hosts(settings)
        self._tls = _trust_as_docker(self._host)

    async def run(self) -> AsyncIterator[Finding]:
        """Yield what is found."""
        async for finding in self._find_scheme():
            yield finding
        if not self._scheme:
            return
        self._tls.check_hostname = False
        # What is wrong with the certificate is said; what else is wrong is looked for all the same.
        self._tls.verify_mode = ssl.CERT_NONE
        tried = [self._try_docker(), self._try_podman(), self._try_long_query(), self._try_body()]
        if self._is_public_url:
            tried += [self._try_api(), self._try_stream()]
        for found in await asyncio.gather(*(_listed(one) for one in tried)):
            for finding in found:
                yield finding

    async def _find_scheme(self) -> AsyncIterator[Finding]:
        """Find out whether https or http is spoken, https first as docker does it."""
        failures: list[str] = []
        for scheme in (self._scheme,) if self._scheme else ("https", "http"):
            answer, failure = await self._reach(scheme)
            if failure is not None:
                yield wrong(
                    self.area,
                    "certificate",
                    failure.problem,
                    "use one that clients know; or put that of its authority on each client at"
                    f" /etc/docker/certs.d/{self._host}/ca.crt, where podman looks too",
                )
                self._scheme = scheme
                return
            if answer.status:
                self._scheme = scheme
                yield self._reached(scheme)
                return
            failures.append(f"{scheme}: {answer.problem}")
        self._scheme = ""
        yield wrong(
            self.area,
            "address",
            f"nothing answers ({'; '.join(failures)})",
            "correct the host, its port, or its entry in DNS; start the proxy; open the firewall",
        )

    async def _reach(self, scheme: str) -> tuple[Answer, Failure | None]:
        try:
            async with self._client(scheme) as client:
                response = await client.get("/v1/_ping", headers=_DOCKER)
        except (httpx2.HTTPError, OSError) as error:
            failure = explain_distrust(error, host=self._host)
            problem = one_line(f"{type(error).__name__} {error}", limit=150)
            return Answer("/v1/_ping", problem=problem), failure
        return Answer("/v1/_ping", response.status_code), None

    def _reached(self, scheme: str) -> Finding:
        name = urlsplit(f"//{self._host}").hostname or ""
        if scheme == "https" or name in _LOCAL or name.startswith("127."):
            return ok(self.area, "address", f"answers over {scheme}")
        return warning(
            self.area,
            "address",
            "answers over http, without TLS: docker and podman refuse that for other hosts than"
            " their own",
            f"give it a certificate; or list {self._host} in insecure-registries of each docker,"
            " and as insecure in registries.conf of each podman",
        )

    async def _try_docker(self) -> AsyncIterator[Finding]:
        """Ask as docker search does: a ping, then the search."""
        ping = await self._get("/v1/_ping", _DOCKER)
        is_told = ping.headers.get("x-docker-registry-standalone", "").lower() == "false"
        if ping.status == 200 and is_told:
            yield ok(self.area, "/v1/_ping", "tells docker to send no empty password")
        elif ping.status == 404 or (ping.status == 200 and not ping.is_html):
            yield warning(
                self.area,
                "/v1/_ping",
                f"GET /v1/_ping: {ping.status}, without X-Docker-Registry-Standalone: false, so"
                " docker sends an empty password",
                "let the proxy pass /v1/_ping on to regsearch, too",
            )
        else:
            failure = explain_answer(ping, wanted="/v1/_ping", to="regsearch")
            yield wrong(self.area, "/v1/_ping", failure.problem, failure.remedy)
        headers = {**_DOCKER, **({} if is_told or self._scheme == "http" else _NOBODY)}
        headers[PROOF_HEADER] = self._proof.make(self._clock.now())
        found = await self._get("/v1/search", headers, {"q": _TERM, "n": "1"})
        async for finding in self._check_search(found, "docker search"):
            yield finding

    async def _check_search(self, found: Answer, thing: str) -> AsyncIterator[Finding]:
        body = found.json
        if found.status != 200 or not isinstance(body.get("results"), list):
            failure = explain_answer(found, wanted="/v1/search", to="regsearch")
            yield wrong(self.area, thing, failure.problem, failure.remedy)
            return
        query = body.get("query")
        if query != _TERM:
            lost = "is lost" if not query else f"arrives as {one_line(str(query), limit=80)!r}"
            yield wrong(
                self.area,
                thing,
                f"GET /v1/search?q=…: what is searched for {lost}",
                "let the proxy pass path and query on as they are (nginx: proxy_pass without a path"
                " behind the port, no rewrite)",
            )
            return
        yield ok(self.area, thing, "is answered, with what was searched for")
        arrival = body.get("check")
        if isinstance(arrival, dict):
            sent = Sent(self._host, self._scheme, found.own_port)
            for finding in ArrivalCheck(self.area, sent, arrival, self._settings).run():
                yield finding
        else:
            yield wrong(
                self.area,
                "service",
                "another regsearch answers than that of these settings, or another version",
                "correct where the proxy passes /v1/ on to, or restart the service",
            )

    async def _try_podman(self) -> AsyncIterator[Finding]:
        """Ask as podman search does: ``/v2/``, then the search, without any password."""
        support = await self._get("/v2/", _PODMAN)
        if support.status in {200, 401} and not support.is_html:
            yield ok(self.area, "/v2/", f"answers {support.status}, so podman searches")
        else:
            to = "the registry" if self._is_registry else "regsearch"
            failure = explain_answer(support, wanted="/v2/", to=to)
            yield wrong(
                self.area,
                "/v2/",
                f"{failure.problem}; podman refuses to search without 200 or 401 there",
                failure.remedy,
            )
        found = await self._get("/v1/search", _PODMAN, {"n": "25", "q": _TERM})
        if found.status == 404 and found.is_ours and self._settings.access.challenge:
            yield ok(self.area, "podman search", "is sent to /v2/_catalog, with its password")
        elif found.status != 200 or not isinstance(found.json.get("results"), list):
            failure = explain_answer(found, wanted="/v1/search", to="regsearch")
            yield wrong(self.area, "podman search", failure.problem, failure.remedy)
        else:
            yield ok(self.area, "podman search", "is answered")

    async def _try_long_query(self) -> AsyncIterator[Finding]:
        term = "x" * QUERY_CHARACTERS
        found = await self._get("/v1/search", _DOCKER, {"q": term, "n": "1"})
        if found.status in {400, 413, 414, 431} and not found.is_ours:
            yield warning(
                self.area,
                "long queries",
                f"the proxy refuses a query of {QUERY_CHARACTERS} characters: {found.status}",
                "allow longer lines (nginx: large_client_header_buffers 4 16k)",
            )

    async def _try_body(self) -> AsyncIterator[Finding]:
        """Announce a layer to the registry behind ``/v2/``, and send nothing of it."""
        if not self._is_registry:
            return
        status = await asyncio.to_thread(self._announce)
        if status == 413:
            yield wrong(
                self.area,
                "size of pushes",
                "the proxy refuses large bodies below /v2/ (413), so layers cannot be pushed",
                "allow any size there (nginx: client_max_body_size 0)",
            )
        else:
            yield ok(self.area, "size of pushes", "the proxy has no limit below /v2/")

    def _announce(self) -> int:
        """Return the status for a large body before any of it is sent; 0 without an answer."""
        seconds = TIMEOUT_SECONDS / 2
        connection = (
            http.client.HTTPSConnection(self._host, timeout=seconds, context=self._tls)
            if self._scheme == "https"
            else http.client.HTTPConnection(self._host, timeout=seconds)
        )
        try:
            connection.putrequest("POST", "/v2/")
            connection.putheader("Content-Length", str(BODY_BYTES))
            connection.putheader("Expect", "100-continue")
            connection.putheader("User-Agent", USER_AGENT)
            connection.endheaders()
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    async def _try_api(self) -> AsyncIterator[Finding]:
        path = f"{self._base_path}/api/v1/search"
        found = await self._get(path, {}, {"limit": "1", "q": _TERM})
        if found.status in {200, 401} and found.is_ours and not found.is_html:
            yield ok(self.area, "API", f"answers at {path}")
        else:
            yield self._misrouted(found, "API", path)
        if self._settings.page:
            page = await self._get(f"{self._base_path}/", {})
            if page.status in {200, 303, 302} and page.is_ours:
                yield ok(self.area, "page", f"answers at {self._base_path}/")
            else:
                yield self._misrouted(page, "page", f"{self._base_path}/")

    def _misrouted(self, found: Answer, thing: str, path: str) -> Finding:
        if found.status in {200, 404}:
            whose = "of regsearch" if found.is_ours else "of something else"
            return wrong(
                self.area,
                thing,
                f"GET {path}: {found.status} {whose}: the proxy does not pass it on as it should",
                f"public_url and the proxy must have the same path: pass {self._base_path}/ on to"
                " regsearch, with that path or without it, and restart regsearch after a change of"
                " public_url",
            )
        failure = explain_answer(found, wanted=path, to="regsearch")
        return wrong(self.area, thing, failure.problem, failure.remedy)

    async def _try_stream(self) -> AsyncIterator[Finding]:
        """Listen to changes: they come at once, and the proxy does not end the connection."""
        path = f"{self._base_path}/api/v1/changes/stream"
        received, is_ended = 0, False
        try:
            async with asyncio.timeout(self._stream_seconds):
                async with (
                    self._client(self._scheme) as client,
                    client.stream("GET", path, headers={"User-Agent": USER_AGENT}) as response,
                ):
                    if response.status_code != 200 or "x-request-id" not in response.headers:
                        # The API says it already.
                        return
                    async for part in response.aiter_raw():
                        received += len(part)
                    is_ended = True
        except TimeoutError:
            pass
        except httpx2.HTTPError:
            is_ended = True
        if is_ended:
            yield warning(
                self.area,
                "stream of changes",
                f"the proxy ends a stream within {self._stream_seconds:.0f} seconds",
                "wait longer for silent answers (nginx: proxy_read_timeout 1h)",
            )
        elif not received:
            yield warning(
                self.area,
                "stream of changes",
                "the proxy holds back what a stream sends",
                "pass answers on as they come (nginx: proxy_buffering off)",
            )
        else:
            yield ok(self.area, "stream of changes", "comes as it is sent")

    def _client(self, scheme: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=f"{scheme}://{self._host}",
            verify=self._tls,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
        )

    async def _get(
        self, path: str, headers: Mapping[str, str], parameters: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            async with (
                self._client(self._scheme) as client,
                client.stream("GET", path, headers=dict(headers), params=parameters) as response,
            ):
                # Before the end of the body, because then the connection may be closed.
                body, own_port = b"", _own_port(response)
                async for part in response.aiter_bytes(_CHUNK_BYTES):
                    body += part
                    if len(body) > _BODY_MAX_BYTES:
                        break
                return Answer(
                    path,
                    response.status_code,
                    response.headers,
                    body,
                    own_port=own_port,
                )
        except (httpx2.HTTPError, OSError) as error:
            return Answer(path, problem=one_line(f"{type(error).__name__} {error}", limit=150))


async def _listed(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def _own_port(response: httpx2.Response) -> int:
    stream = response.extensions.get("network_stream")
    address = stream.get_extra_info("client_addr") if stream is not None else None
    return int(address[1]) if isinstance(address, tuple) else 0


def _trust_as_docker(host: str) -> ssl.SSLContext:
    """Return what docker and podman on this host trust, for one host."""
    context = httpx2.create_ssl_context()
    for folder in _CERTIFICATES:
        for path in sorted((Path(folder) / host).glob("*.crt")):
            context.load_verify_locations(cafile=path)
    return context
