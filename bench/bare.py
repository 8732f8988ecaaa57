"""The reference: the simplest handler that keeps each request on disk.

It is Starlette under uvicorn, with one SQLite transaction a request (WAL, ``synchronous = FULL``).
One worker thread writes, because SQLite allows one writer at a time. It does not parse requests.
"""

import argparse
import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class BareHandler:
    """Commits each body as a row of its own before it answers 202."""

    def __init__(self, database: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB)")

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(routes=[Route("/{path:path}", self._receive, methods=["GET", "POST"])])

    async def _receive(self, request: Request) -> JSONResponse:
        body = await request.body()
        if body:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._insert, body)
        return JSONResponse({"accepted": 1}, status_code=202)

    def _insert(self, body: bytes) -> None:
        self._connection.execute("INSERT INTO entries (body) VALUES (?)", [body])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on a port of 127.0.0.1 until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    given = parser.parse_args(arguments)
    app = BareHandler(given.database).app()
    uvicorn.run(app, port=given.port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
