"""The checked server, and the rules for all its answers."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

API = "/api/v1"
TIMEOUT_SECONDS = 30
WAITS_MAX = 30
"""How often a request is repeated that the server refuses with 429."""
WAIT_SECONDS_MAX = 10.0
WALK_MAX = 20
"""The most pages of a walk."""
ERROR_CODE = re.compile(r"[A-Z][A-Z_]*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_SHOWN_MAX = 200
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


class NotConformingError(Exception):
    """The server does not do what the specification says."""


class NothingToCheckError(Exception):
    """The server has no content that shows whether it conforms."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response with JSON: its object and its headers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    address: str


def require(condition: object, message: str) -> None:
    """Raise :class:`NotConformingError` with ``message`` unless the condition holds."""
    if not condition:
        raise NotConformingError(message)


class Server:
    """Sends requests to one server; close it at the end."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        path: str,
        parameters: Parameters = (),
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Return any response; :class:`NotConformingError` if there is none.

        A server may limit its callers: then the request is repeated when the server says so.
        """
        # Without parameters an address keeps its own query.
        pairs = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
        for _ in range(WAITS_MAX):
            try:
                response = self._http.request(
                    method,
                    path,
                    params=httpx2.QueryParams(tuple(pairs)) if pairs else None,
                    headers=dict(headers or {}),
                )
            except httpx2.HTTPError as error:
                raise NotConformingError(f"{method} {path}: no answer: {error}") from error
            if response.status_code != 429:
                return response
            time.sleep(_wait_seconds(response))
        return response

    def get(self, path: str, **parameters: str) -> ApiResponse:
        """Return a response that must be a JSON object and a success."""
        return self.check_response(self.request(path, parameters), status=200)

    def check_response(self, response: httpx2.Response, *, status: int) -> ApiResponse:
        """Return a response that must be a JSON object and have this status."""
        address = f"{response.request.method} {response.request.url.raw_path.decode()}"
        require(
            response.status_code == status,
            f"{address}: status {response.status_code}, not {status}: {response.text[:_SHOWN_MAX]}",
        )
        content_type = response.headers.get("content-type", "")
        require(
            content_type.partition(";")[0].strip() == "application/json",
            f"{address}: Content-Type {content_type!r}, not application/json",
        )
        try:
            body = json.loads(response.content)
        except ValueError as error:
            raise NotConformingError(f"{address}: no JSON: {error}") from error
        require(isinstance(body, dict), f"{address}: not a JSON object: {str(body)[:_SHOWN_MAX]}")
        return ApiResponse(status, body, response.headers, address)

    def search(self, query: str = "", **parameters: str) -> ApiResponse:
        """Return the answer to a search, which must succeed."""
        return self.get(f"{API}/search", q=query, **parameters)

    def results(self, query: str = "", **parameters: str) -> list[dict[str, Any]]:
        """Return the first results of a search; :class:`NothingToCheckError` if there are none."""
        found = self.search(query, **parameters)
        results: list[dict[str, Any]] = read_value(found, "results", list)
        if not results:
            raise NothingToCheckError(f"{found.address} finds nothing")
        return results

    def total(self, query: str, **parameters: str) -> int:
        """Return the number of results of a query."""
        found = self.search(query, limit="1", **parameters)
        return int(read_value(found, "total", int))

    def pages(self, query: str = "", **parameters: str) -> Iterator[ApiResponse]:
        """Yield the first ``WALK_MAX`` pages of a search."""
        cursor = ""
        for _ in range(WALK_MAX):
            page = self.search(query, **parameters, **({"cursor": cursor} if cursor else {}))
            yield page
            cursor = page.body.get("next") or ""
            if not cursor:
                return

    def read_refusal(
        self, path: str, parameters: Parameters, *, status: int = 400
    ) -> dict[str, Any]:
        """Return the first error of a response that must be a refusal in the form of OCI."""
        found = self.check_response(self.request(path, parameters), status=status)
        errors = read_value(found, "errors", list)
        require(errors, f"{found.address}: the list of errors is empty")
        first = errors[0]
        require(isinstance(first, dict), f"{found.address}: an error is not an object: {first!r}")
        code, message = first.get("code"), first.get("message")
        require(
            isinstance(code, str) and ERROR_CODE.fullmatch(code),
            f"{found.address}: the code of an error is {code!r}",
        )
        require(
            isinstance(message, str) and message, f"{found.address}: an error without a message"
        )
        return dict(first)


def _wait_seconds(response: httpx2.Response) -> float:
    text = response.headers.get("retry-after", "")
    require(text.isascii() and text.isdigit(), f"429 with Retry-After {text!r}, no seconds")
    return min(float(text), WAIT_SECONDS_MAX)


def read_value(response: ApiResponse, key: str, kind: type | tuple[type, ...]) -> Any:
    """Return a value of a response; it must exist and have this type."""
    return read_key(response.body, key, kind, where=response.address)


def read_key(
    found: Mapping[str, Any], key: str, kind: type | tuple[type, ...], *, where: str
) -> Any:
    """Return a value of an object; it must exist and have this type."""
    require(key in found, f"{where}: no key {key!r}")
    value = found[key]
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    require(is_right, f"{where}: {key} is {str(value)[:_SHOWN_MAX]!r}, of another type")
    return value


def quote_value(text: str) -> str:
    """Return a text quoted as a value in a query."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def quote_path(text: str) -> str:
    """Return a name quoted for a path."""
    return quote(text, safe="/:")
