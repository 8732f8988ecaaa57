"""A small but real registry: the distribution protocol over content in memory, with notifications.

In process: ``httpx2.AsyncClient(transport=httpx2.ASGITransport(app=registry.app))``, within
``async with registry.notifying():`` where notifications are to be delivered. As a server:
``python -m tests.fakes.registry --listen 127.0.0.1:5000``, or ``tests.fakes.serving.serving``.
"""

import argparse
import base64
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.clock import Clock, SystemClock
from indexer.model.media_types import OCTET_STREAM
from tests.builders import BuiltManifest
from tests.fakes import answers, routing
from tests.fakes.blob_routes import BlobRoutes
from tests.fakes.content import Content, StoredManifest
from tests.fakes.events import HOST, Cause, Target, new_id
from tests.fakes.manifest_routes import ManifestRoutes
from tests.fakes.notifier import Endpoint, Notifier
from tests.fakes.referrer_routes import referrers_page

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Answer = Response | Callable[[Request], Response | Awaitable[Response]]


@dataclass(slots=True)
class Fault:
    """A false answer of the registry, if ``match`` is in ``METHOD /path?query``.

    ``times`` counts down with each use; None means for ever. ``answers.DroppedConnection()`` breaks
    the connection.
    """

    match: str
    answer: Answer
    times: int | None = None

    def applies(self, line: str) -> bool:
        """Tell whether this request gets the lie, and count it."""
        if self.times == 0 or not re.search(self.match, line):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FakeRegistry:
    """A registry in memory.

    ``endpoints`` get notifications. With ``v3``, events and checks of numbers are those of
    distribution 3.x. ``delete_by_tag`` allows DELETE of a tag as 3.x does. Without ``page_tags``,
    a tag listing ignores ``n`` and ``last`` as 2.8.3 does. ``referrers`` is the page size of its
    lists of referrers, which zot has and distribution has not; 0 means no lists. ``username``
    switches Basic authentication on. ``faults`` come first. ``requests`` lists every request as
    ``METHOD /path?query``. ``content`` is empty at first.
    """

    def __init__(
        self,
        *,
        endpoints: Iterable[Endpoint] = (),
        v3: bool = False,
        delete_by_tag: bool = False,
        page_tags: bool = True,
        referrers: int = 0,
        username: str = "",
        password: str = "",
        clock: Clock | None = None,
        content: Content | None = None,
    ) -> None:
        self.content = content or Content()
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.notifier = Notifier(endpoints, clock=clock or SystemClock(), v3=v3)
        self.referrers = referrers
        self._credentials = f"{username}:{password}" if username else ""
        self._username = username
        options = routing.Options(v3=v3, delete_by_tag=delete_by_tag, page_tags=page_tags)
        self._router = self._routes(options)
        route = Route("/{path:path}", self._answer, methods=_METHODS)
        self.app = Starlette(routes=[route], lifespan=self._lifespan)

    def notifying(self) -> AbstractAsyncContextManager[None]:
        """Deliver notifications in the background while this is open; a server does it itself."""
        return self.notifier.running()

    async def settled(self) -> None:
        """Return once every notification was taken by its endpoint."""
        await self.notifier.settled()

    def put(
        self, repository: str, built: BuiltManifest, *, tag: str = "", notify: bool = True
    ) -> None:
        """Push a manifest with all it needs; without ``tag`` by its digest alone."""
        for child in built.children:
            self.put(repository, child, notify=notify)
        for blob in built.blobs:
            if self.content.blob(repository, blob.digest) is None:
                digest = self.content.add_blob(repository, blob.body)
                target = Target(repository, OCTET_STREAM, digest, len(blob.body))
                self._report("push", target, notify=notify)
        manifest = StoredManifest(built.digest, built.media_type, built.body)
        self.content.create(repository).put(manifest, tag=tag)
        target = Target(repository, built.media_type, built.digest, len(built.body), tag)
        self._report("push", target, notify=notify)

    def delete_tag(self, repository: str, tag: str, *, notify: bool = True) -> None:
        """Delete a tag and leave its manifest, as distribution 3.x can."""
        del self.content.repositories[repository].tags[tag]
        self._report("delete", Target(repository, tag=tag), notify=notify)

    def delete_digest(self, repository: str, digest: str, *, notify: bool = True) -> None:
        """Delete a manifest and every tag that points at it."""
        tags = self.content.repositories[repository].delete(digest)
        self._report("delete", Target(repository, digest=digest), notify=notify)
        for tag in tags:
            self._report("delete", Target(repository, tag=tag), notify=notify)

    def delete_repository(self, repository: str) -> None:
        """Remove a repository silently, as removing its folder does."""
        del self.content.repositories[repository]

    def _report(self, action: str, target: Target, *, notify: bool) -> None:
        if notify:
            method = {"push": "PUT", "delete": "DELETE"}[action]
            cause = Cause(method, actor=self._username, request_id=new_id())
            self.notifier.post(action, target, cause)

    def _post(self, request: Request, action: str, target: Target) -> None:
        client = request.client
        cause = Cause(
            request.method,
            host=request.headers.get("host", HOST),
            address=f"{client.host}:{client.port}" if client else "",
            user_agent=request.headers.get("user-agent", ""),
            actor=self._username,
            request_id=request.state.request_id,
        )
        self.notifier.post(action, target, cause)

    def _routes(self, options: routing.Options) -> routing.Router:
        manifests = ManifestRoutes(self.content, post=self._post, options=options)
        blobs = BlobRoutes(self.content, post=self._post)
        at = f"/v2/{routing.NAME}"
        router = routing.Router()
        router.add("/v2/", {"GET": _support, "HEAD": _support})
        router.add("/v2/_catalog", {"GET": manifests.catalog})
        router.add(f"{at}/tags/list", {"GET": manifests.tags})
        manifest_handlers = {
            "GET": manifests.read,
            "HEAD": manifests.read,
            "PUT": manifests.write,
            "DELETE": manifests.delete,
        }
        router.add(f"{at}/manifests/{routing.REFERENCE}", manifest_handlers)
        blob_handlers = {"GET": blobs.read, "HEAD": blobs.read, "DELETE": blobs.delete}
        router.add(f"{at}/blobs/{routing.DIGEST}", blob_handlers)
        router.add(f"{at}/referrers/{routing.DIGEST}", {"GET": self._list_referrers})
        router.add(f"{at}/blobs/uploads/", {"POST": blobs.start})
        upload_handlers = {
            "GET": blobs.status,
            "PATCH": blobs.append,
            "PUT": blobs.finish,
            "DELETE": blobs.cancel,
        }
        router.add(f"{at}/blobs/uploads/{routing.UPLOAD}", upload_handlers)
        return router

    async def _answer(self, request: Request) -> Response:
        """Answer any request: faults first, then credentials, then the protocol."""
        query = request.url.query
        line = f"{request.method} {request.url.path}{'?' if query else ''}{query}"
        self.requests.append(line)
        request.state.request_id = new_id()
        for fault in self.faults:
            if fault.applies(line):
                return await _lie(fault.answer, request)
        answer = await self._router.answer(request) if self._allowed(request) else _unauthorized()
        answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    async def _list_referrers(self, request: Request, name: str, digest: str) -> Response:
        if not self.referrers:
            return answers.no_such_path()
        return referrers_page(self.content.get(name), digest, request, size=self.referrers)

    def _allowed(self, request: Request) -> bool:
        if not self._credentials:
            return True
        expected = "Basic " + base64.b64encode(self._credentials.encode()).decode()
        return secrets.compare_digest(request.headers.get("authorization", ""), expected)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with self.notifying():
            yield


