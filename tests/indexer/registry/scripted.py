"""A registry with responses from a test, on any number of hosts, without a network."""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from indexer.registry import Credentials, RegistryClient, TokenRealm
from tests.fakes.clock import ManualClock

REGISTRY = "http://registry.test"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; ``headers`` may hold a name several times."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived."""

    url: str
    headers: dict[str, str] = field(repr=False)

    @property
    def authorization(self) -> str:
        """Return what was sent to prove who asks."""
        return self.headers.get("authorization", "")


Answering = Reply | Exception | Callable[[Seen], Reply]


class ScriptedRegistry:
    """Answers each address with what was set by :meth:`on`, in order; the last one again and again.

    An exception in place of an answer is raised by the transport, as a broken connection is. What
    nobody scripted is 404 in plain text, which no registry says about its content.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._answers: dict[str, list[Answering]] = {}
        app = Starlette(routes=[Route("/{path:path}", self._endpoint)])
        self.transport = httpx2.ASGITransport(app)

    def on(self, address: str, *answers: Answering) -> None:
        """Set the answers of a path of the registry, or of a whole URL elsewhere."""
        url = address if "://" in address else REGISTRY + address
        self._answers[url] = list(answers)

    @property
    def asked(self) -> list[str]:
        """Return the addresses that were asked for, without the registry's own host."""
        return [seen.url.removeprefix(REGISTRY) for seen in self.seen]

    def client(
        self,
        clock: ManualClock | None = None,
        *,
        credentials: Credentials | None = None,
        url: str = REGISTRY,
        realm: TokenRealm | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> RegistryClient:
        """Return a client of this registry."""
        return RegistryClient(
            url,
            clock=clock or ManualClock(),
            credentials=credentials,
            transport=self.transport,
            realm=realm,
            tls=tls,
        )

    async def _endpoint(self, request: Request) -> Response:
        seen = Seen(str(request.url), dict(request.headers))
        self.seen.append(seen)
        # Other tasks get their turn while a request is under way, as with a real registry.
        await asyncio.sleep(0)
        answers = self._answers.get(seen.url, [Reply(404, b"404 page not found\n")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        reply = answer if isinstance(answer, Reply) else answer(seen)
        response = Response(reply.body, status_code=reply.status)
        if any(name.lower() == "content-length" for name, _ in reply.headers):
            del response.headers["Content-Length"]
        for name, value in reply.headers:
            response.headers.append(name, value)
        return response


def as_json(value: object, *headers: tuple[str, str], status: int = 200) -> Reply:
    """Return a reply with a JSON body."""
    body = json.dumps(value).encode()
    return Reply(status, body, (("Content-Type", "application/json"), *headers))


def refusal(status: int, code: str, message: str = "", *headers: tuple[str, str]) -> Reply:
    """Return a reply with a registry's own error body."""
    return as_json({"errors": [{"code": code, "message": message}]}, *headers, status=status)
