"""One question to a registry and its answer: sending, limits, redirects, authentication, retries.

This is the only module that sends anything.
"""

import random
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import httpx2

from indexer.clock import Clock
from indexer.errors import UnreachableError, UnusableAnswerError
from indexer.model import one_line
from indexer.registry.auth import TOKEN_BODY_MAX_BYTES, Authorizer, Credentials
from indexer.registry.bodies import read_beginning, read_content
from indexer.registry.responses import Answer, is_transient, lasting, retry_after
from indexer.registry.urls import checked_base, origin_of, redirect_target, shown

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# A body that arrives drop by drop is given up after this many times the read timeout.
BODY_READS_MAX = 10
RETRY_DELAYS_SECONDS = (1.0, 3.0)
RETRY_JITTER = 0.25
RETRY_AFTER_WAITED_SECONDS = 10.0
SHOWN_PATH_MAX = 300

_PRODUCT = "regsearch/"

Header = tuple[bytes, bytes]


def _user_agent() -> str:
    try:
        release = version("regsearch")
    except PackageNotFoundError:
        release = "0"
    return f"{_PRODUCT}{release} (registry search companion)"


USER_AGENT = _user_agent()


def is_own_user_agent(text: str) -> bool:
    """Tell whether a ``User-Agent`` is that of this service, of any version."""
    return text.startswith(_PRODUCT)


@dataclass(frozen=True, slots=True)
class Question:
    """One GET of the registry's API.

    ``path`` starts with ``/v2/`` and may have a query; ``limit`` is the most bytes of content
    that are read; ``read_seconds`` is the longest silence. ``redirects`` is how many are followed,
    and ``leaves_host`` whether they may lead to another host, where no credentials go.
    ``retries_timeouts`` says whether a timeout while reading is worth the same question again.
    """

    path: str
    scope: str
    headers: tuple[Header, ...]
    limit: int
    read_seconds: float = READ_SECONDS
    redirects: int = 1
    leaves_host: bool = False
    retries_timeouts: bool = True

    @property
    def shown(self) -> str:
        """The path for messages, which a registry's own query may make long."""
        return self.path[:SHOWN_PATH_MAX]


def timed_out(error: UnreachableError) -> bool:
    """Tell whether the registry was reached and then said nothing for too long."""
    return isinstance(error.__cause__, httpx2.ReadTimeout)


