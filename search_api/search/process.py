"""One search process: what the web process keeps of it, and what runs in it.

Both sides write messages of a length and a pickle to one socket. What may change during a search is
in memory that both share: a process that searches reads no messages.
"""

import asyncio

# Whoever is told to end while it imports waits for its process, and needs all of this then.
import multiprocessing.connection  # noqa: F401
import os
import pickle
import signal
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any

from typing_extensions import override

from indexer.errors import RegsearchError
from indexer.garbage import collect_seldom
from indexer.model import NO_RIGHTS, Rights
from search_api.processes import end_with_parent
from search_api.search.deadline import TimeLimit
from search_api.search.searcher import Searcher
from search_api.search.sent_rights import ReceivedRights, SentRights
from search_api.search.viewer import Sight

END_SECONDS = 1.0
"""How long a process may take to end before it is killed."""
BEAT_SECONDS = 0.5
_LENGTH = struct.Struct("!Q")
_BEATS, _STOPPED = 0, 1
"""Places in the shared memory: a count of beats, and the number of the search that must stop."""


@dataclass(eq=False, slots=True)
class Search:
    """A call that waits for a process, or runs in one."""

    number: int
    """Greater than 0, and different for each search."""
    limit: TimeLimit
    rights: Rights
    """What is seen, sent apart because it may be large."""
    message: bytes
    """What else the process is sent; see :func:`search_message`."""
    answer: "asyncio.Future[tuple[bool, Any]]"
    """Whether it has a result, and the result or the error."""
    stopped_at: float
    """The moment at which it must stop: its deadline, or earlier if nobody waits for it."""
    attempts: int = 0

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless it is answered or nobody waits any more."""
        if not self.answer.done():
            self.answer.set_result((False, error))


def search_message(  # noqa: PLR0917 - what a message consists of
    number: int,
    limit: TimeLimit,
    sight: Sight,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    named: Mapping[str, Any],
) -> bytes:
    """Return the message that has a process call ``function`` with its searcher, for a sight.

    The rights are sent apart.
    """
    seen = replace(sight, rights=NO_RIGHTS)
    return pickle.dumps((number, limit, seen, function, arguments, named))


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """A process that was started, and this side's end of its connection."""

    process: SpawnProcess
    connection: socket.socket
    shared: Any

    def close(self) -> None:
        """Close the connection, by which the process ends; kill it if it takes long."""
        self.connection.close()
        self.process.join(END_SECONDS)
        self.process.kill()
        self.process.join(END_SECONDS)


def start_process(make: Callable[[], Searcher]) -> StartedProcess:
    """Start a process, which calls ``make``; OSError if the system cannot."""
    shared = RawArray("q", 2)
    own, other = socket.socketpair()
    with other:
        # Forking would copy locks that other threads hold.
        process = get_context("spawn").Process(
            target=_serve, args=(other, shared, make, os.getpid()), name="search", daemon=True
        )
        try:
            process.start()
        except BaseException:
            own.close()
            raise
    return StartedProcess(process, own, shared)


