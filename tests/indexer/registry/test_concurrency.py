"""How many requests a registry gets at the same time: as many as it copes with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from indexer.errors import RegistryError
from indexer.model.names import RepositoryName
from indexer.registry import RegistryClient
from indexer.registry.concurrency import LOWERED_MOST, WINDOW, InFlight
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

MOST = 8
SECONDS = 30.0
BODY = b'{"layers": []}'


@dataclass
class Load:
    """What a small registry had to do: the requests at the same time, at each of them."""

    port: int = 0
    running: int = 0
    seen: list[int] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)


@asynccontextmanager
async def registry(
    *, refuses: Callable[[Load], bool], seconds: Callable[[Load], float]
) -> AsyncIterator[tuple[Load, RegistryClient]]:
    """Serve manifests; yields what there is to do, and a client with :data:`MOST` requests."""
    load = Load()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                load.running += 1
                load.seen.append(load.running)
                refused = refuses(load)
                load.refused.append(refused)
                await asyncio.sleep(seconds(load))
                load.running -= 1
                status = b"503 Busy" if refused else b"200 OK"
                length = str(len(BODY)).encode()
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length)
                writer.write(b"\r\nContent-Type: application/vnd.oci.image.manifest.v1+json")
                writer.write(b"\r\n\r\n" + BODY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    load.port = server.sockets[0].getsockname()[1]
    client = RegistryClient(
        f"http://127.0.0.1:{load.port}", clock=ManualClock(), max_in_flight=MOST, retry_delays=()
    )
    try:
        yield load, client
    finally:
        await client.aclose()
        server.close()


async def ask(client: RegistryClient, times: int) -> None:
    """Ask with twice as many tasks as may run at the same time."""
    left = iter(range(times))

    async def work() -> None:
        for _ in left:
            try:
                await client.manifest(RepositoryName("team/web"), "1.0")
            except RegistryError:
                continue

    await asyncio.gather(*(work() for _ in range(2 * MOST)))


async def test_a_registry_that_copes_gets_as_many_requests_as_it_may() -> None:
    async with registry(refuses=lambda _: False, seconds=lambda _: 0.02) as (load, client):
        await ask(client, 200)
    assert max(load.seen) == max(load.seen[-100:]) == MOST


async def test_a_registry_that_answers_503_gets_fewer_requests_at_the_same_time() -> None:
    async with registry(refuses=lambda load: load.running > 2, seconds=lambda _: 0.005) as found:
        load, client = found
        await ask(client, 400)
    assert len(load.seen) == 400
    assert load.seen[MOST - 1] == MOST
    assert max(load.seen[100:]) <= 3
    assert sum(load.refused[100:]) < 30


async def test_a_registry_that_becomes_slow_gets_fewer_requests_at_the_same_time() -> None:
    def seconds(load: Load) -> float:
        return 0.001 if len(load.seen) < 100 else 0.1 * max(0, load.running - 2)

    async with registry(refuses=lambda _: False, seconds=seconds) as (load, client):
        await ask(client, 300)
    assert max(load.seen[:100]) == MOST
    assert min(load.seen[200:250]) < MOST / 2 + 1


async def test_who_waits_is_let_in_in_turn_and_nobody_is_forgotten() -> None:
    in_flight, order = InFlight(1), list[int]()

    async def work(number: int) -> None:
        await in_flight.enter()
        order.append(number)
        await asyncio.sleep(0)
        in_flight.leave()

    tasks = [asyncio.create_task(work(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 1, 3, 4]
    await asyncio.wait_for(in_flight.enter(), SECONDS)


async def test_nobody_passes_who_waits_when_the_limit_has_grown() -> None:
    in_flight, order = InFlight(2), list[str]()
    in_flight.refused()

    async def work(name: str) -> None:
        await in_flight.enter()
        order.append(name)
        in_flight.leave()

    await in_flight.enter()
    waits = asyncio.create_task(work("waits"))
    await asyncio.sleep(0)
    for _ in range(WINDOW):
        in_flight.answered(0.001)
    assert in_flight.limit == 2
    comes_later = asyncio.create_task(work("comes later"))
    await asyncio.sleep(0)
    in_flight.leave()
    await asyncio.gather(waits, comes_later)
    assert order == ["waits", "comes later"]


async def test_one_that_is_cancelled_when_it_is_let_in_gives_its_place_to_the_next() -> None:
    in_flight = InFlight(1)
    await in_flight.enter()
    first, second = (asyncio.create_task(in_flight.enter()) for _ in range(2))
    await asyncio.sleep(0)
    in_flight.leave()
    first.cancel()
    await asyncio.wait_for(second, SECONDS)


async def test_refusals_at_the_same_time_lower_the_limit_once_and_later_ones_again() -> None:
    in_flight = InFlight(MOST)
    for _ in range(MOST):
        await in_flight.enter()
    for _ in range(MOST):
        in_flight.refused()
        in_flight.leave()
    assert in_flight.limit == MOST * LOWERED_MOST
    for _ in range(20):
        await in_flight.enter()
        in_flight.refused()
        in_flight.leave()
    assert in_flight.limit == 1


async def test_a_limit_that_was_lowered_grows_again_by_one_a_window() -> None:
    in_flight = InFlight(MOST)
    await in_flight.enter()
    in_flight.refused()
    in_flight.leave()
    assert in_flight.limit == 4
    for window in range(6):
        for _ in range(in_flight.limit):
            await in_flight.enter()
        for _ in range(WINDOW):
            in_flight.answered(0.01)
        for _ in range(min(MOST, 4 + window)):
            in_flight.leave()
    assert in_flight.limit == MOST


async def test_answers_that_come_fast_are_never_late() -> None:
    in_flight = InFlight(MOST)
    for seconds in (0.001, 0.09):
        for _ in range(MOST):
            await in_flight.enter()
        for _ in range(WINDOW):
            in_flight.answered(seconds)
        for _ in range(MOST):
            in_flight.leave()
    assert in_flight.limit == MOST


async def test_a_limit_that_holds_nobody_up_is_left_alone() -> None:
    in_flight = InFlight(MOST)
    for seconds in (0.01, 1.0):
        for _ in range(WINDOW):
            await in_flight.enter()
            in_flight.answered(seconds)
            in_flight.leave()
    assert in_flight.limit == MOST
