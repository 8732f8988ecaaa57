"""Reading bodies with limits of size and time.

Bodies are hostile. A size is checked before reading if it is declared, while reading, and after
decompression.
"""

import zlib
from contextlib import aclosing
from datetime import datetime, timedelta

import httpx2

from indexer.clock import Clock
from indexer.errors import TooLargeError, UnreachableError, UnusableAnswerError
from indexer.model import one_line
from indexer.registry.responses import ERROR_BODY_MAX_BYTES, lasting

_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def read_content(
    response: httpx2.Response, *, limit: int, seconds: float, clock: Clock, asked: str
) -> bytes:
    """Return the whole body of ``response``.

    :class:`TooLargeError` for more than ``limit`` bytes, :class:`UnreachableError` after more than
    ``seconds``, :class:`UnusableAnswerError` for an unknown compression. ``asked`` is the path for
    messages.
    """
    too_large = f"GET {asked}: more than {limit} bytes"
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise TooLargeError(f"{too_large}: {declared[:20]}")
    body = await _read(response, limit=limit, seconds=seconds, clock=clock, asked=asked)
    if len(body) > limit:
        raise TooLargeError(too_large)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return body
    return _decoded(body, encoding, limit=limit, asked=asked)


async def read_beginning(
    response: httpx2.Response, *, seconds: float, clock: Clock, asked: str
) -> bytes:
    """Return the first 64 KiB of the body of an error."""
    limit = ERROR_BODY_MAX_BYTES
    body = await _read(response, limit=limit, seconds=seconds, clock=clock, asked=asked)
    return body[:limit]


async def _read(
    response: httpx2.Response, *, limit: int, seconds: float, clock: Clock, asked: str
) -> bytes:
    """Return the body, or the beginning of a body that is longer than ``limit``."""
    parts: list[bytes] = []
    size = 0
    give_up_at: datetime | None = None
    async with aclosing(response.aiter_raw()) as stream:
        async for part in stream:
            parts.append(part)
            size += len(part)
            if size > limit:
                break
            if give_up_at is None:
                give_up_at = clock.now() + timedelta(seconds=seconds)
            elif clock.now() > give_up_at:
                raise UnreachableError(f"GET {asked}: no end of the body within {seconds:.0f} s")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _decoded(body: bytes, encoding: str, *, limit: int, asked: str) -> bytes:
    """Return a body decompressed; the server compressed it although nobody asked for that."""
    if encoding not in _WINDOWS:
        raise lasting(f"GET {asked}: Content-Encoding {one_line(encoding, limit=100)!r}")
    decompressor = zlib.decompressobj(wbits=_WINDOWS[encoding])
    try:
        plain = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise UnusableAnswerError(f"GET {asked}: not {encoding}: {error}") from error
    if len(plain) > limit:
        raise TooLargeError(f"GET {asked}: more than {limit} bytes when decompressed")
    if not decompressor.eof:
        raise UnusableAnswerError(f"GET {asked}: the compressed body is cut off")
    return plain
