"""Answers of a service, to be compared with those of another."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette

from tests.search_api.access.asking import ELSEWHERE

PAGES_MAX = 300
STREAM_SECONDS = 30
_CURSOR_OF_CHANGES = re.compile(r"\b[0-9a-f]{1,15}\.[0-9a-f]{16}\b")
_OF_A_PROCESS = re.compile(
    r'"generation":"[^"]*"|"searches":\{[^}]*\{[^}]*\}[^}]*\}'
    r'|<section aria-labelledby="searches">.*?</section>',
    re.DOTALL,
)
"""What the status tells of one search index, and of all searches of a process."""
_LINK = re.compile(r'<(?P<address>[^>]*)>; rel="next"')
_NOT_COMPARED = {"x-request-id", "date"}
_BY_CONTENT = {"etag", "content-length"}
"""Headers that follow from the body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of an answer. Left out is what one store or index alone has."""

    address: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def without(self, *names: str) -> "Answer":
        """Return it without some headers."""
        kept = tuple(pair for pair in self.headers if pair[0] not in names)
        return Answer(self.address, self.status, kept, self.body)


def answer_of(response: httpx2.Response, address: str) -> Answer:
    """Return what is compared of a response."""
    left_out, body = set(_NOT_COMPARED), _CURSOR_OF_CHANGES.sub("CURSOR", response.text)
    body = _OF_A_PROCESS.sub("PROCESS", body)
    if body != response.text:
        left_out |= _BY_CONTENT
    if response.status_code >= 400:
        # Errors have the id of their request.
        body = body.replace(response.headers.get("x-request-id", "-"), "ID")
    headers = tuple(
        (name, _CURSOR_OF_CHANGES.sub("CURSOR", value))
        for name, value in response.headers.multi_items()
        if name not in left_out
    )
    return Answer(address, response.status_code, headers, body)


async def walk(
    client: httpx2.AsyncClient, address: str, headers: Mapping[str, str]
) -> list[httpx2.Response]:
    """Return the answer of an address, and all following pages that it leads to."""
    found: list[httpx2.Response] = []
    following: str | None = address
    while following and len(found) < PAGES_MAX:
        response = await client.get(following, headers=headers)
        found.append(response)
        link = _LINK.search(response.headers.get("link", ""))
        following = link["address"] if link else _next_changes(response, address)
    return found


def _next_changes(response: httpx2.Response, address: str) -> str | None:
    """Return the address of later changes, to which no header leads; None behind the last."""
    is_of_changes = re.match(r"/api/v1/changes(\?|$)(?!.*cursor=)", address)
    if not is_of_changes or response.status_code != 200:
        return None
    body = response.json()
    if not body["changes"] or not body["next"] or "order=newest" in address:
        return None
    sign = "&" if "?" in address else "?"
    return f"{address}{sign}cursor={body['next']}"


async def read_stream(
    app: Starlette, address: str, headers: Mapping[str, str], *, events: int
) -> str:
    """Return the first events of a stream, and what came with them."""
    path, _, query = address.partition("?")
    received: list[bytes] = []
    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        received.append(message.get("body", b""))
        if b"".join(received).count(b"event: ") >= events:
            done.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"search.example")]
        + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (ELSEWHERE, 4711),
        "server": ("search.example", 80),
    }
    running = asyncio.create_task(app(scope, receive, send))
    async with asyncio.timeout(STREAM_SECONDS):
        await done.wait()
    running.cancel()
    await asyncio.wait([running])
    return b"".join(received).decode()


def difference(got: object, wanted: object) -> str:
    """Return where two answers begin to differ."""
    one, other = str(got), str(wanted)
    pairs = enumerate(zip(one, other, strict=False))
    at = next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
    return f"…{one[max(0, at - 200) : at + 200]}… not …{other[max(0, at - 60) : at + 200]}…"
