"""The store of somebody who may not see everything, as it changes and grows."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from indexer.errors import CursorExpiredError
from indexer.model import Digest, RepositoryName, Rights, TagName, make_rights
from indexer.store import Change, ChangeCursor, Store, StoreSearchState
from indexer.store.changes import ChangePlace
from indexer.store.seen import NAMES_KEPT_MAX, WALKED_MAX
from tests.builders import image, index
from tests.indexer.store.stored import NOW, at, push, put_repository

Result = TypeVar("Result")

BASE = image(seed="base", layers=1)
APP = image(seed="app", base=BASE)
OTHER = image(seed="other", base=APP)
MULTI = index([APP])
NESTED = index([MULTI])
SEEN = make_rights([], {"main": ["seen"]})


@pytest.fixture
def state(store: Store, tmp_path: Path) -> Iterator[StoreSearchState]:
    with closing(StoreSearchState(tmp_path)) as opened:
        yield opened


def read(
    state: StoreSearchState, function: Callable[[Store], Result], rights: Rights = SEEN
) -> Result:
    with state.begin_request(rights):
        return state.read(function)


def names(state: StoreSearchState, rights: Rights = SEEN) -> list[tuple[str, str]]:
    def find(store: Store) -> list[tuple[str, str]]:
        return [
            (registry.name, one.row.name)
            for registry in store.shown.registries()
            for one in store.shown.repositories(registry.name, limit=9).items
        ]

    return read(state, find, rights)


def put(store: Store, name: str, tag: str = "1", *, when: float = 0, registry: str = "main") -> int:
    number = put_repository(store, name, registry)
    push(store, number, tag, APP, when=when)
    return number


# What comes later


def test_a_repository_is_there_as_soon_as_it_is_stored(
    store: Store, state: StoreSearchState
) -> None:
    put(store, "hidden")
    assert names(state) == []
    put(store, "seen")
    assert names(state) == [("main", "seen")]
    whole = make_rights(["main"])
    assert names(state, whole) == [("main", "hidden"), ("main", "seen")]
    put(store, "new")
    assert len(names(state, whole)) == 3
    assert names(state) == [("main", "seen")]


def test_a_registry_is_there_as_soon_as_it_is_stored(store: Store, state: StoreSearchState) -> None:
    rights = make_rights(["third"], {"second": ["seen"]})
    put(store, "seen")
    assert names(state, rights) == []
    put(store, "seen", registry="second")
    assert names(state, rights) == [("second", "seen")]
    put(store, "any", registry="third")
    assert names(state, rights) == [("second", "seen"), ("third", "any")]


def test_the_number_of_a_repository_that_is_gone_gives_no_right_to_the_next_one(
    store: Store, state: StoreSearchState
) -> None:
    number = put_repository(store, "seen", "main")
    assert names(state) == []
    with store.transaction():
        store.retention.forget_hidden(number, before=at(1), now=at(1))
    assert put(store, "hidden") == number
    assert names(state) == []


def test_rights_of_many_are_known_after_others_took_their_place(
    store: Store, state: StoreSearchState
) -> None:
    put(store, "seen")
    put(store, "hidden")
    many = [f"name/{n}" for n in range(NAMES_KEPT_MAX // 2)]
    rights = [make_rights([], {"main": [name, *many]}) for name in ("seen", "hidden", "third")]
    for _ in range(2):
        for one in rights:
            expected = [("main", name) for name in ("seen", "hidden") if one.sees("main", name)]
            assert names(state, one) == expected


def test_whoever_sees_everything_reads_the_tables_themselves(
    store: Store, state: StoreSearchState
) -> None:
    put(store, "hidden")
    with state.begin_request():
        assert state.read(type) is Store
    assert read(state, type) is not Store


# Changes


def newest(state: StoreSearchState) -> ChangeCursor:
    return read(state, lambda store: store.changes.newest())


def since(
    state: StoreSearchState, cursor: ChangeCursor | None, *, limit: int = 100
) -> list[Change]:
    return read(state, lambda store: store.changes.since(cursor, limit=limit))


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.repository, change.tag) for change in changes]


def test_cursors_do_not_move_with_what_is_hidden(store: Store, state: StoreSearchState) -> None:
    start = newest(state)
    put(store, "hidden")
    assert newest(state) == start
    assert since(state, start) == []
    put(store, "seen")
    cursor = newest(state)
    put(store, "hidden", "2")
    assert newest(state) == cursor
    assert told(since(state, start)) == [("seen", "1")]
    assert since(state, cursor) == []


def test_the_cursor_of_a_hidden_change_is_as_one_that_never_was(
    store: Store, state: StoreSearchState
) -> None:
    put(store, "hidden")
    hidden = store.changes.newest()
    for cursor in (hidden, ChangeCursor(hidden.sequence, 7)):
        with pytest.raises(CursorExpiredError) as caught:
            since(state, cursor)
        assert str(caught.value) == (
            f"the changes at cursor {str(cursor)!r} are not kept: take a listing again"
        )


def forget(store: Store, before: float) -> None:
    with store.transaction():
        store.changes.forget(before=at(before), limit=100)


def test_a_cursor_is_good_until_a_change_behind_it_that_is_seen_is_forgotten(
    store: Store, state: StoreSearchState
) -> None:
    start = newest(state)
    put(store, "hidden")
    forget(store, 1)
    assert newest(state) == start
    put(store, "seen", when=2)
    cursor = newest(state)
    put(store, "hidden", "2", when=3)
    forget(store, 4)
    assert newest(state) == cursor
    assert since(state, cursor) == since(state, None) == []
    with pytest.raises(CursorExpiredError):
        since(state, start)
    put(store, "seen", "2", when=5)
    assert told(since(state, cursor)) == [("seen", "2")]


def test_all_cursors_expire_if_what_was_forgotten_is_damaged(
    store: Store, state: StoreSearchState
) -> None:
    start = newest(state)
    put(store, "hidden")
    put(store, "seen")
    forget(store, 1)
    assert newest(state) != start
    with store.transaction():
        store._database.execute("UPDATE forgotten_changes SET mark = 'x' WHERE registry_id = 0")
        assert [row.table for row in store.damage.set_aside(at=NOW)] == ["forgotten_changes"]
    with pytest.raises(CursorExpiredError):
        since(state, start)
    assert newest(state) == store.changes.oldest()
    assert since(state, newest(state)) == []


def test_changes_of_a_repository_that_is_gone_are_seen_by_its_name(
    store: Store, state: StoreSearchState
) -> None:
    seen = [put(store, name) for name in ("seen", "hidden")]
    with store.transaction():
        for number in seen:
            store.content.hide_tag(number, TagName("1"), seen_at=at(1))
    with store.transaction():
        for number in seen:
            for when in (9, 10**9):
                store.retention.forget_hidden(number, before=at(when), now=at(5))
            store._database.execute("DELETE FROM stale_documents")
            store.retention.forget_hidden(number, before=at(10**9), now=at(5))
            assert store.repositories.find(1, RepositoryName("seen")) in {None, seen[0]}
    expected = [("seen", "1"), ("seen", "1"), ("seen", "")]
    assert told(since(state, None)) == expected


def both_ends(store: Store, *, place: ChangePlace, limit: int) -> tuple[list[Change], list[Change]]:
    changes = store.changes
    first = changes.since(None, place=place, limit=limit)
    return first, changes.before(None, place=place, limit=limit)


def test_few_changes_among_very_many_are_found_from_both_ends(
    store: Store, state: StoreSearchState
) -> None:
    place = ChangePlace(registry="main")
    wanted = make_rights(["second"], {"main": ["seen"]})
    cursors: list[ChangeCursor] = []
    for tag in ("1", "2", "3"):
        put(store, "seen", tag)
        cursors.append(store.changes.newest())
        put(store, "any", tag, registry="second")
        number = put_repository(store, "hidden", "main")
        with store.transaction():
            for n in range(WALKED_MAX + 10):
                store.changes.tag_pushed(
                    number, TagName(f"{tag}.{n}"), Digest(APP.digest), previous=None, at=NOW
                )
    for rights, at_place, repositories in (
        (SEEN, ChangePlace(), ["seen"]),
        (wanted, place, ["seen"]),
        (wanted, ChangePlace(), ["seen", "any"]),
    ):
        expected = [(name, tag) for tag in ("1", "2", "3") for name in repositories]
        for limit in (1, 2, 9):
            first, last = read(state, partial(both_ends, place=at_place, limit=limit), rights)
            assert told(first) == expected[:limit]
            assert told(last) == expected[::-1][:limit]
    assert told(since(state, cursors[0], limit=1)) == [("seen", "2")]
    assert newest(state) == cursors[2]


# Lineage


def test_a_digest_that_is_hidden_means_nothing(store: Store, state: StoreSearchState) -> None:
    push(store, put_repository(store, "seen", "main"), "app", APP, when=0)
    push(store, put_repository(store, "seen", "main"), "other", OTHER, when=0)
    hidden = put_repository(store, "hidden", "main")
    push(store, hidden, "base", BASE, when=1)
    push(store, hidden, "multi", MULTI, when=2)

    def find(store: Store) -> list[list[str]]:
        keys = store.lineage_keys
        asked = (BASE.digest, MULTI.digest, "hidden", "main/hidden:multi", APP.digest)
        return [keys.find_bases(one) + keys.find_derived(one) for one in asked]

    assert [bool(found) for found in read(state, find)] == [False] * 4 + [True]
    assert all(find(store)[:3])


def test_a_layer_that_only_hidden_images_hold_means_nothing(
    store: Store, state: StoreSearchState
) -> None:
    push(store, put_repository(store, "seen", "main"), "base", BASE, when=0)
    push(store, put_repository(store, "hidden", "main"), "app", APP, when=0)
    layers = [blob.digest for blob in APP.blobs[1:]]

    def find(store: Store) -> list[bool]:
        return [bool(store.lineage_keys.find_layer(layer)) for layer in layers]

    assert find(store) == [True, True, True]
    assert read(state, find) == [True, False, False]


def test_an_index_that_is_hidden_leads_nowhere(store: Store, state: StoreSearchState) -> None:
    seen, hidden = put_repository(store, "seen", "main"), put_repository(store, "hidden", "main")
    for number in (seen, hidden):
        push(store, number, "app", APP, when=0)
        push(store, number, "other", OTHER, when=0)
    push(store, hidden, "multi", MULTI, when=1)
    # What it lists was not there.
    push(store, seen, "nested", NESTED, when=2)
    with store.transaction():
        store.content.unlink_manifest(seen, Digest(MULTI.digest))

    def parts(store: Store) -> list[str]:
        return [str(one.manifest) for one in store.lineage.bases(Digest(NESTED.digest))]

    assert parts(store) == [APP.digest]
    assert read(state, parts) == []


def test_labels_are_inherited_from_images_that_are_hidden_too(
    store: Store, state: StoreSearchState
) -> None:
    """As search results say, which are the same for all who see them."""
    labels = {"org.opencontainers.image.title": "of the base"}
    base = image(seed="labelled", labels=labels)
    app = image(seed="app", base=base, labels=labels)
    seen = put_repository(store, "seen", "main")
    push(store, seen, "app", app, when=0)
    push(store, put_repository(store, "hidden", "main"), "base", base, when=0)

    def inherited(store: Store) -> tuple[object, ...]:
        content = store.content.manifest(seen, Digest(app.digest))
        assert content is not None
        return content.base_labels

    assert read(state, inherited) == inherited(store) == (labels,)


def test_documents_that_wait_are_counted_in_registries_that_are_seen(
    store: Store, state: StoreSearchState
) -> None:
    put(store, "seen")
    freshness = state.freshness()
    assert freshness.documents_waiting == freshness.seen_by(SEEN).documents_waiting > 0
    put(store, "other", registry="second")
    assert state.freshness().documents_waiting > freshness.documents_waiting
    assert state.freshness().seen_by(SEEN).documents_waiting == freshness.documents_waiting
