"""A follower of changes, as somebody would write one: ``python -m tests.follower URL FILE``.

It keeps a copy of all tags in a file, takes a cursor before its first listing as the specification
says, follows the stream behind it, and goes on where it was after whatever ends it. Standard
library alone, so that it starts fast: tests kill it all the time.
"""

import http.client
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

API = "/api/v1"
Tags = dict[tuple[str, str, str], str]


class Copy:
    """The copy in a file: one transaction writes changes together with their cursor."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS tags (registry, repository, tag, digest,"
                " PRIMARY KEY (registry, repository, tag))"
            )
            self._database.execute("CREATE TABLE IF NOT EXISTS cursor (cursor)")

    def close(self) -> None:
        self._database.close()

    def cursor(self) -> str:
        """Return the cursor; empty before the first listing is whole."""
        row = self._database.execute("SELECT cursor FROM cursor").fetchone()
        return str(row[0]) if row else ""

    def tags(self) -> Tags:
        rows = self._database.execute("SELECT registry, repository, tag, digest FROM tags")
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def begin(self, tags: Tags, cursor: str) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("DELETE FROM tags")
            self._database.executemany(
                "INSERT INTO tags VALUES (?, ?, ?, ?)",
                [(*place, digest) for place, digest in tags.items()],
            )
            self._database.execute("INSERT INTO cursor VALUES (?)", [cursor])

    def apply(self, change: dict[str, Any]) -> None:
        place = [change["registry"], change["repository"], change["tag"]]
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            match change["kind"]:
                case "tag.pushed":
                    self._database.execute(
                        "REPLACE INTO tags VALUES (?, ?, ?, ?)", [*place, change["digest"]]
                    )
                case "tag.removed":
                    self._database.execute(
                        "DELETE FROM tags WHERE registry = ? AND repository = ? AND tag = ?", place
                    )
                case _:
                    self._database.execute(
                        "DELETE FROM tags WHERE registry = ? AND repository = ?", place[:2]
                    )
            self._database.execute("UPDATE cursor SET cursor = ?", [change["cursor"]])


class Client:
    """Asks the API over one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def get(self, path: str) -> Any:
        self._connection.request("GET", f"{API}{path}")
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)

    def pages(self, path: str, key: str) -> Iterator[Any]:
        cursor = ""
        while True:
            page = self.get(f"{path}?limit=50&cursor={quote(cursor)}")
            yield from page[key]
            if not page["next"]:
                return
            cursor = page["next"]

    def stream(self, cursor: str) -> Iterator[dict[str, Any]]:
        self._connection.request("GET", f"{API}/changes/stream", headers={"Last-Event-ID": cursor})
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        for line in response:
            if line.startswith(b"data:"):
                yield json.loads(line[5:])


def listing(client: Client) -> Tags:
    """Return all tags that there are."""
    return {
        (tag["registry"], tag["repository"], tag["tag"]): tag["digest"]
        for registry in client.get("/registries")["registries"]
        for one in client.pages(f"/repositories/{registry['registry']}", "repositories")
        for tag in client.pages(f"/tags/{one['registry']}/{one['repository']}", "tags")
    }


def main(url: str, path: Path) -> None:
    """Follow until killed."""
    client = Client(url)
    with closing(Copy(path)) as copy:
        if not copy.cursor():
            cursor = client.get("/changes?cursor=now")["next"]
            copy.begin(listing(client), cursor)
        for change in client.stream(copy.cursor()):
            copy.apply(change)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
