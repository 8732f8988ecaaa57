"""The reference of searching: a Starlette handler that always answers with the same page.

It shows the cost of sending a page of results as JSON over HTTP, without a search.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def make_app(page: object) -> Starlette:
    """Return an application that answers every request with ``page``."""

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(page)

    return Starlette(routes=[Route("/{path:path}", answer)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on a port of 127.0.0.1 until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_search", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--page", type=Path, required=True, help="JSON to answer")
    given = parser.parse_args(arguments)
    app = make_app(json.loads(given.page.read_text()))
    uvicorn.run(app, port=given.port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
