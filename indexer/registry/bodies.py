"""Reading bodies with limits of size and time.

Bodies are hostile. A size is checked before reading if it is declared, while reading, and after
decompression.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from indexer.clock import Clock
from indexer.errors import TooLargeError, UnreachableError, UnusableAnswerError
from indexer.model import one_line
from indexer.registry.messages import Incoming
from indexer.registry.responses import ERROR_BODY_MAX_BYTES, lasting

PIECE_BYTES = 16 * 1_024
"""What is read at once of a list, or decompressed: a few milliseconds of work at most."""
LARGE_BODY = 64 * 1_024
"""Bytes of a body that is looked at in a thread; a smaller one takes less than that costs."""
BEGINNING_BYTES = 4 * 1_024

Result = TypeVar("Result")
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def without_holding(body: bytes, function: Callable[[], Result]) -> Result:
    """Return what ``function`` makes of ``body``: of a large one in a thread.

    Otherwise no other registry would be read while this one has its large bodies looked at.
    """
    return function() if len(body) <= LARGE_BODY else await asyncio.to_thread(function)


class Sink(Protocol):
    """Takes a body in, piece by piece."""

    def feed(self, piece: bytes) -> bool:
        """Take in the next piece; False if the rest is of no use."""

    def close(self) -> None:
        """Take in the end of the body."""

    def abandon(self) -> None:
        """Give up, because the rest of the body does not come."""


async def read_content(
    response: Incoming, *, limit: int, seconds: float, clock: Clock, asked: str
) -> bytes:
    """Return the whole body of ``response``.

    :class:`TooLargeError` for more than ``limit`` bytes, :class:`UnreachableError` after more than
    ``seconds``, :class:`UnusableAnswerError` for an unknown compression. ``asked`` is the path for
    messages.
    """
    parts = _parts(response, limit=limit, seconds=seconds, clock=clock, asked=asked)
    async with aclosing(parts) as stream:
        read = [part async for part in stream]
    return read[0] if len(read) == 1 else b"".join(read)


async def read_into(
    sink: Sink,
    response: Incoming,
    *,
    limit: int,
    seconds: float,
    clock: Clock,
    asked: str,
) -> bytes:
    """Give the body of ``response`` to ``sink`` as it arrives, and return its beginning.

    Other tasks have their turn after each piece. The errors are those of :func:`read_content`.
    """
    beginning = b""
    parts = _parts(response, limit=limit, seconds=seconds, clock=clock, asked=asked)
    try:
        async with aclosing(parts) as stream:
            async for part in stream:
                beginning = beginning or part[:BEGINNING_BYTES]
                for start in range(0, len(part), PIECE_BYTES):
                    if not sink.feed(part[start : start + PIECE_BYTES]):
                        return beginning
                    await asyncio.sleep(0)
        sink.close()
    except BaseException:
        sink.abandon()
        raise
    return beginning


async def read_beginning(response: Incoming, *, seconds: float, clock: Clock, asked: str) -> bytes:
    """Return the first 64 KiB of the body of an error."""
    limit = ERROR_BODY_MAX_BYTES
    body = b""
    async with aclosing(_raw(response, seconds=seconds, clock=clock, asked=asked)) as stream:
        async for part in stream:
            body += part
            if len(body) > limit:
                break
    return body[:limit]


async def _raw(
    response: Incoming, *, seconds: float, clock: Clock, asked: str
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes; :class:`UnreachableError` after more than ``seconds``."""
    give_up_at: datetime | None = None
    async with aclosing(response.aiter_raw()) as stream:
        async for part in stream:
            yield part
            if give_up_at is None:
                give_up_at = clock.now() + timedelta(seconds=seconds)
            elif clock.now() > give_up_at:
                raise UnreachableError(f"GET {asked}: no end of the body within {seconds:.0f} s")


async def _parts(
    response: Incoming, *, limit: int, seconds: float, clock: Clock, asked: str
) -> AsyncGenerator[bytes, None]:
    """Yield the body part by part, decompressed; it was compressed although nobody asked."""
    too_large = f"GET {asked}: more than {limit} bytes"
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise TooLargeError(f"{too_large}: {declared[:20]}")
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", *_WINDOWS}:
        raise lasting(f"GET {asked}: Content-Encoding {one_line(encoding, limit=100)!r}")
    size = plain_size = 0
    inflater = zlib.decompressobj(wbits=_WINDOWS[encoding]) if encoding in _WINDOWS else None
    async with aclosing(_raw(response, seconds=seconds, clock=clock, asked=asked)) as stream:
        async for part in stream:
            size += len(part)
            if size > limit:
                raise TooLargeError(too_large)
            if inflater is None:
                yield part
                continue
            try:
                for piece in _inflated(inflater, part):
                    plain_size += len(piece)
                    if plain_size > limit:
                        raise TooLargeError(f"{too_large} when decompressed")
                    yield piece
                    await asyncio.sleep(0)
            except zlib.error as error:
                raise UnusableAnswerError(f"GET {asked}: not {encoding}: {error}") from error
    if inflater is not None and not inflater.eof:
        raise UnusableAnswerError(f"GET {asked}: the compressed body is cut off")


def _inflated(inflater: "zlib._Decompress", part: bytes) -> Iterator[bytes]:
    """Yield what a part decompresses to, in pieces: a few bytes may become a thousand times more.

    The decompressor may hold back more than it was given room for, so it is asked until it has
    given less than there is room for.
    """
    while not inflater.eof:
        piece = inflater.decompress(part, PIECE_BYTES)
        part = inflater.unconsumed_tail
        if piece:
            yield piece
        if not part and len(piece) < PIECE_BYTES:
            return
