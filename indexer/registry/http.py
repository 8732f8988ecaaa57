"""One request to a registry and its response: limits, redirects, authentication, retries.

This is the only module that sends requests.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import httpx2

from indexer.clock import Clock
from indexer.errors import (
    AddressRefusedError,
    RegistryError,
    TooLargeError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.model import one_line
from indexer.registry.addresses import AddressRule
from indexer.registry.auth import TOKEN_BODY_MAX_BYTES, Authorizer, Credentials
from indexer.registry.bodies import Sink, read_beginning, read_content, read_into
from indexer.registry.concurrency import InFlight
from indexer.registry.messages import Destination, Header, Incoming, Outgoing, destination_of
from indexer.registry.realms import RealmGuard
from indexer.registry.responses import Response, is_transient, lasting, retry_after
from indexer.registry.traffic import RegistryTraffic
from indexer.registry.transport import CheckedTransport
from indexer.registry.urls import check_base, get_origin, redirect_target, shown

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# A body that arrives very slowly is given up after this multiple of the read timeout.
BODY_READS_MAX = 10
RETRY_DELAYS_SECONDS = (1.0, 3.0)
RETRY_JITTER = 0.25
RETRY_AFTER_WAITED_SECONDS = 10.0
SHOWN_PATH_MAX = 300
_OVERLOADED = frozenset({429, 503, 504})

_PRODUCT = "regsearch/"


def _user_agent() -> str:
    try:
        release = version("regsearch")
    except PackageNotFoundError:
        release = "0"
    return f"{_PRODUCT}{release} (registry search companion)"


USER_AGENT = _user_agent()


def is_own_user_agent(text: str) -> bool:
    """Tell whether a ``User-Agent`` is the one of this service, in any version."""
    return text.startswith(_PRODUCT)


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the registry's API, a GET if ``method`` is not HEAD or POST.

    ``path`` starts with ``/v2/`` and may have a query. ``limit`` is the largest size of the content
    in bytes, ``read_seconds`` the longest silence. ``redirects`` is the number of redirects to
    follow, and ``leaves_host`` allows them to lead to another host, which gets no credentials.
    ``retries_timeouts`` says whether to retry after a timeout while reading. ``sink`` makes what
    takes in the content of each response with status 200; the body then is only its beginning.
    """

    path: str
    scope: str
    headers: tuple[Header, ...]
    limit: int
    read_seconds: float = READ_SECONDS
    redirects: int = 1
    leaves_host: bool = False
    retries_timeouts: bool = True
    method: str = "GET"
    content: bytes = b""
    sink: Callable[[], Sink] | None = None

    @property
    def shown(self) -> str:
        """The path for messages, cut, because a query of the registry may be long."""
        return self.path[:SHOWN_PATH_MAX]

    @property
    def line(self) -> str:
        """Method and path for messages."""
        return f"{self.method} {self.shown}"


def timed_out(error: UnreachableError) -> bool:
    """Tell whether the registry was reached and then sent nothing for too long."""
    return isinstance(error.__cause__, httpx2.ReadTimeout)


