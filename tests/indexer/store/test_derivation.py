"""Stored bodies can be extracted again, even if the work stops at any point."""

import random
from pathlib import Path

import pytest

from indexer.extract import DERIVED_VERSION
from indexer.model.names import Digest
from indexer.store import DerivationProgress, RebuildProgress, Store
from tests.builders import artifact, image
from tests.indexer.store.lineage.test_related import BASE, LEAF, LEAF2, MIDDLE
from tests.indexer.store.stored import push, put_repository

TABLES = (
    "manifest_chains",
    *(f"{kind}_{what}" for kind in ("diff", "blob") for what in ("chains", "prefixes")),
)
CONTENT = (BASE, MIDDLE, LEAF, LEAF2, artifact("application/vnd.example", {"a": b"1"}))


@pytest.fixture
def filled(store: Store) -> Store:
    for number, built in enumerate(CONTENT):
        push(store, put_repository(store, f"r{number}"), "1", built, when=number)
    return store


def derived(store: Store) -> dict[str, object]:
    """Return what was derived, without the numbers of rows."""
    execute = store._database.execute
    found: dict[str, object] = {
        "children": set(execute("SELECT * FROM index_children").fetchall()),
        "configs": set(execute("SELECT digest, config_digest FROM manifests").fetchall()),
    }
    for kind in ("diff", "blob"):
        found[kind] = set(
            execute(
                f"SELECT chain_id, layer, length, is_empty, is_base FROM {kind}_chains"
            ).fetchall()
        )
        found[f"{kind} of manifests"] = set(
            execute(
                "SELECT digest, is_image, has_labels, chain_id FROM manifest_chains"
                f" LEFT JOIN {kind}_chains AS c ON c.id = {kind}_chain"
            ).fetchall()
        )
        found[f"{kind} prefixes"] = set(
            execute(
                f"SELECT p.chain_id, c.chain_id FROM {kind}_prefixes"
                f" JOIN {kind}_chains AS p ON p.id = prefix"
                f" JOIN {kind}_chains AS c ON c.id = chain"
            ).fetchall()
        )
    return found


def derive(store: Store, *, limit: int = 2) -> int:
    """Derive everything again; return in how many transactions."""
    with store.transaction():
        store.derivation.ask()
    steps = 0
    while store.derivation.progress():
        with store.transaction():
            store.derivation.go_on(limit=limit)
        steps += 1
    return steps


def test_a_new_store_has_nothing_to_derive(store: Store) -> None:
    assert store.derivation.is_current()
    assert store.derivation.progress() is None


def test_deriving_again_changes_nothing(filled: Store) -> None:
    before = derived(filled)
    derive(filled)
    assert derived(filled) == before
    assert not filled.chains.has_changed_bases()


def test_what_is_wrong_is_put_right(filled: Store) -> None:
    before = derived(filled)
    some = random.Random(5)
    with filled.transaction():
        for (digest,) in filled._database.execute("SELECT digest FROM manifests").fetchall():
            if some.random() < 0.5:
                filled.chains.forget(digest)
        filled._database.execute("DELETE FROM index_children WHERE position = 1")
        filled._database.execute("INSERT INTO index_children VALUES (?, 9, 'x:1')", [BASE.digest])
        filled._database.execute(
            "UPDATE manifests SET config_digest = 'x:1' WHERE digest < 'sha256:8'"
        )
    assert derived(filled) != before
    derive(filled)
    assert derived(filled) == before


def test_it_is_done_some_manifests_at_a_time_with_progress(filled: Store) -> None:
    (count,) = filled._database.execute("SELECT count(*) FROM manifests").fetchone()
    with filled.transaction():
        filled.derivation.ask()
    assert filled.derivation.progress() == DerivationProgress(0, count)
    with filled.transaction():
        filled.derivation.go_on(limit=3)
    assert filled.derivation.progress() == DerivationProgress(3, count)
    assert filled.search_index.rebuild() is None
    assert derive(filled, limit=3) == count // 3 + 1
    assert filled.search_index.rebuild() == RebuildProgress(0, 0)


def test_asking_again_begins_again(filled: Store) -> None:
    with filled.transaction():
        filled.derivation.ask()
        filled.derivation.go_on(limit=3)
        filled.derivation.ask()
    progress = filled.derivation.progress()
    assert progress is not None
    assert progress.done == 0


def test_a_store_of_another_version_is_derived_again(filled: Store, tmp_path: Path) -> None:
    before = derived(filled)
    with filled.transaction():
        filled._database.execute("UPDATE derivation SET version = ?", [DERIVED_VERSION - 1])
        for table in TABLES:
            filled._database.execute(f"DELETE FROM {table}")
    filled.close()
    again = Store(tmp_path)
    assert not again.derivation.is_current(), "it holds manifests"
    with again.transaction():
        again.derivation.ask()
    assert again.derivation.is_current(), "it is about to be"
    derive(again)
    assert again.derivation.is_current()
    assert derived(again) == before
    again.close()


def test_what_is_pushed_and_forgotten_meanwhile_is_right_too(filled: Store) -> None:
    with filled.transaction():
        filled.derivation.ask()
        filled.derivation.go_on(limit=4)
    late = image(seed="late", base=MIDDLE.children[0])
    push(filled, put_repository(filled, "late"), "1", late, when=50)
    with filled.transaction():
        gone = put_repository(filled, "r2")
        for digest in [LEAF.digest, *(child.digest for child in LEAF.children)]:
            filled.content.unlink_manifest(gone, Digest(digest))
    expected = derived(filled)
    while filled.derivation.progress():
        with filled.transaction():
            filled.derivation.go_on(limit=4)
    assert derived(filled) == expected


def test_a_store_from_before_there_were_chains_is_derived(filled: Store, tmp_path: Path) -> None:
    before = derived(filled)
    execute = filled._database.execute
    with filled.transaction():
        for table in (*TABLES, "changed_bases", "derivation"):
            execute(f"DROP TABLE {table}")
        execute("CREATE TABLE layers (digest TEXT)")
        execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm012%'")
    filled.close()
    again = Store(tmp_path)
    assert not again.derivation.is_current()
    push(again, put_repository(again, "late"), "1", LEAF2, when=60)
    derive(again)
    assert derived(again) == before
    again.close()


def test_forgetting_and_deriving_read_no_table_whole(filled: Store) -> None:
    """A store holds a million manifests, and this is done for each of them."""
    steps: list[str] = []
    filled._database.conn.set_trace_callback(steps.append)
    filled.derivation._derive_again(Digest(LEAF.digest))
    filled._database.conn.set_trace_callback(None)
    changing = [step for step in steps if step.startswith(("DELETE", "UPDATE"))]
    assert len(changing) >= 3
    for step in changing:
        plan = filled._database.execute(f"EXPLAIN QUERY PLAN {step}").fetchall()
        assert not [row[3] for row in plan if row[3].startswith("SCAN")], step
