"""The answers of a registry that are not content: errors, redirections to uploads, lies."""

from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of an error body."""

    code: str
    message: str
    detail: Any = None

    def json(self) -> dict[str, Any]:
        """Return the entry as it stands in the body; no detail, no key."""
        entry = {"code": self.code, "message": self.message}
        return entry | ({} if self.detail is None else {"detail": self.detail})


class RefusedError(Exception):
    """A request that the registry refuses, with the status and errors to answer."""

    def __init__(self, status: int, *entries: ErrorEntry) -> None:
        super().__init__(f"{status} {[entry.code for entry in entries]}")
        self.status = status
        self.entries = entries


def refused(status: int, code: str, message: str, detail: Any = None) -> RefusedError:
    """Return the refusal with one error."""
    return RefusedError(status, ErrorEntry(code, message, detail))


def name_unknown(name: str) -> RefusedError:
    """Return the refusal for a repository that does not exist."""
    message = "repository name not known to registry"
    return refused(404, "NAME_UNKNOWN", message, {"name": name})


def blob_unknown(digest: str) -> RefusedError:
    """Return the refusal for a blob that this repository does not have."""
    return refused(404, "BLOB_UNKNOWN", "blob unknown to registry", digest)


def digest_invalid() -> RefusedError:
    """Return the refusal of content that does not have the digest it was announced with."""
    return refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content")


def error_answer(error: RefusedError) -> Response:
    """Return the OCI error list for a refusal."""
    body = {"errors": [entry.json() for entry in error.entries]}
    return JSONResponse(body, error.status, media_type="application/json; charset=utf-8")


def no_such_path() -> Response:
    """Return the answer of Go's router to an unknown path: no registry error body."""
    return PlainTextResponse("404 page not found\n", 404)


def wrong_method(allowed: str) -> Response:
    """Return the answer of Go's router to a method that a path does not take."""
    return PlainTextResponse("Method not allowed\n", 405, headers={"Allow": allowed})


class DroppedConnection(Response):
    """An answer that promises a body and breaks off: the client sees a broken connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and part of a body, then fail."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        # In process this is what reaches the client; a server closes the connection upon it.
        raise httpx2.ReadError("the fake registry dropped the connection")