class Exchange:
    """Sends requests to one registry over a shared pool of connections.

    ``url`` is the address of the registry without ``/v2/``, else :class:`InvalidValueError`.
    ``max_in_flight`` is the largest number of requests at the same time; further ones wait, also
    for a registry that copes with fewer (:class:`InFlight`). ``blob_hosts`` are the hosts that may
    be further inside than the registry. ``read_credentials`` reads the credentials, in a thread and
    again when they are refused, in place of fixed ones. ``tls`` is what connections trust and show.
    ``transport`` replaces the connections, and with them the check of addresses. ``traffic`` counts
    the requests. ``retry_delays`` are the pauses in seconds before further tries.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        credentials: Credentials | None,
        read_credentials: Callable[[], Credentials | None] | None = None,
        transport: httpx2.AsyncBaseTransport | None,
        max_in_flight: int,
        blob_hosts: Collection[str],
        realms: RealmGuard,
        tls: ssl.SSLContext | None = None,
        traffic: RegistryTraffic | None = None,
        retry_delays: Sequence[float] = RETRY_DELAYS_SECONDS,
    ) -> None:
        self.requests = 0
        self._traffic = traffic or RegistryTraffic()
        self._in_flight = InFlight(max_in_flight)
        self._retry_delays = retry_delays
        self._base = check_base(url)
        own = httpx2.URL(self._base)
        self._origin = get_origin(own)
        self._place = destination_of(own)
        # What is not asked for at a root would be put together wrongly of its parts.
        self._path = own.raw_path.decode().rstrip("/")
        self._clock = clock

        async def read() -> Credentials | None:
            if read_credentials is None:
                return credentials
            return await asyncio.to_thread(read_credentials)

        self._auth = Authorizer(
            read,
            clock=clock,
            realms=realms,
            ask_token=self.ask_token,
        )
        self._transport = transport or make_transport(
            own, max_in_flight=max_in_flight, hosts=(*blob_hosts, *realms.hosts), tls=tls
        )

    @property
    def username(self) -> str:
        """As whom the registry is read; "" for nobody."""
        return self._auth.username

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def get(self, request: Request) -> Response:
        """Return the response of the registry, of any status; a 401 only after authentication.

        A temporary failure is tried three times in all, after 1 and 3 seconds, or after the time of
        ``Retry-After`` if that is at most 10 seconds. Then the last response is returned, or
        :class:`UnreachableError` raised if there is none. :class:`TooLargeError` if the content is
        over the limit, :class:`UnusableAnswerError` for redirects that must not be followed, any
        :class:`RegistryError` for failures of the token service.
        """
        for delay in self._retry_delays:
            try:
                response = await self._authorize(request)
            except UnreachableError as error:
                if timed_out(error) and not request.retries_timeouts:
                    raise
                asked_delay = error.retry_after
                if asked_delay is not None and asked_delay > RETRY_AFTER_WAITED_SECONDS:
                    raise
            else:
                asked_delay = response.retry_after
                if not response.is_transient or (asked_delay or 0.0) > RETRY_AFTER_WAITED_SECONDS:
                    return response
            await self._clock.sleep(_with_jitter(delay) if asked_delay is None else asked_delay)
            self._traffic.retry()
        return await self._authorize(request)

    async def ask(self, request: Request, authorization: str = "") -> Response:
        """Return the first response to a request with this header, of any status; 401 included.

        The errors are those of :meth:`get`.
        """
        return await self._follow(request, authorization)

    async def _authorize(self, request: Request) -> Response:
        authorization = await self._auth.header_for(request.scope)
        response = await self._follow(request, authorization)
        if response.status != 401 or not response.is_own:
            return response
        authorization = await self._auth.answer_challenge(response, request.scope)
        response = await self._follow(request, authorization)
        if response.status == 401 and response.is_own and authorization.startswith("Basic "):
            # They may have expired since they were read.
            authorization = await self._auth.answer_challenge(response, request.scope)
            response = await self._follow(request, authorization)
        # Another 401 is final: the registry knows who asks and refuses.
        return response

    async def _follow(self, request: Request, authorization: str) -> Response:
        """Return the response after the redirects that the request allows."""
        try:
            place = self._place.at(self._path + request.path)
        except httpx2.InvalidURL as error:
            raise UnusableAnswerError(f"{request.line}: no address: {error}") from error
        response, location = await self._send(request, place, authorization)
        for _ in range(request.redirects):
            if location is None:
                return response
            is_own = response.is_own and get_origin(location) == self._origin
            # What another host says is not shown, so not where it redirects to either.
            target = f"by {response.origin}" if response.origin else f"to {shown(location)}"
            if not is_own and not request.leaves_host:
                raise _redirected(f"{request.line}: redirected {target}", response, location)
            if place.scheme == "https" and location.scheme != "https":
                raise lasting(f"{request.line}: redirected from https to http, {target}")
            place = destination_of(location)
            try:
                response, location = await self._send(
                    request,
                    place,
                    authorization if is_own else "",
                    other=None if is_own else response.origin or place.origin,
                )
            except AddressRefusedError as error:
                reason = error.kind if response.origin else _with_remedy(error)
                raise lasting(f"{request.line}: redirected {target}: {reason}") from error
        if location is not None:
            target = f"by {response.origin}" if response.origin else f"to {shown(location)}"
            raise _redirected(f"{request.line}: redirected again, {target}", response, location)
        return response

    async def ask_token(self, url: httpx2.URL, authorization: str, form: bytes = b"") -> Response:
        """Return what a token service answers, whatever the status; it is not the registry's own.

        It is sent ``form`` with a POST, if there is one. The caller has checked that the service
        may be asked. Errors are as those of :meth:`get`.
        """
        request = Request(
            path=shown(url),
            scope="",
            headers=(*_JSON_HEADERS, *(_FORM_HEADERS if form else ())),
            limit=TOKEN_BODY_MAX_BYTES,
            method="POST" if form else "GET",
            content=form,
        )
        origin = get_origin(url)
        try:
            response, location = await self._send(
                request, destination_of(url), authorization, other=origin
            )
            if location is not None and get_origin(location) == origin:
                response, location = await self._send(
                    request, destination_of(location), authorization, other=origin
                )
        except AddressRefusedError as error:
            remedy = f"; if that is right, set token_realm to {origin}" if error.host else ""
            raise lasting(f"{request.line}: the token service is at {error}{remedy}") from error
        if location is not None:
            raise lasting(f"{request.line}: the token service redirects elsewhere")
        return response

    async def _send(
        self, request: Request, place: Destination, authorization: str, *, other: str | None = None
    ) -> tuple[Response, httpx2.URL | None]:
        """Return one response, and the target of its redirect.

        ``other`` is the origin to name if the answer is not the registry's own.
        """
        headers = [(b"Host", place.netloc.encode()), *_BASE_HEADERS, *request.headers]
        if authorization:
            headers.append((b"Authorization", authorization.encode()))
        outgoing = Outgoing(
            method=request.method,
            place=place,
            headers=headers,
            content=request.content,
            connect_seconds=CONNECT_SECONDS,
            read_seconds=request.read_seconds,
            write_seconds=READ_SECONDS,
        )
        if other is None:
            await self._in_flight.enter()
        try:
            incoming, body = await self._receive(request, outgoing, other)
        finally:
            if other is None:
                self._in_flight.leave()
        response = Response(
            asked=request.shown,
            status=incoming.status_code,
            headers=incoming.headers,
            body=body,
            origin=other or "",
            authorization=authorization,
            retry_after=self._retry_after(incoming),
        )
        return response, redirect_target(response, place.url) if response.is_redirect else None

    async def _receive(
        self, request: Request, outgoing: Outgoing, other: str | None
    ) -> tuple[Incoming, bytes]:
        """Return an answer with its body; errors are those of :meth:`get`."""
        self.requests += 1
        try:
            with self._traffic.sending(outgoing, is_own=other is None) as sent:
                began = time.monotonic()
                incoming = await self._open(outgoing)
                if other is None and incoming.status_code not in _OVERLOADED:
                    self._in_flight.answered(time.monotonic() - began)
                elif other is None:
                    self._in_flight.refused()
                try:
                    body = await self._read(request, incoming, other)
                finally:
                    await incoming.aclose()
                sent.status = incoming.status_code
        except httpx2.TimeoutException as error:
            if other is None:
                self._in_flight.refused()
            raise _silent(
                f"{request.line}: no answer in time ({type(error).__name__}){_from(other)}", other
            ) from error
        except httpx2.TransportError as error:
            # The text may repeat what the host sent, such as the greeting of a mail server.
            reason = "" if other else one_line(str(error), limit=200)
            raise _silent(
                f"{request.line}: {type(error).__name__}{_from(other)} {reason}".rstrip(), other
            ) from error
        return incoming, body

    async def _open(self, outgoing: Outgoing) -> Incoming:
        if isinstance(self._transport, CheckedTransport):
            return await self._transport.send(outgoing)
        return await self._transport.handle_async_request(outgoing.as_httpx())

    async def _read(self, request: Request, incoming: Incoming, other: str | None) -> bytes:
        seconds = request.read_seconds * BODY_READS_MAX
        asked = request.shown
        if request.method == "HEAD":
            return b""
        try:
            if incoming.status_code != 200:
                return await read_beginning(
                    incoming, seconds=seconds, clock=self._clock, asked=asked
                )
            if request.sink is not None:
                return await read_into(
                    request.sink(),
                    incoming,
                    limit=request.limit,
                    seconds=seconds,
                    clock=self._clock,
                    asked=asked,
                )
            return await read_content(
                incoming, limit=request.limit, seconds=seconds, clock=self._clock, asked=asked
            )
        except RegistryError as error:
            if not other:
                raise
            raise _without_words(error, request, other) from None

    def _retry_after(self, incoming: Incoming) -> float | None:
        if not is_transient(incoming.status_code):
            return None
        return retry_after(incoming.headers.get("retry-after", ""), now=self._clock.now())


def make_transport(
    own: httpx2.URL,
    *,
    max_in_flight: int,
    hosts: Collection[str],
    tls: ssl.SSLContext | None = None,
) -> CheckedTransport:
    """Return connections for the registry at ``own``; ``hosts`` may be further inside than it."""
    limits = httpx2.Limits(max_connections=max_in_flight, max_keepalive_connections=max_in_flight)
    return CheckedTransport(AddressRule(own, lifted=hosts), limits=limits, tls=tls)


_BASE_HEADERS: tuple[Header, ...] = (
    (b"User-Agent", USER_AGENT.encode()),
    (b"Accept-Encoding", b"identity"),
)
_FORM_HEADERS: tuple[Header, ...] = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
_JSON_HEADERS: tuple[Header, ...] = ((b"Accept", b"application/json"),)


def _from(other: str | None) -> str:
    return f" from {other}" if other else ""


def _silent(message: str, other: str | None) -> UnreachableError:
    """Return the error of a host that gave no answer: ``other``, or the registry itself."""
    error = UnreachableError(message)
    error.origin = other or ""
    return error


def _redirected(message: str, response: Response, location: httpx2.URL) -> UnusableAnswerError:
    """Return the error of a redirect that is not followed; another host's is not told."""
    error = lasting(message)
    error.status, error.location = response.status, "" if response.origin else shown(location)
    return error


def _with_remedy(error: AddressRefusedError) -> str:
    if not error.host:
        return str(error)
    return f'{error}; if that is right, set blob_hosts = ["{error.host}"] for this registry'


def _without_words(error: RegistryError, request: Request, other: str) -> RegistryError:
    """Return an error about a body without what the host said, such as its headers."""
    if isinstance(error, TooLargeError):
        return TooLargeError(f"{request.line}: more than {request.limit} bytes from {other}")
    if isinstance(error, UnreachableError):
        return UnreachableError(f"{request.line}: no end of the body from {other}")
    return lasting(f"{request.line}: a body in an unknown form from {other}")


def _with_jitter(seconds: float) -> float:
    # It spreads load and protects nothing, so any random number is good enough.
    return seconds * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)  # noqa: S311
