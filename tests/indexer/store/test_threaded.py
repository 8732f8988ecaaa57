"""The store on its own thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer.errors import StoreError
from indexer.store import Store, StoreThread

pytestmark = pytest.mark.anyio


@pytest.fixture
async def threaded(tmp_path: Path) -> AsyncIterator[StoreThread]:
    opened = StoreThread(Store(tmp_path))
    yield opened
    opened.close()


async def test_functions_run_one_after_the_other_on_a_thread_that_is_not_the_loops(
    threaded: StoreThread,
) -> None:
    running, most, threads = 0, 0, set[int]()

    def work(store: Store) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        threads.add(threading.get_ident())
        position = store.journal_position()
        store.set_journal_position(position + 1)
        running -= 1
        return position

    found = await asyncio.gather(*[threaded.write(work) for _ in range(20)])
    assert found == list(range(20))
    assert most == 1
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_write_that_fails_is_undone_and_raises_here(threaded: StoreThread) -> None:
    def fail(store: Store) -> None:
        store.set_journal_position(5)
        raise KeyError

    with pytest.raises(KeyError):
        await threaded.write(fail)
    assert await threaded.read(Store.journal_position) == 0


async def test_an_error_of_sqlite_while_reading_names_the_file(
    tmp_path: Path, threaded: StoreThread
) -> None:
    """Regression: only writes did; a damaged file ended the indexer with a bare error."""

    def read(store: Store) -> None:
        store._database.execute("SELECT * FROM absent")

    with pytest.raises(StoreError, match=str(tmp_path / "store.db")):
        await threaded.read(read)


async def test_closing_waits_for_what_runs(tmp_path: Path) -> None:
    threaded = StoreThread(Store(tmp_path))
    write = asyncio.create_task(threaded.write(lambda store: store.set_journal_position(7)))
    await asyncio.sleep(0)
    threaded.close()
    await write
    store = Store(tmp_path)
    assert store.journal_position() == 7
    store.close()
