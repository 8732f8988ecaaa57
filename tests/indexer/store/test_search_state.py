"""What a search reads of a data directory besides the search index, from the first start on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import OutdatedStoreError, StoreError
from indexer.model.event import Rejected
from indexer.store import (
    Journal,
    LiveIndex,
    Store,
    StoreFreshness,
    StoreSearchState,
    StoreStatus,
)
from tests.fakes.clock import START

LIVE = LiveIndex("g1", "whoosh", schema_version=1, extractor_version=1, complete=True)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StoreSearchState]:
    with closing(StoreSearchState(tmp_path)) as opened:
        yield opened


def make_store(directory: Path) -> None:
    with closing(Store(directory)) as store, store.transaction():
        store.registries.put("main", url="http://x", registry_host="x")
        store.search_index.set_live(LIVE)


def make_older(directory: Path, name: str) -> None:
    """Have the last migration of a file to be applied still."""
    with closing(sqlite3.connect(directory / f"{name}.db")) as connection, connection:
        connection.execute(
            "DELETE FROM _sqlite_migrations WHERE migration_set = ?1 AND name ="
            " (SELECT max(name) FROM _sqlite_migrations WHERE migration_set = ?1)",
            [name],
        )


def test_before_the_first_start_nothing_is_known_and_no_file_is_made(
    state: StoreSearchState, tmp_path: Path
) -> None:
    with state.begin_request():
        assert (state.live(), state.lineage_keys(), state.quarantined()) == (None, None, {})
        assert (state.freshness(), state.status()) == (StoreFreshness(), StoreStatus())
        with pytest.raises(StoreError, match="no indexer has made a store yet"):
            state.read(lambda store: store)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_made_meanwhile_is_read(state: StoreSearchState, tmp_path: Path) -> None:
    assert state.live() is None
    make_store(tmp_path)
    assert state.live() == LIVE
    assert [row.name for row in state.freshness().registries] == ["main"]
    assert state.status().crawls == {"main": None}
    assert state.quarantined() == {"main": []}
    assert state.lineage_keys() is not None


def test_an_older_store_names_its_search_index_and_nothing_else(
    state: StoreSearchState, tmp_path: Path
) -> None:
    make_store(tmp_path)
    make_older(tmp_path, "store")
    live = state.live()
    assert live is not None
    assert (live.generation, live.complete) == ("g1", False), "nobody knows what it lacks"
    assert (state.freshness(), state.status()) == (StoreFreshness(), StoreStatus())
    assert state.lineage_keys() is None
    with pytest.raises(OutdatedStoreError, match="start the indexer once"):
        state.read(lambda store: store)


def test_an_older_journal_is_as_if_there_was_none_yet(
    state: StoreSearchState, tmp_path: Path
) -> None:
    make_store(tmp_path)
    journal = Journal(tmp_path)
    journal.append([("main", Rejected("odd", b"x"))], received_at=START)
    journal.close()
    with closing(StoreSearchState(tmp_path)) as current:
        assert current.freshness().journal["main"].rejected == 1
        assert len(current.status().rejected) == 1
    make_older(tmp_path, "journal")
    assert state.freshness().journal == {}
    assert state.status().rejected == ()


def test_what_is_no_database_is_named_and_not_taken_for_nothing(
    state: StoreSearchState, tmp_path: Path
) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    for look in (state.live, state.freshness, state.status, state.lineage_keys, state.quarantined):
        with pytest.raises(StoreError, match=r"store\.db"):
            look()


def test_what_goes_wrong_in_a_request_names_the_data_directory(
    state: StoreSearchState, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=tmp_path.name), state.begin_request():
        raise sqlite3.OperationalError("disk I/O error")
