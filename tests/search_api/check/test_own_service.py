"""What is said of a service that stops answering while it is asked."""

import asyncio
from pathlib import Path

import pytest

from indexer.settings import RegistrySettings, Settings
from search_api.check.own_service import OwnService
from tests.fakes.clock import ManualClock

HEALTHY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    b'{"status":"ok"}'
)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer that all is well, and hang up at any other question."""
    asked = await reader.readuntil(b"\r\n\r\n")
    if asked.startswith(b"GET /healthz "):
        writer.write(HEALTHY)
        await writer.drain()
    writer.close()


@pytest.mark.anyio
async def test_no_answer_is_said_in_words(tmp_path: Path) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(
        data_dir=tmp_path,
        listen=f"127.0.0.1:{port}",
        registry=(RegistrySettings(url="http://127.0.0.1:9"),),
    )
    own = OwnService(settings, secrets={"default": ("a" * 16,)}, clock=ManualClock())
    async with server:
        found = [one async for one in own.run(None)]
    assert not own.is_running
    assert "gave no answer" in found[0].value
    assert "try again" in found[0].remedy
