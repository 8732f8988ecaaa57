"""The schema: the effect of migrations on existing rows."""

import sqlite3
from contextlib import closing
from pathlib import Path

from indexer.model import NO_RIGHTS
from indexer.model.names import Digest
from indexer.store import RepositorySummary, Store, StoreSearchState
from indexer.store.parts import NAME_LENGTHS, PART_TABLES, MadeParts, PartRow
from tests.attachments import sbom
from tests.builders import image, index
from tests.indexer.store.stored import NOW, at, push, put_registry, put_repository

A = image(seed="a")
ADDED = (
    *(
        ("repository_manifests", f"{name}_at")
        for name in ("left", "confirmed", "missing", "absent")
    ),
    ("repositories", "left_out"),
    ("registries", "has_referrers"),
    ("registries", "referrers_asked_at"),
)


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


def test_what_an_older_store_has_attached_is_known_without_reading_it_again(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    repository_id = put_repository(store)
    multi = index([A], attestations=True)
    for tag, built in (("1", A), ("sbom", sbom(A)), ("multi", multi)):
        push(store, repository_id, tag, built, when=0)
    before = store._database.execute("SELECT * FROM subjects").fetchall()
    store.close()
    assert len(before) == 2
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("DROP TABLE subjects")
        for index_name in ("missing", "untagged"):
            connection.execute(f"DROP INDEX repository_manifests_{index_name}")
        for table, column in ADDED:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm013_attachments'")
    store = Store(tmp_path)
    assert store._database.execute("SELECT * FROM subjects").fetchall() == before
    store.close()


def test_an_older_store_knows_no_token_service(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = put_registry(store)
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("ALTER TABLE registries DROP COLUMN token_origin")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm020_token_origin'")
    store = Store(tmp_path)
    assert put_registry(store) == before
    assert before.token_origin == ""
    store.close()


def test_an_older_store_says_nothing_in_lists_until_its_documents_are_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    repository_id = put_repository(store)
    push(store, repository_id, "1", A, when=0)
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        for index_name in ("registry", "repository"):
            connection.execute(f"DROP INDEX changes_{index_name}")
        connection.execute("ALTER TABLE repositories DROP COLUMN summary")
        for column in ("size_bytes", "summary"):
            connection.execute(f"ALTER TABLE repository_manifests DROP COLUMN {column}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm022_lists'")
    store = Store(tmp_path)
    assert store.summaries.images(repository_id, [Digest(A.digest)]) == {}
    [repository] = store.shown.repositories("default", limit=9).items
    assert repository.summary == RepositorySummary()
    store.close()


def test_a_cursor_of_before_rights_is_still_good_for_who_sees_only_some(tmp_path: Path) -> None:
    store = Store(tmp_path)
    push(store, put_repository(store), "1", A, when=0)
    with store.transaction():
        store.changes.forget(before=at(1), limit=9)
    cursor = store.changes.oldest()
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("DROP TABLE forgotten_changes")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm023_forgotten_changes'")
    Store(tmp_path).close()
    with closing(StoreSearchState(tmp_path)) as state, state.begin_request(NO_RIGHTS):
        assert state.read(lambda store: store.changes.newest()) == cursor
        assert state.read(lambda store: store.changes.since(cursor, limit=9)) == []


def test_an_older_store_gets_parts_that_a_stale_image_marks(tmp_path: Path) -> None:
    store = Store(tmp_path)
    repository_id = put_repository(store)
    push(store, repository_id, "1", A, when=0)
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("DROP TRIGGER stale_parts")
        for table in PART_TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm026_parts'")
    store = Store(tmp_path)
    names = [A.digest[:length] for length in NAME_LENGTHS]
    rows = [PartRow(name, b"found", None) for name in names]
    other = PartRow("sha256:?", b"other", "aa:7")
    with store.transaction():
        made = MadeParts(repository_id, store.parts.mark(), [*rows, other], is_whole=True)
        assert store.parts.stored_bytes(made) == 7
        store.parts.keep(made)
    assert sorted(store.parts.kept(repository_id, [*names, other.name])) == sorted(
        [*names, other.name]
    )
    push(store, repository_id, "2", A, when=1)
    assert store.parts.kept(repository_id, [*names, other.name]) == {"sha256:?": b"other"}
    store.close()


def test_which_manifests_use_a_config_is_found_without_reading_all_of_them(store: Store) -> None:
    """Regression: each new config read the whole table, so that a backfill slowed down."""
    plan = store._database.execute(
        "EXPLAIN QUERY PLAN SELECT digest FROM manifests WHERE config_digest = ?", ["sha256:x"]
    ).fetchall()
    assert ["SEARCH" in row[3] for row in plan] == [True]


def test_parts_of_another_form_are_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    repository_id = put_repository(store)
    row = PartRow("sha256:a", b"of another form", "aa:7")
    with store.transaction():
        store.parts.keep(MadeParts(repository_id, store.parts.mark(), [row], is_whole=True))
    store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm028_dated_tags'")
    store = Store(tmp_path)
    assert store.parts.kept(repository_id, ["sha256:a"]) == {}
    for table in PART_TABLES:
        assert store._database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    store.close()
