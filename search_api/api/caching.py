"""Answers that a client may keep. It asks whether they changed; mostly they did not."""

import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

_ASK_AGAIN = {"Cache-Control": "no-cache"}


def kept_answer(
    request: Request, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with its ETag, or 304 if the client has it already."""
    return kept_response(request, JSONResponse(body, headers=headers))


def kept_response(request: Request, answer: Response) -> Response:
    """Return a response with its ETag, or 304 if the client has it already."""
    answer.headers.update(_ASK_AGAIN)
    digest = hashlib.sha256(answer.body).hexdigest()[:32]
    # Weak, because compression changes the bytes.
    etag = f'W/"{digest}"'
    if _knows(request.headers.get("if-none-match", ""), digest):
        kept = {name: answer.headers[name] for name in ("vary",) if name in answer.headers}
        return Response(status_code=304, headers={**kept, **_ASK_AGAIN, "ETag": etag})
    answer.headers["ETag"] = etag
    return answer


def _knows(if_none_match: str, digest: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return bool(tags & {f'"{digest}"', "*"})
