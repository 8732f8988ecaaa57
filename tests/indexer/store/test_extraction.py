"""Stored bodies can be extracted again, even if the work stops at any point."""

import random
from pathlib import Path

import pytest

from indexer.extract import BUILT_IN, EXTRACT_VERSION, Kind
from indexer.model.names import Digest
from indexer.store import ExtractionProgress, RebuildProgress, Store
from tests.builders import Blob, artifact, image
from tests.indexer.store.lineage.test_related import BASE, LEAF, LEAF2, MIDDLE
from tests.indexer.store.stored import at, push, put_repository, read_content

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


def go_on(store: Store, *, limit: int) -> None:
    """Read the next manifests again, in the caller's transaction."""
    tables = store.extraction
    digests = tables.next_digests(tables.reached(), limit=limit)
    read = tables.read_rows(digests, kinds=BUILT_IN)
    tables.replace(digests, read, kinds=BUILT_IN, is_last=len(digests) < limit)


def derive(store: Store, *, limit: int = 2) -> int:
    """Derive everything again; return in how many transactions."""
    with store.transaction():
        store.extraction.ask()
    steps = 0
    while store.extraction.progress():
        with store.transaction():
            go_on(store, limit=limit)
        steps += 1
    return steps


def test_a_new_store_has_nothing_to_derive(store: Store) -> None:
    assert store.extraction.is_current()
    assert store.extraction.progress() is None


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
        filled.extraction.ask()
    assert filled.extraction.progress() == ExtractionProgress(0, count)
    with filled.transaction():
        go_on(filled, limit=3)
    assert filled.extraction.progress() == ExtractionProgress(3, count)
    assert filled.search_index.rebuild() is None
    assert derive(filled, limit=3) == count // 3 + 1
    assert filled.search_index.rebuild() == RebuildProgress(0, 0)


def test_asking_again_begins_again(filled: Store) -> None:
    with filled.transaction():
        filled.extraction.ask()
        go_on(filled, limit=3)
        filled.extraction.ask()
    progress = filled.extraction.progress()
    assert progress is not None
    assert progress.done == 0


def test_a_store_of_another_version_is_derived_again(filled: Store, tmp_path: Path) -> None:
    before = derived(filled)
    with filled.transaction():
        filled._database.execute("UPDATE extraction SET version = ?", [EXTRACT_VERSION - 1])
        for table in TABLES:
            filled._database.execute(f"DELETE FROM {table}")
    filled.close()
    again = Store(tmp_path)
    assert not again.extraction.is_current(), "it holds manifests"
    with again.transaction():
        again.extraction.ask()
    assert again.extraction.is_current(), "it is about to be"
    derive(again)
    assert again.extraction.is_current()
    assert derived(again) == before
    again.close()


def test_what_is_pushed_and_forgotten_meanwhile_is_right_too(filled: Store) -> None:
    with filled.transaction():
        filled.extraction.ask()
        go_on(filled, limit=4)
    late = image(seed="late", base=MIDDLE.children[0])
    push(filled, put_repository(filled, "late"), "1", late, when=50)
    with filled.transaction():
        gone = put_repository(filled, "r2")
        for digest in [LEAF.digest, *(child.digest for child in LEAF.children)]:
            filled.content.unlink_manifest(gone, Digest(digest))
    expected = derived(filled)
    while filled.extraction.progress():
        with filled.transaction():
            go_on(filled, limit=4)
    assert derived(filled) == expected


def test_a_store_from_before_there_were_chains_is_derived(filled: Store, tmp_path: Path) -> None:
    before = derived(filled)
    execute = filled._database.execute
    with filled.transaction():
        for table in (*TABLES, "changed_bases", "extraction", "extracted"):
            execute(f"DROP TABLE {table}")
        execute("CREATE TABLE layers (digest TEXT)")
        execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm012%' OR name LIKE 'm015%'")
    filled.close()
    again = Store(tmp_path)
    assert not again.extraction.is_current()
    push(again, put_repository(again, "late"), "1", LEAF2, when=60)
    derive(again)
    assert derived(again) == before
    again.close()


def test_forgetting_and_deriving_read_no_table_whole(filled: Store) -> None:
    """A store holds a million manifests, and this is done for each of them."""
    steps: list[str] = []
    filled._database.conn.set_trace_callback(steps.append)
    read = filled.extraction.read_rows([Digest(LEAF.digest)], kinds=BUILT_IN)
    filled.extraction.replace([Digest(LEAF.digest)], read, kinds=BUILT_IN, is_last=False)
    filled._database.conn.set_trace_callback(None)
    changing = [
        step
        for step in steps
        # That has one row.
        if step.startswith(("DELETE", "UPDATE")) and "UPDATE extraction" not in step
    ]
    assert len(changing) >= 3
    for step in changing:
        plan = filled._database.execute(f"EXPLAIN QUERY PLAN {step}").fetchall()
        assert not [row[3] for row in plan if row[3].startswith("SCAN")], step


def test_a_config_that_only_a_plugin_reads_is_kept(store: Store) -> None:
    """Without its kinds, an extraction anew dropped the config, and with it the title."""
    kind = Kind(name="gadget", types=("application/vnd.gadget",), json_configs=("text/gadget",))
    kinds = BUILT_IN.extended([kind])
    blob = Blob("text/gadget", b'{"title": "Sprocket"}')
    built = artifact("application/vnd.gadget", {"a": b"1"}, config=blob)
    repository_id = put_repository(store)
    with store.transaction():
        content = read_content(built)
        store.content.put_content(repository_id, content, kinds=kinds, seen_at=at(0))
    before = derived(store)
    with store.transaction():
        store.extraction.ask()
        digests = store.extraction.next_digests(store.extraction.reached())
        store.extraction.replace(digests, [], kinds=kinds, is_last=True)
    assert derived(store) == before
    assert before["configs"] == {(built.digest, blob.digest)}