class Worker(asyncio.Protocol):
    """A search process as the web process sees it. It runs one search at a time."""

    def __init__(self, started: StartedProcess, on_idle: Callable[[], None]) -> None:
        """Take a process, and what is called whenever it can take a search."""
        self._started = started
        self._shared = started.shared
        self._on_idle = on_idle
        self._beats = 0
        self._transport: asyncio.Transport | None = None
        self._rights = SentRights()
        self._received = bytearray()
        self.search: Search | None = None
        """The search that runs."""
        self.is_ready = False
        """Whether it can search: it has started, and has not ended."""
        self.was_ready = False
        self.silent_looks = 0
        """How often in a row :meth:`look` saw no sign of life."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._started.process.pid or 0

    async def connect(self) -> None:
        """Hear from the process from now on."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(
            lambda: self, sock=self._started.connection
        )

    def send(self, search: Search) -> None:
        """Have a search run."""
        assert self._transport is not None  # noqa: S101 - it is started
        self.search = search
        search.attempts += 1
        for message in (self._rights.message(search.rights), search.message):
            self._transport.write(_LENGTH.pack(len(message)) + message)

    def stop_search(self) -> None:
        """Ask the process to stop its search."""
        if self.search is not None:
            self._shared[_STOPPED] = self.search.number
            self.search.stopped_at = min(self.search.stopped_at, time.monotonic())

    def look(self) -> None:
        """Look for a sign of life. Call it regularly, and seldom enough for a beat in between."""
        beats, self._beats = self._beats, self._shared[_BEATS]
        self.silent_looks = self.silent_looks + 1 if beats == self._beats else 0

    def kill(self) -> None:
        """End the process at once."""
        self._started.process.kill()
        self.close()

    def close(self) -> None:
        """Close the connection: the process ends after its search."""
        if self._transport is not None:
            self._transport.abort()

    def join(self) -> None:
        """Wait for the end of the process, and kill it if it takes long."""
        self._started.close()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            message = bytes(memoryview(self._received)[_LENGTH.size : end])
            del self._received[:end]
            self._take(pickle.loads(message))  # noqa: S301 - our own process wrote it

    def _take(self, answer: tuple[bool, Any]) -> None:
        """Take an answer; the first one says only that the process can search."""
        search, self.search = self.search, None
        self.is_ready = self.was_ready = True
        self.silent_looks = 0
        if search is not None and not search.answer.done():
            search.answer.set_result(answer)
        self._on_idle()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_ready = False
        if not self.ended.done():
            self.ended.set_result(None)


def _serve(
    connection: socket.socket, shared: Any, make: Callable[[], Searcher], parent: int
) -> None:
    """Search in this process until the other end of the connection is closed."""
    # Ctrl-C is for the web process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    threading.Thread(target=_beat, args=(shared,), name="beats", daemon=True).start()
    searcher, rights = make(), ReceivedRights()
    collect_seldom()
    # The web process may close its end at any moment.
    with suppress(OSError), connection:
        _send(connection, (True, None))
        while message := _receive(connection):
            seen = rights.read(message)
            _send(connection, _answer(searcher, shared, seen, _receive(connection)))


def _beat(shared: Any) -> None:
    """Show that this process runs, and that its interpreter is not stuck."""
    pause = threading.Event()
    while True:
        shared[_BEATS] += 1
        pause.wait(BEAT_SECONDS)


def _answer(searcher: Searcher, shared: Any, rights: Rights, message: bytes) -> tuple[bool, Any]:
    """Return whether a call has a result, and the result or the error."""
    # The web process wrote it.
    number, limit, sight, function, arguments, named = pickle.loads(message)  # noqa: S301
    try:
        with (
            searcher.deadline.set(limit, lambda: shared[_STOPPED] == number),
            searcher.seen_by(replace(sight, rights=rights)),
        ):
            return True, searcher.run(function, *arguments, **named)
    except RegsearchError as error:
        return False, error
    except Exception as error:
        # Pickling drops the traceback, which the log of the web process should show.
        error.add_note("".join(traceback.format_exception(error)))
        return False, error


def _send(connection: socket.socket, answer: tuple[bool, Any]) -> None:
    message = pickle.dumps(answer)
    connection.sendall(_LENGTH.pack(len(message)))
    connection.sendall(message)


def _receive(connection: socket.socket) -> bytes:
    """Return the next message; nothing after the last."""
    head = _receive_bytes(connection, _LENGTH.size)
    return _receive_bytes(connection, _LENGTH.unpack(head)[0]) if head else b""


def _receive_bytes(connection: socket.socket, length: int) -> bytes:
    """Return so many bytes; nothing if the connection ends before."""
    received = bytearray()
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            return b""
        received += part
    return bytes(received)
