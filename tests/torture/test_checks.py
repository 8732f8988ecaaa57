"""The checks find each kind of damage in a sound data directory."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.extract import BUILT_IN
from indexer.model import Content
from indexer.model.event import Action, Event
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.store import (
    Journal,
    LiveIndex,
    ReadContent,
    Store,
    TagMove,
)
from tests.builders import BuiltManifest, image, index
from tests.torture import checks, states
from tests.torture.checks import Findings
from tests.torture.deliveries import Ledger, Move, TagPlace
from tests.torture.history import NUMBER
from tests.torture.states import Documents

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REPOSITORY, TAG = RepositoryName("team/app"), TagName("1.0")
PLACE = TagPlace(REPOSITORY, TAG)
CHILD = image(labels={NUMBER: "1"})
INDEX = index([CHILD])
EVENT = Event(Action.PUSH, REPOSITORY, TAG, Digest(INDEX.digest), event_id="one", occurred_at=AT)
WAITING_REFRESH = (
    "INSERT INTO queue (registry_id, kind, repository, reference, priority, due_at)"
    " VALUES (1, 'tag', 'a', 'b', 0, '')"
)
MOVE = Move(PLACE, INDEX.digest, AT)


def read(built: BuiltManifest) -> Content:
    return Content(Digest(built.digest), built.media_type, built.body)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give a data directory in which one told push is applied and searchable."""
    journal = Journal(tmp_path)
    journal.append([("default", EVENT)], received_at=AT)
    newest = journal.newest()
    journal.close()
    store = Store(tmp_path)
    with store.transaction():
        row = store.registries.put("default", url="http://r", registry_host="r")
        number = store.repositories.put(row.id, REPOSITORY, seen_at=AT)
        move = TagMove(TAG, Digest(INDEX.digest), AT)
        store.content.add_tag_moves(number, [move])
        configs = ((Digest(CHILD.blobs[0].digest), CHILD.blobs[0].body),)
        content = ReadContent((read(INDEX), read(CHILD)), configs)
        store.content.put_content(number, content, seen_at=AT, kinds=BUILT_IN)
        store.content.put_tag(number, TAG, Digest(INDEX.digest), seen_at=AT)
        store.search_index.indexed(store.search_index.stale(limit=100))
        store.search_index.set_live(LiveIndex("one", "whoosh", 1, 1, complete=True))
        store.set_journal_position(newest)
    store.close()
    (tmp_path / "search-index" / "one").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def ledger() -> Ledger:
    """Give the ledger of that one push."""
    return Ledger(acknowledged={"one"}, moves={MOVE})


def damage(data: Path, file: str, statement: str) -> None:
    with closing(sqlite3.connect(data / file)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)


def find(data: Path, ledger: Ledger) -> Findings:
    with states.opened(data) as store:
        found = list(checks.generations(data))
        return Findings(
            lost=list(checks.lost(store, ledger, pruned=())),
            half_applied=list(checks.half_applied(store, ledger, generations=found)),
            differences=list(checks.untold(store, ledger)),
        )


def test_a_sound_data_directory_has_nothing_wrong(data: Path, ledger: Ledger) -> None:
    assert not find(data, ledger)
    with states.opened(data) as store:
        assert states.waiting(store) == {}
        assert states.tags_of_store(store) == {PLACE: INDEX.digest}


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM manifests WHERE body = body", "a manifest that the store has not"),
        ("DELETE FROM repository_manifests", "a manifest that its repository has not"),
        ("DELETE FROM tag_moves", "a visible tag has no history"),
        ("DELETE FROM index_children", "of which the store has []"),
        ("DELETE FROM configs", ""),
        ("UPDATE search_index SET generation = 'two'", "generations ['one'] are there"),
        ("UPDATE positions SET position = position + 1", "behind the end of the journal"),
        (
            WAITING_REFRESH.replace("due_at)", "due_at, set_aside)").replace("'')", "'', 1)"),
            "a refresh was set aside",
        ),
        (
            "INSERT INTO absences VALUES (1, 'gone', NULL, '', NULL)",
            "what is not shown is held back",
        ),
        (
            "INSERT INTO crawls (registry_id, started_at, complete) VALUES (1, '', 0)",
            "a crawl ended incomplete",
        ),
    ],
)
def test_half_a_change_is_found(data: Path, ledger: Ledger, statement: str, told: str) -> None:
    damage(data, "store.db", statement)
    found = find(data, ledger).half_applied
    # The index itself has no config; that of its child is told where a tag points at the child.
    assert bool(found) == bool(told)
    assert any(told in text for text in found) or not told


