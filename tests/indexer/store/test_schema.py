"""The schema: what a migration does to rows that are there already."""

import sqlite3
from contextlib import closing
from pathlib import Path

from indexer.store import Store
from tests.indexer.store.stored import NOW, put_registry


def test_the_one_source_of_an_older_store_is_still_known(tmp_path: Path) -> None:
    store = Store(tmp_path)
    registry_id = put_registry(store).id
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE registries SET source = 'process \"1\"'")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm005_sources'")
    store = Store(tmp_path)
    with store.transaction():
        assert not store.registries.set_source(registry_id, 'process "1"', at=NOW)
        assert store.registries.set_source(registry_id, "process 2", at=NOW)
    store.close()


def test_which_manifests_use_a_config_is_found_without_reading_all_of_them(store: Store) -> None:
    """Regression: each new config read the whole table, so that a backfill slowed down."""
    plan = store._database.execute(
        "EXPLAIN QUERY PLAN SELECT digest FROM manifests WHERE config_digest = ?", ["sha256:x"]
    ).fetchall()
    assert ["SEARCH" in row[3] for row in plan] == [True]
