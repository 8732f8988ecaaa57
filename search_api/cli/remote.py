"""Asking a service elsewhere, over its HTTP API, with the credentials that docker keeps for it."""

import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx2

from indexer.errors import InvalidValueError, SignInError, UnreachableError
from indexer.model import one_line, parse_json_object
from indexer.registry import USER_AGENT
from search_api.cli.docker_auths import Login, find_login
from search_api.cli.search import print_found
from search_api.search import API, SearchRequest

TIMEOUT_SECONDS = 30.0
BODY_MAX_BYTES = 50_000_000
VALUES_MAX = 2_000_000
WAITS_MAX = 10
WAIT_SECONDS_MAX = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SHOWN_MAX = 300
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def host_of(url: str) -> str:
    """Return the host and port by which credentials for an address are kept, as docker does."""
    return _parts(url).netloc.lower()


def is_open_to_others(url: str) -> bool:
    """Tell whether others can read what is sent to an address."""
    parts = _parts(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def check_login(url: str, login: Login) -> None:
    """Ask a service whether it takes credentials: :class:`SignInError` if not."""
    with _client(url, login) as client:
        _get(client, {"limit": "1"})


def search(url: str, request: SearchRequest, *, everything: bool, output: str | None) -> None:
    """Search at a service, and print what is found as ``regsearch search`` does everywhere."""
    body = search_at(url, request, everything=everything)
    try:
        print_found(body, output=output)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = one_line(f"{type(error).__name__} {error}", limit=_SHOWN_MAX)
        raise InvalidValueError(f"{url} does not answer as regsearch: {reason}") from error


def search_at(url: str, request: SearchRequest, *, everything: bool) -> dict[str, Any]:
    """Return what a service finds: the JSON of a page, or of all pages."""
    order = request.order
    parameters = {
        "q": request.text,
        "type": order.document_type.value,
        "sort": order.name,
        "registry": request.registry,
        "facets": ",".join(request.facets),
        "limit": str(request.limit),
    }
    given = {name: value for name, value in parameters.items() if value}
    with _client(url, find_login(host_of(url))) as client:
        body = _get(client, given)
        cursor = body["next"]
        while everything and cursor:
            page = _get(client, {**given, "cursor": str(cursor)})
            body["results"] += page["results"]
            cursor = page["next"]
    return {**body, "next": None} if everything else body


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.username or parts.query or parts.fragment:
        shown = one_line(url.rpartition("@")[2], limit=_SHOWN_MAX)
        raise InvalidValueError(f"{shown!r} is no address such as https://search.example.org")
    return parts


def _client(url: str, login: Login | None) -> httpx2.Client:
    _parts(url)
    return httpx2.Client(
        base_url=url.rstrip("/"),
        timeout=TIMEOUT_SECONDS,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        # Not the one of .netrc.
        auth=httpx2.BasicAuth(login.username, login.password) if login else httpx2.Auth(),
    )


def _get(client: httpx2.Client, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer to a search; it is asked again when the service says that it is busy."""
    for _ in range(WAITS_MAX):
        status, headers, body = _answer(client, parameters)
        wait = headers.get("retry-after", "")
        if status != 429 or not wait.isdecimal() or float(wait) > WAIT_SECONDS_MAX:
            break
        time.sleep(float(wait))
    if status == 200 and _is_answer(body):
        plain: dict[str, Any] = _plain(body)
        return plain
    said = _message(body)
    where = str(client.base_url).rstrip("/")
    if status == 401:
        raise SignInError(f"{where}: {_shown(said)}: regsearch login {where}")
    if said:
        raise InvalidValueError(f"{where}: {_shown(said)}")
    raise UnreachableError(f"{where} gives no answer of a search: status {status}")


def _answer(
    client: httpx2.Client, parameters: Mapping[str, str]
) -> tuple[int, httpx2.Headers, dict[str, Any]]:
    """Return status, headers and the object of an answer, empty if it has none."""
    content = b""
    try:
        with client.stream("GET", f"{API}/search", params=dict(parameters)) as response:
            for part in response.iter_bytes():
                content += part
                if len(content) > BODY_MAX_BYTES:
                    raise UnreachableError(f"{client.base_url}: more than {BODY_MAX_BYTES} bytes")
    except httpx2.HTTPError as error:
        reason = one_line(f"{type(error).__name__} {error}", limit=_SHOWN_MAX)
        raise UnreachableError(f"{client.base_url}: no answer: {reason}") from error
    try:
        body = parse_json_object(content, values_max=VALUES_MAX)
    except InvalidValueError:
        body = {}
    return response.status_code, response.headers, body


def _is_answer(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("results"), list) and {"next", "total", "freshness"} <= body.keys()


def _message(body: Mapping[str, Any]) -> object:
    """Return what the first error of an answer says, None if it has none."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("message") if isinstance(first, dict) else None


def _plain(value: Any) -> Any:
    """Return a value without the control characters of its texts: a terminal would obey them."""
    if isinstance(value, str):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


def _shown(text: object) -> str:
    return one_line(str(text), limit=_SHOWN_MAX)
