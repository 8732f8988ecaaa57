"""A shared read is made once, belongs to nobody alone, and ends with the last who holds it."""

import asyncio

import pytest

from indexer.errors import UnreachableError
from indexer.refresh.shared import HeldReads, SharedReads

pytestmark = pytest.mark.anyio


class Source:
    """What is read: counts reads, and answers when told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.cancelled = 0
        self.answers: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(self) -> str:
        self.reads += 1
        try:
            return await asyncio.shield(self.answers)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Refresh:
    """One who reads, as a task of its own."""

    def __init__(self, reads: SharedReads[str], source: Source) -> None:
        self.held: HeldReads[str] = HeldReads()
        self._reads = reads
        self.task = asyncio.ensure_future(reads.get("key", source.read, held=self.held))

    def end(self) -> None:
        self._reads.release(self.held)


async def started(reads: SharedReads[str], source: Source, number: int) -> list[Refresh]:
    refreshes = [Refresh(reads, source) for _ in range(number)]
    for _ in range(3):
        await asyncio.sleep(0)
    return refreshes


async def test_those_that_ask_at_the_same_time_share_one_read() -> None:
    reads: SharedReads[str] = SharedReads()
    source = Source()
    refreshes = await started(reads, source, 5)
    source.answers.set_result("content")
    assert [await one.task for one in refreshes] == ["content"] * 5
    assert source.reads == 1


async def test_what_was_read_is_kept_until_the_last_holder_ends() -> None:
    reads: SharedReads[str] = SharedReads()
    source = Source()
    source.answers.set_result("content")
    first, second = await started(reads, source, 2)
    first.end()
    [third] = await started(reads, source, 1)
    assert await third.task == "content"
    assert source.reads == 1
    second.end()
    third.end()
    assert "key" not in reads
    await started(reads, source, 1)
    assert source.reads == 2


async def test_what_was_read_in_another_way_is_not_read_again() -> None:
    reads: SharedReads[str] = SharedReads()
    source = Source()
    reads.put("key", "content", held=HeldReads())
    [one] = await started(reads, source, 1)
    assert await one.task == "content"
    assert source.reads == 0


async def test_a_failure_goes_to_those_who_wait_and_to_nobody_later() -> None:
    reads: SharedReads[str] = SharedReads()
    broken, whole = Source(), Source()
    refreshes = await started(reads, broken, 3)
    broken.answers.set_exception(UnreachableError("no answer"))
    for one in refreshes:
        with pytest.raises(UnreachableError):
            await one.task
    whole.answers.set_result("content")
    [later] = await started(reads, whole, 1)
    assert await later.task == "content"
    for one in refreshes:
        one.end()
    assert "key" in reads, "who holds the failed read does not end the next one"


async def test_one_waiter_that_is_cancelled_takes_nothing_from_the_others() -> None:
    reads: SharedReads[str] = SharedReads()
    source = Source()
    first, second = await started(reads, source, 2)
    first.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first.task
    first.end()
    source.answers.set_result("content")
    assert await second.task == "content"
    assert (source.reads, source.cancelled) == (1, 0)


async def test_a_read_that_nobody_waits_for_any_more_is_cancelled() -> None:
    reads: SharedReads[str] = SharedReads()
    source = Source()
    for one in await started(reads, source, 2):
        one.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one.task
        one.end()
    for _ in range(3):
        await asyncio.sleep(0)
    assert source.cancelled == 1
    assert "key" not in reads
