"""The addresses of all pages, and what a browser sees of a mistake."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from indexer.errors import NotFoundError
from search_api.http_errors import KNOWN_ERRORS, answer_to, http_answer
from search_api.pages import (
    changes,
    compare,
    go,
    guide,
    image,
    layer,
    repository,
    search,
    sign_in,
    start,
    status,
)
from search_api.pages.mistakes import mistake_page
from search_api.pages.site import Site, wants_html

Answer = Callable[[Site, Request], Awaitable[Response]]

_OF_PROGRAMS = ("/api/", "/v1/", "/v2/", "/webhooks/")
"""Addresses that programs ask: a page there would be taken for an answer."""
COMPRESSED_FROM = 500
COMPRESS_LEVEL = 5
"""Higher levels take twice the time for a few bytes."""
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


async def _answer_place(site: Site, request: Request) -> Response:
    """Return the page of a repository, or of the image of a tag: a name has no colon itself."""
    _, colon, tag = request.path_params["place"].rpartition(":")
    is_tag = bool(colon) and "/" not in tag
    return await (image.answer_tag if is_tag else repository.answer)(site, request)


_PAGES: dict[str, Answer] = {
    "/": start.answer,
    "/search": search.answer,
    "/r/{registry}/{place:path}": _answer_place,
    "/i/{digest}": image.answer_digest,
    "/l/{digest}": layer.answer,
    "/help": guide.answer,
    "/go": go.answer,
    "/changes": changes.answer,
    "/compare": compare.answer,
    "/status": status.answer,
    "/sign-in": sign_in.answer,
    "/sign-in/oidc": sign_in.depart,
    "/sign-in/callback": sign_in.arrive,
}


def page_routes(site: Site) -> list[Route]:
    """Return the routes of all pages and their files."""
    pages = [_route(path, partial(answer_page, site, answer)) for path, answer in _PAGES.items()]
    return [
        *pages,
        _route("/sign-in", partial(answer_page, site, sign_in.answer), method="POST"),
        _route("/sign-out", partial(answer_page, site, sign_in.sign_out), method="POST"),
        _route("/static/{hash}/{name}", partial(_file, site)),
        _route("/favicon.svg", partial(_named_file, site, "favicon.svg")),
        _route("/robots.txt", _robots),
    ]


def _route(
    path: str, endpoint: Callable[[Request], Awaitable[Response]], *, method: str = "GET"
) -> Route:
    compressing = Middleware(
        GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESS_LEVEL
    )
    return Route(path, endpoint, methods=[method], middleware=[compressing])


async def answer_page(site: Site, answer: Answer, request: Request) -> Response:
    """Return a page, or the page of the mistake where a browser asks."""
    try:
        return await answer(site, request)
    except KNOWN_ERRORS as error:
        if not wants_html(request.headers):
            raise
        return await site.respond(request, mistake_page(request, error, answer_to(request, error)))


async def missing_page(site: Site, request: Request, error: Exception) -> Response:
    """Return the page of an address that nothing has, for browsers; JSON for all others."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    answer = http_answer(request, error)
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    is_page = error.status_code == 404 and not path.startswith(_OF_PROGRAMS)
    if not is_page or not wants_html(request.headers):
        return answer
    found = NotFoundError(f"there is no page {path[:200]!r}")
    return await site.respond(request, mistake_page(request, found, answer))


async def _file(site: Site, request: Request) -> Response:
    headers = _FOR_EVER if request.path_params["hash"] == site.files_hash else {}
    return _file_response(site, request.path_params["name"], headers)


async def _named_file(site: Site, name: str, _: Request) -> Response:
    return _file_response(site, name, {"Cache-Control": "max-age=86400"})


def _file_response(site: Site, name: str, headers: dict[str, str]) -> Response:
    content = site.files.get(name)
    if content is None:
        raise HTTPException(404)
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(content, media_type=kind, headers=headers or {"Cache-Control": "no-cache"})


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")