async def _support(request: Request) -> Response:
    return JSONResponse({}, media_type="application/json; charset=utf-8")


async def _lie(answer: Answer, request: Request) -> Response:
    if isinstance(answer, Response):
        return answer
    made = answer(request)
    return made if isinstance(made, Response) else await made


def _unauthorized() -> Response:
    error = answers.refused(401, "UNAUTHORIZED", "authentication required")
    answer = answers.error_answer(error)
    answer.headers["WWW-Authenticate"] = 'Basic realm="Registry Realm"'
    return answer


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a registry in memory until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.registry", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:5000", help="address and port")
    parser.add_argument("--notify", metavar="URL", help="where notifications go")
    parser.add_argument("--authorization", help='their Authorization header: "Bearer x"')
    parser.add_argument("--ignore-action", action="append", default=[], help="as pull")
    parser.add_argument(
        "--ignore-media-type", action="append", default=[], help=f"as {OCTET_STREAM}"
    )
    parser.add_argument("--v3", action="store_true", help="behave as distribution 3.x")
    parser.add_argument("--username", default="")
    parser.add_argument("--password", default="")
    given = parser.parse_args(arguments)
    headers = {"Authorization": given.authorization} if given.authorization else {}
    endpoint = Endpoint(
        given.notify or "",
        headers,
        ignore_actions=frozenset(given.ignore_action),
        ignore_media_types=frozenset(given.ignore_media_type),
    )
    registry = FakeRegistry(
        endpoints=[endpoint] if given.notify else [],
        v3=given.v3,
        delete_by_tag=given.v3,
        username=given.username,
        password=given.password,
    )
    host, _, port = given.listen.rpartition(":")
    uvicorn.run(registry.app, host=host, port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
