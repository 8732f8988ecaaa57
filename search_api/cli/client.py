"""The service that commands ask, over its HTTP API, with the credentials that are kept for it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import httpx2

from indexer.errors import (
    CursorExpiredError,
    InvalidValueError,
    NotFoundError,
    QueryError,
    SignInError,
    UnreachableError,
)
from indexer.model import one_line, parse_json_object
from indexer.registry import USER_AGENT
from search_api.cli.docker_auths import Login, find_login

API = "/api/v1"
TIMEOUT_SECONDS = 30.0
BODY_MAX_BYTES = 50_000_000
VALUES_MAX = 2_000_000
WAITS_MAX = 10
WAIT_SECONDS_MAX = 60.0
STREAM_SECONDS = 60.0
"""A stream of changes says every 15 seconds that it is there; after this time it is not."""
AGAIN_SECONDS = 1.0
"""The pause before a stream that ended is asked for again."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SHOWN_MAX = 300
_ERRORS: Mapping[int, type[Exception]] = {404: NotFoundError, 410: CursorExpiredError}


class ServiceClient:
    """A service, as a caller."""

    def __init__(
        self, url: str, auth: httpx2.Auth, *, is_ours: bool = False, timeout: float | None = None
    ) -> None:
        """Take its address. ``is_ours``: it runs on the data directory of the settings.

        :class:`InvalidValueError` if the address is none.
        """
        address_parts(url)
        self.url = url.rstrip("/")
        self._is_ours = is_ours
        self._client = httpx2.Client(
            base_url=self.url,
            timeout=timeout or TIMEOUT_SECONDS,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            auth=auth,
            # No proxy is asked for what runs on this machine.
            trust_env=not is_ours,
        )

    def __enter__(self) -> "ServiceClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Return the JSON at a path of the API; empty parameters are left out.

        The service is asked again when it says that it is busy. :class:`UnreachableError` if there
        is no such answer; :class:`QueryError`, :class:`SignInError`, :class:`NotFoundError` and
        :class:`InvalidValueError` are what it says.
        """
        for _ in range(WAITS_MAX):
            status, headers, body = self._answer(path, parameters)
            wait = headers.get("retry-after", "")
            if status not in {429, 503} or not wait.isdecimal() or float(wait) > WAIT_SECONDS_MAX:
                break
            time.sleep(float(wait))
        if status == 200 and body:
            return body
        raise self._error(status, body)

    def newest_cursor(self) -> str:
        """Return the cursor of now: what changes later comes after it."""
        return str(self.get("changes", cursor="now")["next"])

    def changes(self, cursor: str, **within: str) -> Iterator[dict[str, Any]]:
        """Yield the changes after a cursor, and then each as it comes, without an end.

        Where the service is away for a while, it is asked again. :class:`CursorExpiredError` if it
        does not know any more what came after the cursor.
        """
        while True:
            parameters = {name: value for name, value in within.items() if value}
            try:
                with self._client.sse(
                    f"{API}/changes/stream",
                    params={**parameters, "cursor": cursor},
                    timeout=STREAM_SECONDS,
                ) as events:
                    if events.response.status_code in {400, 401, 403, 404, 410}:
                        events.response.read()
                        raise self._error(
                            events.response.status_code, _object(events.response.content)
                        )
                    for event in events:
                        body = _object(event.data.encode())
                        if event.event == "expired":
                            raise CursorExpiredError(str(body.get("message")))
                        cursor = event.id or cursor
                        yield body
            except httpx2.TransportError:
                pass
            time.sleep(AGAIN_SECONDS)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Enclose the reading of answers: :class:`InvalidValueError` if they are of others."""
        try:
            yield
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            reason = one_line(f"{type(error).__name__} {error}", limit=_SHOWN_MAX)
            raise InvalidValueError(f"{self.url} does not answer as regsearch: {reason}") from error

    def page_url(self, page: str, **parameters: str) -> str:
        """Return the address of a web page of the service."""
        given = {name: value for name, value in parameters.items() if value}
        return f"{self.url}/{page}" + (f"?{urlencode(given, safe='/:@')}" if given else "")

    def _answer(
        self, path: str, parameters: Mapping[str, str]
    ) -> tuple[int, httpx2.Headers, dict[str, Any]]:
        """Return status, headers and the object of an answer, empty if it has none."""
        given = {name: value for name, value in parameters.items() if value}
        content = b""
        try:
            with self._client.stream("GET", f"{API}/{path}", params=given) as response:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > BODY_MAX_BYTES:
                        raise UnreachableError(f"{self.url}: more than {BODY_MAX_BYTES} bytes")
        except httpx2.HTTPError as error:
            reason = one_line(f"{type(error).__name__} {error}", limit=_SHOWN_MAX)
            remedy = "; is it running? `regsearch serve` starts it" if self._is_ours else ""
            raise UnreachableError(f"{self.url}: no answer: {reason}{remedy}") from error
        return response.status_code, response.headers, _object(content)

    def _error(self, status: int, body: Mapping[str, Any]) -> Exception:
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        said = first.get("message") if isinstance(first, dict) else None
        if not said:
            return UnreachableError(f"{self.url} does not answer as regsearch: status {status}")
        message = one_line(str(said), limit=_SHOWN_MAX)
        detail = first.get("detail") if isinstance(first, dict) else None
        column = detail.get("column") if isinstance(detail, dict) else None
        if isinstance(column, int):
            return QueryError(message, column=column)
        if status == 401:
            return SignInError(f"{self.url}: {message}: regsearch login {self.url}")
        return _ERRORS.get(status, InvalidValueError)(f"{self.url}: {message}")


