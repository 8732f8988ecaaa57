"""The store as a whole: transactions, the position in the journal, readers beside the writer."""

import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest

from indexer.errors import StoreError
from indexer.extract import BUILT_IN
from indexer.store import Store
from tests import builders
from tests.indexer.store.stored import LATEST, NOW, push, put_repository, whole

DIE_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from indexer.store import Store
store = Store(Path(sys.argv[1]))
for position in (1, 2, 3):
    with store.transaction():
        store.registries.put(f"r{position}", url="", registry_host="")
        store.set_journal_position(position)
        if position == 3:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_position_starts_at_nothing_and_moves(store: Store) -> None:
    assert store.journal_position() == 0
    for position in (5, 7):
        with store.transaction():
            store.set_journal_position(position)
        assert store.journal_position() == position


def test_each_table_is_made_once(tmp_path: Path) -> None:
    """Tables are given each other; only the chains of layers have one for each kind."""
    made: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals["__name__"])
        if event == "call" and module.startswith("indexer.store."):
            name, _, method = frame.f_code.co_qualname.rpartition(".")
            made[name] += method == "__init__"

    sys.setprofile(count)
    try:
        Store(tmp_path).close()
    finally:
        sys.setprofile(None)
    tables = {name: number for name, number in made.items() if number}
    assert len(tables) > 15
    assert {name: number for name, number in tables.items() if number > 1} == {"Trie": 2}


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    repository_id = put_repository(store)

    def fail_halfway() -> None:
        with store.transaction():
            store.content.put_content(
                repository_id, whole(builders.image()), seen_at=NOW, kinds=BUILT_IN
            )
            store.set_journal_position(9)
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert store.journal_position() == 0
    assert store.content.count_visible() == (0, 0)
    assert store.search_index.stale_count() == 0


def test_a_kill_leaves_whole_transactions_only(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE_IN_THE_MIDDLE, str(tmp_path)], check=False)
    store = Store(tmp_path)
    assert store.journal_position() == 2
    assert [row.name for row in store.registries.freshness()] == ["r1", "r2"]
    store.close()


def test_a_reader_sees_what_was_committed_and_not_what_is_being_written(
    tmp_path: Path, store: Store
) -> None:
    repository_id = put_repository(store)
    reader = Store(tmp_path, read_only=True)
    with store.transaction():
        store.set_journal_position(5)
        assert reader.journal_position() == 0
    assert reader.journal_position() == 5
    push(store, repository_id, LATEST, builders.image(), when=0)
    assert reader.content.count_visible() == (1, 1)
    reader.close()


def test_a_locked_file_is_an_error_of_the_store_that_names_it(tmp_path: Path, store: Store) -> None:
    store._database.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"store\.db: database is locked"), store.transaction():
            store.set_journal_position(1)
        other.execute("ROLLBACK")
    with store.transaction():
        store.set_journal_position(2)
    assert store.journal_position() == 2


def after_a_power_cut(tmp_path: Path) -> Store:
    """Open what is sure to be left: the write-ahead log is synced at checkpoints only."""
    (tmp_path / "left").mkdir()
    shutil.copy(tmp_path / "store.db", tmp_path / "left")
    return Store(tmp_path / "left")


def test_a_power_cut_undoes_no_position_that_was_called_durable(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.transaction():
        store.registries.put("main", url="", registry_host="")
        store.set_journal_position(7)
    assert store.durable_journal_position() == 7
    with store.transaction():
        store.set_journal_position(9)
    left = after_a_power_cut(tmp_path)
    assert left.journal_position() == 7
    assert [row.name for row in left.registries.freshness()] == ["main"]
    left.close()
    store.close()


def test_a_position_is_not_called_durable_while_a_reader_holds_up_the_checkpoint(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM positions").fetchall()
        with store.transaction():
            store.set_journal_position(7)
        assert store.durable_journal_position() is None
        reader.execute("ROLLBACK")
    assert store.durable_journal_position() == 7
    store.close()
