"""What changed: told once and in order, to who asks in time and of the same store."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from indexer.errors import CursorExpiredError, InvalidValueError
from indexer.model.names import Digest, TagName
from indexer.store import Change, ChangeCursor, ChangeKind, ChangePlace, Store
from tests.builders import BuiltManifest, image
from tests.indexer.store.stored import WEB, at, event_move, forget_stale, push, put_repository

A, B = image(seed="a"), image(seed="b")
SIGNATURE_TAG = f"{A.digest.replace(':', '-')}.sig"
PUSHED, REMOVED, GONE = ChangeKind.TAG_PUSHED, ChangeKind.TAG_REMOVED, ChangeKind.REPOSITORY_REMOVED


def hide(store: Store, repository_id: int, *tags: str, when: float) -> None:
    with store.transaction():
        for tag in tags:
            store.content.hide_tag(repository_id, TagName(tag), seen_at=at(when))


def forget(store: Store, *, before: float, limit: int = 100) -> int:
    with store.transaction():
        return store.changes.forget(before=at(before), limit=limit)


def everything(store: Store) -> list[Change]:
    return store.changes.since(None, limit=1_000)


def told(changes: Sequence[Change]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.kind, one.tag, one.digest, one.previous_digest) for one in changes]


def push_tags(store: Store, *tags: str) -> int:
    """Push some tags a second apart."""
    repository_id = put_repository(store)
    for when, tag in enumerate(tags):
        push(store, repository_id, tag, A, when=when)
    return repository_id


@pytest.fixture
def web(store: Store) -> int:
    return put_repository(store)


# What is told


def test_a_tag_that_comes_moves_and_goes_is_told_of_with_what_it_left(
    store: Store, web: int
) -> None:
    push(store, web, "1", A, when=1)
    push(store, web, "1", B, when=2)
    hide(store, web, "1", when=3)
    assert told(everything(store)) == [
        (PUSHED, "1", A.digest, None),
        (PUSHED, "1", B.digest, A.digest),
        (REMOVED, "1", None, B.digest),
        (GONE, "", None, None),
    ]


def test_a_change_names_its_place_and_when_it_was_seen(store: Store, web: int) -> None:
    push(store, web, "1", A, when=1)
    [change] = everything(store)
    assert (change.registry, change.repository) == ("default", WEB)
    assert change.at == "2026-03-01T12:00:01.000000Z"


def test_what_is_seen_again_as_it_was_is_no_change(store: Store, web: int) -> None:
    push(store, web, "1", A, when=1)
    push(store, web, "1", A, when=2)
    hide(store, web, "never", when=3)
    assert told(everything(store)) == [(PUSHED, "1", A.digest, None)]


def test_a_tag_that_comes_back_is_new_to_who_saw_it_go(store: Store, web: int) -> None:
    push(store, web, "1", A, when=1)
    hide(store, web, "1", when=2)
    push(store, web, "1", A, when=3)
    assert told(everything(store))[-1] == (PUSHED, "1", A.digest, None)


def test_a_repository_is_there_while_it_has_another_tag(store: Store, web: int) -> None:
    for tag in "123":
        push(store, web, tag, A, when=1)
    hide(store, web, "1", "3", when=2)
    assert GONE not in {change.kind for change in everything(store)}
    hide(store, web, "2", when=3)
    assert [change.kind for change in everything(store)][-2:] == [REMOVED, GONE]


def test_the_tags_of_tools_are_not_told_of_and_keep_no_repository(store: Store, web: int) -> None:
    push(store, web, "1", A, when=1)
    push(store, web, SIGNATURE_TAG, B, when=1)
    hide(store, web, "1", when=2)
    assert [change.kind for change in everything(store)] == [PUSHED, REMOVED, GONE]
    hide(store, web, SIGNATURE_TAG, when=3)
    assert len(everything(store)) == 3


def test_a_transaction_that_fails_changed_nothing(store: Store, web: int) -> None:
    def put_and_fail() -> None:
        with store.transaction():
            store.content.put_tag(web, TagName("1"), Digest(A.digest), seen_at=at(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_and_fail()
    assert everything(store) == []


def test_a_change_is_still_told_when_its_repository_is_forgotten(store: Store, web: int) -> None:
    push(store, web, "1", A, when=1)
    hide(store, web, "1", when=2)
    with store.transaction():
        store.retention.forget_hidden(web, before=at(9), now=at(3))
        forget_stale(store)
    with store.transaction():
        store.retention.forget_hidden(web, before=at(9), now=at(3))
    assert store._database.execute("SELECT count(*) FROM repositories").fetchone() == (0,)
    assert {change.repository for change in everything(store)} == {WEB}


# Reading on


def test_changes_are_read_in_pieces_each_behind_the_cursor_of_the_last(store: Store) -> None:
    push_tags(store, *"abcde")
    found: list[str] = []
    cursor = None
    while page := store.changes.since(cursor, limit=2):
        found += [change.tag for change in page]
        cursor = page[-1].cursor
    assert found == list("abcde")
    assert cursor == store.changes.newest()


def test_nothing_is_behind_the_newest_cursor_until_something_changes(store: Store) -> None:
    assert store.changes.newest() == store.changes.oldest()
    before = store.changes.newest()
    push_tags(store, "a")
    assert [change.tag for change in store.changes.since(before, limit=10)] == ["a"]
    assert store.changes.since(store.changes.newest(), limit=10) == []


def test_looking_back_misses_and_repeats_nothing_while_more_is_written(store: Store) -> None:
    web = push_tags(store, *"abcdefg")
    found: list[str] = []
    cursor = None
    for when in range(20, 30):
        page = store.changes.before(cursor, limit=2)
        if not page:
            break
        found += [change.tag for change in page]
        cursor = page[-1].cursor
        push(store, web, "new", (A, B)[when % 2], when=when)
        forget(store, before=1, limit=1)
    assert found == list("gfedcb"), "a is forgotten meanwhile"
    forget(store, before=50)
    with pytest.raises(CursorExpiredError):
        store.changes.before(cursor, limit=2)


def test_the_changes_of_one_place_are_those_of_all_places_in_it(store: Store) -> None:
    for own, name in (("default", WEB), ("default", "api"), ("other", WEB)):
        repository_id = put_repository(store, name, own)
        for when, tag in enumerate("abc"):
            push(store, repository_id, tag, A, when=when)
    every = everything(store)
    registries: tuple[str | None, ...] = ("default", "other", "third", None)
    repositories: tuple[str | None, ...] = (WEB, "api", "nothing", None)
    for registry in registries:
        for repository in repositories:
            place = ChangePlace(registry, repository)
            wanted = [
                one
                for one in every
                if registry in {None, one.registry} and repository in {None, one.repository}
            ]
            assert store.changes.since(None, place=place, limit=99) == wanted
            assert store.changes.before(None, place=place, limit=99) == wanted[::-1]


# Who, and when


def pushed_by(store: Store) -> list[tuple[str | None, str]]:
    return [(one.pushed_at and one.pushed_at[17:19], one.actor) for one in everything(store)]


def tell(store: Store, web: int, built: BuiltManifest, when: float, actor: str) -> None:
    with store.transaction():
        store.content.add_tag_moves(web, [event_move("1", built.digest, when, actor)])


def test_a_push_names_who_did_it_and_when_an_event_said_so(store: Store, web: int) -> None:
    tell(store, web, A, 1, "alice")
    push(store, web, "1", A, when=2)
    tell(store, web, B, 5, "bob")
    push(store, web, "1", B, when=6)
    hide(store, web, "1", when=8)
    assert pushed_by(store) == [("01", "alice"), ("05", "bob"), (None, ""), (None, "")]


def test_what_no_event_told_of_names_nobody(store: Store, web: int) -> None:
    tell(store, web, A, 1, "alice")
    push(store, web, "1", A, when=2)
    push(store, web, "1", B, when=4)
    # Back again, and not by alice as far as anybody knows.
    push(store, web, "1", A, when=6)
    assert pushed_by(store) == [("01", "alice"), (None, ""), (None, "")]


def test_an_event_that_comes_late_is_told_of_and_so_is_one_of_a_clock_ahead(
    store: Store, web: int
) -> None:
    push(store, web, "1", A, when=2)
    tell(store, web, A, 1, "alice")
    push(store, web, "1", B, when=3)
    tell(store, web, B, 40, "bob")
    assert pushed_by(store) == [("01", "alice"), ("40", "bob")]


def test_a_later_push_of_the_same_is_another_one(store: Store, web: int) -> None:
    push(store, web, "1", A, when=2)
    tell(store, web, A, 1_000, "alice")
    assert pushed_by(store) == [(None, "")]


def test_a_cursor_is_read_from_its_text(store: Store) -> None:
    push_tags(store, *"abcdefgh")
    cursors = [store.changes.oldest(), *(change.cursor for change in everything(store))]
    assert [ChangeCursor.parse(str(cursor)) for cursor in cursors] == cursors
    extreme = [ChangeCursor(0, -(2**63)), ChangeCursor(2**60 - 1, 2**63 - 1), ChangeCursor(1, -1)]
    assert [ChangeCursor.parse(str(cursor)) for cursor in extreme] == extreme


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "-1.0000000000000000", f"{'f' * 16}.{'0' * 16}", "1.000000000000000G"]
)
def test_what_is_no_cursor_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not a cursor of changes"):
        ChangeCursor.parse(text)


# Forgetting


def test_old_changes_are_forgotten_from_the_oldest_on_a_few_at_a_time(store: Store) -> None:
    push_tags(store, *"abcde")
    cursors = [change.cursor for change in everything(store)]
    assert [forget(store, before=3, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [change.tag for change in everything(store)] == ["d", "e"]
    assert store.changes.oldest() == cursors[2]


def test_a_cursor_holds_until_something_behind_it_is_forgotten(store: Store) -> None:
    push_tags(store, *"abcd")
    cursors = [change.cursor for change in everything(store)]
    forget(store, before=2)
    assert [change.tag for change in store.changes.since(cursors[1], limit=9)] == ["c", "d"]
    with pytest.raises(CursorExpiredError, match=str(cursors[0])):
        store.changes.since(cursors[0], limit=9)


def test_who_knows_of_everything_loses_nothing_when_all_is_forgotten(store: Store) -> None:
    web = push_tags(store, "a", "b")
    newest = store.changes.newest()
    forget(store, before=9)
    assert (store.changes.newest(), store.changes.since(newest, limit=9)) == (newest, [])
    push(store, web, "c", A, when=10)
    assert [change.tag for change in store.changes.since(newest, limit=9)] == ["c"]


# Other stores


def test_a_cursor_of_another_store_is_refused_wherever_it_is(store: Store, tmp_path: Path) -> None:
    push_tags(store, "a", "b")
    (tmp_path / "other").mkdir()
    other = Store(tmp_path / "other")
    push_tags(other, "a")
    for cursor in (store.changes.oldest(), *(change.cursor for change in everything(store))):
        with pytest.raises(CursorExpiredError):
            other.changes.since(cursor, limit=9)
    other.close()


def test_a_cursor_from_behind_a_backup_is_refused_once_that_is_back(tmp_path: Path) -> None:
    """Also when as much has happened since, for it need not be the same."""
    store = Store(tmp_path)
    web = push_tags(store, "a")
    kept = store.changes.newest()
    store.close()
    shutil.copy(tmp_path / "store.db", tmp_path / "backup.db")
    store = Store(tmp_path)
    push(store, web, "b", A, when=5)
    lost = store.changes.newest()
    store.close()
    shutil.copy(tmp_path / "backup.db", tmp_path / "store.db")
    store = Store(tmp_path)
    push(store, web, "c", A, when=6)
    assert store.changes.newest().sequence == lost.sequence
    with pytest.raises(CursorExpiredError):
        store.changes.since(lost, limit=9)
    assert [change.tag for change in store.changes.since(kept, limit=9)] == ["c"]
    store.close()


def test_a_store_from_before_begins_with_what_it_has(tmp_path: Path) -> None:
    store = Store(tmp_path)
    web = push_tags(store, "a")
    push(store, web, SIGNATURE_TAG, B, when=1)
    for table in ("changes", "changes_start"):
        store._database.execute(f"DROP TABLE {table}")
    store._database.execute("ALTER TABLE repositories DROP COLUMN tag_count")
    store._database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm014_changes'")
    store._database.conn.commit()
    store.close()
    store = Store(tmp_path)
    assert everything(store) == []
    start = store.changes.newest()
    push(store, web, "a", B, when=1)
    assert told(store.changes.since(start, limit=9)) == [(PUSHED, "a", B.digest, A.digest)]
    [registry] = store.shown.registries()
    assert (registry.repositories, registry.tags) == (1, 1)
    store.close()