@contextmanager
def connect(url: str, *, timeout: float | None = None) -> Iterator[ServiceClient]:
    """Give the service at an address, or without one that of the data directory.

    ``timeout`` is in seconds. :class:`UnreachableError` if no service runs there,
    :class:`SettingsError` for settings or credentials that cannot be used.
    """
    if url:
        with ServiceClient(url, _auth(find_login(host_of(url))), timeout=timeout) as service:
            yield service
        return
    # Settings take long to import, and are not needed for a service elsewhere.
    from indexer.settings import load_settings  # noqa: PLC0415
    from search_api.processes import read_service_file  # noqa: PLC0415

    directory = load_settings().data_dir.absolute()
    running = read_service_file(directory)
    if running is None:
        raise UnreachableError(
            f"no service runs on the data directory {str(directory)!r}: start one with"
            " `regsearch serve`, or name one that runs: --url http://HOST:PORT, or REGSEARCH_URL"
        )
    with ServiceClient(
        running.url, _Bearer(running.token), is_ours=True, timeout=timeout
    ) as service:
        yield service


def host_of(url: str) -> str:
    """Return the host and port by which credentials for an address are kept, as docker does."""
    return address_parts(url).netloc.lower()


def is_open_to_others(url: str) -> bool:
    """Tell whether others can read what is sent to an address."""
    parts = address_parts(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def check_login(url: str, login: Login) -> None:
    """Ask a service whether it takes credentials: :class:`SignInError` if not."""
    with ServiceClient(url, _auth(login)) as service:
        service.get("search", limit="1")


def address_parts(url: str) -> SplitResult:
    """Return the parts of the address of a service: :class:`InvalidValueError` if it is none."""
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.username or parts.query or parts.fragment:
        shown = one_line(url.rpartition("@")[2], limit=_SHOWN_MAX)
        raise InvalidValueError(f"{shown!r} is no address such as https://search.example.org")
    return parts


class _Bearer(httpx2.Auth):
    """Sends a token."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx2.Request) -> Any:
        """Add it to a request."""
        request.headers["Authorization"] = self._header
        yield request


def _auth(login: Login | None) -> httpx2.Auth:
    # Without a login not the one of .netrc.
    return httpx2.BasicAuth(login.username, login.password) if login else httpx2.Auth()


def _object(content: bytes) -> dict[str, Any]:
    """Return a JSON object, empty if it is none."""
    try:
        return parse_json_object(content, values_max=VALUES_MAX)
    except InvalidValueError:
        return {}