class Exchange:
    """Sends questions to one registry over a shared pool of connections.

    ``url`` is the registry's address without ``/v2/``, ``max_in_flight`` the most requests under
    way at once; further ones wait. :class:`InvalidValueError` for an address that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        credentials: Credentials | None,
        transport: httpx2.AsyncBaseTransport | None,
        max_in_flight: int,
    ) -> None:
        self.requests = 0
        self._base = checked_base(url)
        self._origin = origin_of(httpx2.URL(self._base))
        self._clock = clock
        self._auth = Authorizer(
            credentials,
            clock=clock,
            is_plain=self._origin.startswith("http:"),
            ask_token=self._ask_token,
        )
        self._client = httpx2.AsyncClient(
            transport=transport,
            limits=httpx2.Limits(
                max_connections=max_in_flight, max_keepalive_connections=max_in_flight
            ),
            # Without this a server could make us keep any number of cookies.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(self, question: Question) -> Answer:
        """Return the registry's answer, of any status but 401 that can be helped.

        Failures that may pass are tried three times in all, after 1 and 3 seconds or after what
        ``Retry-After`` says, if that is at most 10 seconds; after that the last answer is
        returned, or :class:`UnreachableError` raised where there is none.
        :class:`TooLargeError` when the content is over the limit, :class:`UnusableAnswerError` for
        redirects that must not be followed, any :class:`RegistryError` for the token service's.
        """
        for delay in RETRY_DELAYS_SECONDS:
            try:
                answer = await self._authorized(question)
            except UnreachableError as error:
                if timed_out(error) and not question.retries_timeouts:
                    raise
                asked_delay = error.retry_after
                if asked_delay is not None and asked_delay > RETRY_AFTER_WAITED_SECONDS:
                    raise
            else:
                asked_delay = answer.retry_after
                if not answer.is_transient or (asked_delay or 0.0) > RETRY_AFTER_WAITED_SECONDS:
                    return answer
            await self._clock.sleep(_with_jitter(delay) if asked_delay is None else asked_delay)
        return await self._authorized(question)

    async def _authorized(self, question: Question) -> Answer:
        authorization = await self._auth.header_for(question.scope)
        answer = await self._followed(question, authorization)
        if answer.status != 401 or not answer.is_own:
            return answer
        authorization = await self._auth.answer(answer, question.scope)
        # A 401 to this one is final: the registry knows who asks and says no.
        return await self._followed(question, authorization)

    async def _followed(self, question: Question, authorization: str) -> Answer:
        """Return the answer at the end of the redirects that the question allows."""
        try:
            url = httpx2.URL(self._base + question.path)
        except httpx2.InvalidURL as error:
            raise UnusableAnswerError(f"GET {question.shown}: no address: {error}") from error
        answer, location = await self._send(question, url, authorization, is_own=True)
        for _ in range(question.redirects):
            if location is None:
                return answer
            is_own = answer.is_own and origin_of(location) == self._origin
            if not is_own and not question.leaves_host:
                raise lasting(f"GET {question.shown}: redirected to {shown(location)}")
            if url.scheme == "https" and location.scheme != "https":
                raise lasting(f"GET {question.shown}: redirected from https to {shown(location)}")
            url = location
            answer, location = await self._send(
                question, url, authorization if is_own else "", is_own=is_own
            )
        if location is not None:
            raise lasting(f"GET {question.shown}: redirected again, to {shown(location)}")
        return answer

    async def _ask_token(self, url: httpx2.URL, authorization: str) -> Answer:
        question = Question(
            path=shown(url), scope="", headers=_JSON_HEADERS, limit=TOKEN_BODY_MAX_BYTES
        )
        answer, location = await self._send(question, url, authorization, is_own=False)
        if location is not None and origin_of(location) == origin_of(url):
            answer, location = await self._send(question, location, authorization, is_own=False)
        if location is not None:
            raise lasting(f"GET {question.shown}: redirected to {shown(location)}")
        return answer

    async def _send(
        self, question: Question, url: httpx2.URL, authorization: str, *, is_own: bool
    ) -> tuple[Answer, httpx2.URL | None]:
        """Return one answer, and where it redirects to."""
        headers = [*_BASE_HEADERS, *question.headers]
        if authorization:
            headers.append((b"Authorization", authorization.encode()))
        request = httpx2.Request(
            "GET", url, headers=headers, extensions=_timeouts(question.read_seconds)
        )
        self.requests += 1
        try:
            response = await self._head(question, request)
            try:
                body = await self._read(question, response)
            finally:
                await response.aclose()
        except httpx2.TimeoutException as error:
            raise UnreachableError(
                f"GET {question.shown}: no answer in time ({type(error).__name__})"
            ) from error
        except httpx2.TransportError as error:
            reason = one_line(str(error), limit=200)
            raise UnreachableError(
                f"GET {question.shown}: {type(error).__name__} {reason}".rstrip()
            ) from error
        answer = Answer(
            asked=question.shown,
            status=response.status_code,
            headers=response.headers,
            body=body,
            is_own=is_own,
            authorization=authorization,
            retry_after=self._retry_after(response),
        )
        return answer, redirect_target(answer, url) if answer.is_redirect else None

    async def _head(self, question: Question, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self._client.send(request, stream=True)
        except ValueError as error:
            # The client parses every Location, followed or not, and some text breaks its parser.
            raise lasting(f"GET {question.shown}: redirected to what is no URL") from error

    async def _read(self, question: Question, response: httpx2.Response) -> bytes:
        seconds = question.read_seconds * BODY_READS_MAX
        asked = question.shown
        if response.status_code != 200:
            return await read_beginning(response, seconds=seconds, clock=self._clock, asked=asked)
        return await read_content(
            response, limit=question.limit, seconds=seconds, clock=self._clock, asked=asked
        )

    def _retry_after(self, response: httpx2.Response) -> float | None:
        if not is_transient(response.status_code):
            return None
        return retry_after(response.headers.get("retry-after", ""), now=self._clock.now())


_BASE_HEADERS: tuple[Header, ...] = (
    (b"User-Agent", USER_AGENT.encode()),
    (b"Accept-Encoding", b"identity"),
)
_JSON_HEADERS: tuple[Header, ...] = ((b"Accept", b"application/json"),)


def _timeouts(read_seconds: float) -> dict[str, dict[str, float | None]]:
    # Waiting for a free connection is waiting for our own requests, so it has no limit.
    return {
        "timeout": {
            "connect": CONNECT_SECONDS,
            "read": read_seconds,
            "write": READ_SECONDS,
            "pool": None,
        }
    }


def _with_jitter(seconds: float) -> float:
    # It spreads load and guards nothing, so any random number will do.
    return seconds * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)  # noqa: S311