def test_a_config_that_was_not_read_is_found_unless_its_repository_may_be_gone(
    data: Path, ledger: Ledger
) -> None:
    damage(data, "store.db", f"UPDATE tags SET digest = '{CHILD.digest}'")
    damage(data, "store.db", "UPDATE tag_moves SET digest = (SELECT digest FROM tags)")
    damage(data, "store.db", "DELETE FROM configs")
    assert find(data, ledger).half_applied == ["the config of team/app:1.0 was not read"]
    ledger.unheard.add(PLACE)
    assert find(data, ledger).half_applied == []


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("journal.db", "DELETE FROM entries"),
        ("store.db", "DELETE FROM tag_moves"),
        ("store.db", "UPDATE tag_moves SET from_event = 0"),
    ],
)
def test_an_acknowledged_event_without_a_trace_is_lost(
    data: Path, ledger: Ledger, file: str, statement: str
) -> None:
    damage(data, file, statement)
    assert len(find(data, ledger).lost) == 1


def test_an_event_that_was_old_enough_to_be_dropped_is_not_lost(data: Path, ledger: Ledger) -> None:
    damage(data, "journal.db", "DELETE FROM entries")
    with states.opened(data) as store:
        assert list(checks.lost(store, ledger, pruned={"one"})) == []


def test_a_move_that_nobody_told_of_is_found(data: Path) -> None:
    assert len(find(data, Ledger()).differences) == 1


@pytest.mark.parametrize(
    ("file", "statement", "what"),
    [
        ("store.db", "UPDATE positions SET position = position - 1", "entries to be taken in"),
        ("store.db", "INSERT INTO rebuild VALUES (1, 0, 0)", "rebuilds"),
        ("store.db", "UPDATE search_index SET complete = 0", "incomplete search indexes"),
        (
            "store.db",
            "INSERT INTO stale_documents (repository_id, digest) VALUES (1, '')",
            "stale documents",
        ),
        ("store.db", "INSERT INTO crawls (registry_id, started_at) VALUES (1, '')", "crawls"),
        (
            "store.db",
            WAITING_REFRESH,
            "refreshes",
        ),
        (
            "store.db",
            "INSERT INTO absences VALUES (1, '1.0', NULL, '', NULL)",
            "absences to be decided about",
        ),
    ],
)
def test_what_is_still_to_be_done_is_told(data: Path, file: str, statement: str, what: str) -> None:
    damage(data, file, statement)
    with states.opened(data) as store:
        assert states.waiting(store) == {what: 1}


def test_tags_are_compared_but_for_those_nobody_told_of() -> None:
    other = TagPlace("a", "2")
    found = {PLACE: "x", other: "z"}
    assert list(checks.unlike(found, found)) == []
    assert len(list(checks.unlike(found, {PLACE: "y"}))) == 2
    assert len(list(checks.unlike(found, {PLACE: "y"}, unheard={PLACE}))) == 1
    assert list(checks.unlike({}, found, unheard={PLACE, other})) == []


def test_documents_are_compared_whole() -> None:
    tags = {PLACE: CHILD.digest, TagPlace(REPOSITORY, "latest"): CHILD.digest}
    signature = TagPlace("signed", f"sha256-{'a' * 64}.sig")
    expected = states.derive_documents(tags | {signature: INDEX.digest}, {CHILD.digest: CHILD})
    key = (REPOSITORY, CHILD.digest)
    assert expected == Documents({key: (frozenset({"1.0", "latest"}), "1")}, {REPOSITORY: 2})
    assert list(checks.different(expected, expected)) == []
    wrong: list[Callable[[], Documents]] = [
        lambda: Documents({}, expected.repositories),
        lambda: Documents(expected.images, {REPOSITORY: 1}),
        lambda: Documents(expected.images, {**expected.repositories, "other": 1}),
        lambda: Documents({key: (frozenset({"1.0"}), "1")}, expected.repositories),
        lambda: Documents({key: (frozenset({"1.0", "latest"}), "")}, expected.repositories),
        lambda: Documents(expected.images, expected.repositories, ("team/app",)),
    ]
    for one in wrong:
        assert len(list(checks.different(one(), expected))) == 1


ORPHAN = """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
  File "/usr/lib/python3.11/multiprocessing/spawn.py", line 122, in spawn_main
    exitcode = _main(fd, parent_sentinel)
               ^^^^^^^^^^^^^^^^^^^^^^^^^^
"""


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("timestamp=1 level=info event=registry_answers", 0),
        ("timestamp=1 level=warning event=search_index_differs expected=1", 1),
        ("timestamp=1 level=warning event=search_index_unusable reason=x", 1),
        ("Traceback (most recent call last):", 1),
        (f"{ORPHAN}EOFError: Ran out of input", 0),
        (f"{ORPHAN}EOFError: Ran out of input\nTraceback (most recent call last):", 1),
        (f"{ORPHAN}ValueError: what", 1),
    ],
)
def test_what_the_service_found_broken_itself_is_told(line: str, count: int) -> None:
    assert len(checks.healed(f"{line}\nlevel=info event=web_listens\n")) == count
