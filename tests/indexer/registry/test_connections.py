"""What only a real connection can show: broken off, endless and closed ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from indexer.errors import DeniedError, TooLargeError, UnreachableError, UnusableAnswerError
from indexer.model.manifest import Descriptor
from indexer.model.media_types import OCI_CONFIG
from indexer.model.names import RepositoryName, digest_of
from indexer.registry import RegistryClient
from indexer.registry.addresses import AddressRule
from indexer.registry.transport import CheckedTransport
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

WEB = RepositoryName("team/web")
MIB = 1024 * 1024
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


CONFIG = Descriptor(OCI_CONFIG, digest_of(b"x"), 16)


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]).encode()


def sending(answer: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return send


def port_of(client: RegistryClient) -> str:
    return str(httpx2.URL(client._exchange._base).port)


async def test_a_redirect_to_a_link_local_address_is_named_and_not_followed() -> None:
    target = "http://169.254.169.254/latest/meta-data/"
    answer = sending(head("307 x", f"Location: {target}?signature=abc"))
    async with listening(answer, ManualClock()) as client:
        with pytest.raises(UnusableAnswerError) as caught:
            await client.blob(WEB, CONFIG)
    assert not caught.value.temporary
    assert str(caught.value) == (
        f"GET /v2/team/web/blobs/{CONFIG.digest}: redirected to {target}:"
        " a link-local address, which is never followed"
    )


async def test_where_another_host_redirects_is_not_told() -> None:
    """Only what kind of address it is, so that the operator knows why."""
    elsewhere = sending(head("302 x", "Location: http://169.254.169.254/inner"))
    async with listening(elsewhere, ManualClock()) as other:
        other_url = f"http://127.0.0.1:{port_of(other)}"
        answer = sending(head("307 x", f"Location: {other_url}/1"))
        async with listening(answer, ManualClock()) as client:
            with pytest.raises(UnusableAnswerError) as caught:
                await client.blob(WEB, CONFIG)
    assert str(caught.value).endswith(f"redirected by {other_url}: a link-local address")


async def test_a_redirect_further_inside_is_refused_with_what_to_set() -> None:
    rule = AddressRule(httpx2.URL("http://10.0.0.1"), lifted=["127.0.0.1"])
    transport = CheckedTransport(rule, limits=httpx2.Limits())
    answer = sending(head("307 x", "Location: http://localhost:9000/bucket"))
    async with listening(answer, ManualClock()) as plain:
        client = RegistryClient(
            f"http://127.0.0.1:{port_of(plain)}", clock=ManualClock(), transport=transport
        )
        with pytest.raises(UnusableAnswerError) as caught:
            await client.blob(WEB, CONFIG)
        await client.aclose()
    assert str(caught.value).endswith(
        "redirected to http://localhost:9000/bucket: a loopback address (127.0.0.1), where a"
        " registry at a private address may not lead; if that is right,"
        ' set blob_hosts = ["localhost:9000"] for this registry'
    )


@pytest.mark.parametrize(
    ("realm", "said"),
    [
        ("http://169.254.169.254/t", "a link-local address, which is never followed"),
        ("http://localhost:9000/t", "set token_realm to http://localhost:9000"),
    ],
)
async def test_a_token_service_further_inside_is_not_asked(realm: str, said: str) -> None:
    rule = AddressRule(httpx2.URL("http://10.0.0.1"), lifted=["127.0.0.1"])
    transport = CheckedTransport(rule, limits=httpx2.Limits())
    answer = sending(head("401 x", f'WWW-Authenticate: Bearer realm="{realm}"'))
    async with listening(answer, ManualClock()) as plain:
        client = RegistryClient(
            f"http://127.0.0.1:{port_of(plain)}", clock=ManualClock(), transport=transport
        )
        with pytest.raises(UnusableAnswerError, match=f"GET {realm}: the token service") as caught:
            await client.manifest(WEB, "1.0")
        await client.aclose()
    assert str(caught.value).endswith(said)


async def test_a_body_of_another_host_that_never_ends_is_given_up() -> None:
    clock = ManualClock()

    async def drops(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\n{\r\n")
            await writer.drain()
            clock.advance(20)
            await asyncio.sleep(0)

    async with listening(drops, clock) as other:
        url = f"http://127.0.0.1:{port_of(other)}"
        async with listening(sending(head("307 x", f"Location: {url}/1")), clock) as client:
            with pytest.raises(UnreachableError, match=f"no end of the body from {url}$"):
                await client.blob(WEB, CONFIG, limit=MIB)


async def test_a_closed_port_is_unreachable() -> None:
    client = RegistryClient("http://127.0.0.1:9", clock=ManualClock())
    with pytest.raises(UnreachableError, match="ConnectError"):
        await client.manifest(WEB, "1.0")
    assert client.requests == 3
    await client.aclose()


@pytest.mark.parametrize("line", [b"X: " + b"x" * 1_000 + b"\r\n", b"x" * 1_000])
async def test_a_head_that_never_ends_is_given_up(line: bytes) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nX-First: ")
        while not writer.is_closing():
            writer.write(line)
            sent += len(line)
            await writer.drain()

    async with listening(endless, ManualClock()) as client:
        with pytest.raises(UnreachableError, match="RemoteProtocolError"):
            await client.manifest(WEB, "1.0")
        assert client.requests == 3
    # What lies in the buffers of the two systems is on its way, too.
    assert sent < 64 * MIB


async def test_a_request_that_gets_no_answer_is_sent_again_only_by_us() -> None:
    """The client below would do so when a connection that was kept is closed."""
    asked = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(HEAD + b'Content-Length: 14\r\n\r\n{"layers": []}')
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = RegistryClient(f"http://127.0.0.1:{port}", clock=ManualClock(), retry_delays=())
    try:
        await client.manifest(WEB, "1.0")
        with pytest.raises(UnreachableError, match="RemoteProtocolError"):
            await client.manifest(WEB, "1.0")
    finally:
        await client.aclose()
        server.close()
    assert asked == client.requests == 2
