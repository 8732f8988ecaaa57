"""Connections: to which address, under which name, and through which proxy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from indexer.errors import AddressRefusedError, UnreachableError
from indexer.registry.addresses import AddressRule
from indexer.registry.transport import CheckedTransport, look_up

pytestmark = pytest.mark.anyio

OWN = "http://registry.test"
SECONDS = 30.0


@dataclass
class Names:
    """Looks names up in a table; each answer is given once, the last one again and again."""

    table: dict[str, list[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.table.get(host)
        if answers is None:
            raise OSError(f"{host} is unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@dataclass
class Server:
    """What a server on loopback saw: the first line and the ``Host`` of each request."""

    port: int
    lines: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(address: str = "127.0.0.1", closes: str = "") -> AsyncIterator[Server]:
    """Serve ``ok`` to all requests."""
    server = Server(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                server.lines.append(head[0])
                server.hosts += [line[6:] for line in head if line.lower().startswith("host: ")]
                writer.write(f"HTTP/1.1 200 OK\r\n{closes}Content-Length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(connected, address, 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def asking(
    names: Names | None = None,
    *,
    own: str = OWN,
    lifted: Sequence[str] = (),
    seconds: float = SECONDS,
) -> AsyncIterator[httpx2.AsyncClient]:
    rule = AddressRule(httpx2.URL(own), lifted=lifted)
    transport = CheckedTransport(rule, limits=httpx2.Limits(), look_up=names or look_up)
    async with httpx2.AsyncClient(transport=transport, timeout=seconds) as client:
        yield client


async def test_the_address_that_was_looked_up_is_asked_under_the_name() -> None:
    names = Names({"registry.test": [["127.0.0.1"]]})
    async with serving() as server, asking(names) as client:
        for _ in range(2):
            response = await client.get(f"{OWN}:{server.port}/v2/")
            assert response.text == "ok"
    assert server.hosts == [f"registry.test:{server.port}"] * 2
    assert names.asked == ["registry.test"]


async def test_a_name_that_changes_after_the_check_does_not_lead_elsewhere() -> None:
    """A name is looked up again for each new connection, and checked again."""
    names = Names({"registry.test": [["127.0.0.1"]], "store.test": [["127.0.0.1"], ["0.0.0.0"]]})
    async with serving(closes="Connection: close\r\n") as server, asking(names) as client:
        await client.get(f"{OWN}:{server.port}/")
        await client.get(f"http://store.test:{server.port}/")
        with pytest.raises(AddressRefusedError):
            await client.get(f"http://store.test:{server.port}/")
    assert len(server.lines) == 2
    assert names.asked == ["registry.test", "store.test", "store.test"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0.0.0.0"])
async def test_nothing_is_sent_to_a_refused_address(host: str) -> None:
    async with serving() as server, asking(own="http://10.0.0.1") as client:
        with pytest.raises(AddressRefusedError):
            await client.get(f"http://{host}:{server.port}/")
    assert server.lines == []


async def test_a_lifted_host_is_asked() -> None:
    async with serving() as server:
        lifted = [f"localhost:{server.port}"]
        async with asking(own="http://10.0.0.1", lifted=lifted) as client:
            response = await client.get(f"http://localhost:{server.port}/")
    assert response.text == "ok"


async def test_an_address_that_does_not_answer_is_not_the_last() -> None:
    names = Names({"registry.test": [["::1", "127.0.0.9", "127.0.0.1"]]})
    async with serving() as server, asking(names) as client:
        response = await client.get(f"{OWN}:{server.port}/")
    assert response.text == "ok"


@pytest.mark.parametrize("table", [{}, {"registry.test": [[]]}])
async def test_a_name_without_address_is_unreachable(table: dict[str, list[Sequence[str]]]) -> None:
    async with asking(Names(table)) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"{OWN}/")


async def test_a_name_that_nobody_looks_up_in_time_is_unreachable() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    transport = CheckedTransport(
        AddressRule(httpx2.URL(OWN)), limits=httpx2.Limits(), look_up=never
    )
    async with httpx2.AsyncClient(transport=transport, timeout=0.1) as client:
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get(OWN)


async def test_a_label_that_is_too_long_for_a_name_is_unreachable() -> None:
    async with asking() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://{'a' * 70}.test/")


async def test_a_registry_that_moved_to_loopback_is_not_asked() -> None:
    names = Names({"registry.test": [["192.0.2.77"], ["127.0.0.1"]]})
    # Where there is a network, nobody answers for the first address.
    async with serving() as server, asking(names, seconds=2) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(f"{OWN}:{server.port}/")
        with pytest.raises(UnreachableError, match="moved"):
            await client.get(f"{OWN}:{server.port}/")
    assert server.lines == []


async def test_a_proxy_is_asked_for_names_and_not_for_inner_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as proxy, serving() as direct:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "*.direct.test,other.test")
        names = Names({"a.direct.test": [["127.0.0.1"]]})
        async with asking(names, own="http://a.direct.test") as client:
            assert (await client.get("http://store.test/blob")).text == "ok"
            await client.get("http://store.test/other")
            await client.get(f"http://a.direct.test:{direct.port}/v2/")
            for host in ("169.254.169.254", "0.0.0.0"):
                with pytest.raises(AddressRefusedError):
                    await client.get(f"http://{host}/latest/meta-data/")
        assert proxy.lines == [
            "GET http://store.test/blob HTTP/1.1",
            "GET http://store.test/other HTTP/1.1",
        ]
        assert direct.lines == ["GET /v2/ HTTP/1.1"]


async def test_waiting_for_a_free_connection_is_no_time_to_connect() -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1.3)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(slowly, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = CheckedTransport(
        AddressRule(httpx2.URL(url)), limits=httpx2.Limits(max_connections=1)
    )
    timeout = httpx2.Timeout(SECONDS, connect=1)
    async with httpx2.AsyncClient(transport=transport, timeout=timeout) as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(3)))
    server.close()
    assert [answer.text for answer in answers] == ["ok"] * 3


async def test_a_body_that_is_not_read_to_its_end_gives_its_connection_back() -> None:
    async with serving() as server:
        url = f"http://127.0.0.1:{server.port}/"
        transport = CheckedTransport(
            AddressRule(httpx2.URL(url)), limits=httpx2.Limits(max_connections=1)
        )
        async with httpx2.AsyncClient(transport=transport, timeout=SECONDS) as client:
            for _ in range(3):
                async with client.stream("GET", url) as response:
                    assert response.status_code == 200
            assert (await client.get(url)).text == "ok"
