"""``docs``: a page that shows the OpenAPI document. All its files come from this server.

The files are beside this module. They contain no input of others.
"""

from pathlib import Path

from fastapi import Response
from starlette.requests import Request
from starlette.routing import Route

_PAGES = Path(__file__).parent / "pages"
_FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs.css": ("docs.css", "text/css; charset=utf-8"),
    "/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def documentation_routes() -> list[Route]:
    """Return the routes of the page and its files. Each file is read once."""
    return [
        _route(path, (_PAGES / name).read_bytes(), media_type)
        for path, (name, media_type) in _FILES.items()
    ]


def _route(path: str, content: bytes, media_type: str) -> Route:
    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return Route(path, answer)
