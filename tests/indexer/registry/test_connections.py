"""What only a real connection can show: broken off, endless and closed ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from indexer.errors import DeniedError, TooLargeError, UnreachableError
from indexer.model.manifest import Descriptor
from indexer.model.media_types import OCI_CONFIG
from indexer.model.names import RepositoryName, digest_of
from indexer.registry import RegistryClient
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

WEB = RepositoryName("team/web")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def listening(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]], clock: ManualClock
) -> AsyncIterator[RegistryClient]:
    """Serve connections on loopback that answer one request each; yields a client of it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await answer(writer)
        except ConnectionError:
            pass  # The client gave up, which is what some of these tests want.
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = RegistryClient(f"http://127.0.0.1:{port}", clock=clock)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()
        await server.wait_closed()


async def test_a_body_that_breaks_off_is_no_answer() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b'Content-Length: 100\r\n\r\n{"schemaVersion"')
        await writer.drain()

    clock = ManualClock()
    async with listening(answer, clock) as client:
        with pytest.raises(UnreachableError, match="RemoteProtocolError"):
            await client.manifest(WEB, "1.0")
        assert client.requests == 3
    assert len(clock.sleeps) == 2


async def test_what_does_not_speak_http_is_no_answer() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.7\r\n")
        await writer.drain()

    async with listening(answer, ManualClock()) as client:
        with pytest.raises(UnreachableError):
            await client.manifest(WEB, "1.0")


async def test_a_body_that_comes_drop_by_drop_is_given_up() -> None:
    clock = ManualClock()

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\n{\r\n")
            await writer.drain()
            clock.advance(20)
            await asyncio.sleep(0)

    async with listening(answer, clock) as client:
        with pytest.raises(UnreachableError, match="no end"):
            await client.manifest(WEB, "1.0")


async def test_a_whole_answer_is_read() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        chunks = b'1\r\n{\r\nd\r\n"layers": []}\r\n0\r\n\r\n'
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        await writer.drain()

    async with listening(answer, ManualClock()) as client:
        found = await client.manifest(WEB, "1.0")
    assert found is not None
    assert found.body == b'{"layers": []}'


async def test_a_body_of_unknown_length_is_read_up_to_the_limit() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10\r\n" + b"x" * 16 + b"\r\n")
            await writer.drain()

    config = Descriptor(OCI_CONFIG, digest_of(b"x"), 16)
    async with listening(answer, ManualClock()) as client:
        with pytest.raises(TooLargeError):
            await client.blob(WEB, config, limit=1024)


async def test_an_endless_error_page_is_cut() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10\r\n" + b"x" * 16 + b"\r\n")
            await writer.drain()

    async with listening(answer, ManualClock()) as client:
        with pytest.raises(DeniedError, match="403 xxx"):
            await client.manifest(WEB, "1.0")


async def test_a_closed_port_is_unreachable() -> None:
    client = RegistryClient("http://127.0.0.1:9", clock=ManualClock())
    with pytest.raises(UnreachableError, match="ConnectError"):
        await client.manifest(WEB, "1.0")
    assert client.requests == 3
    await client.aclose()
