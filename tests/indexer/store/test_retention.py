"""Hidden content can come back for a while and is forgotten then; visible content never is."""

from datetime import datetime

import pytest

from indexer.model.names import Digest, TagName
from indexer.model.stored import Pulls
from indexer.store import Priority, RefreshKind, RefreshTarget, Store
from tests.builders import BuiltManifest, digest_of, image, index
from tests.indexer.store.stored import (
    LATEST,
    WEB,
    at,
    digests,
    event_move,
    forget_stale,
    push,
    put_registry,
    put_repository,
    read_documents,
)
from tests.indexer.store.test_pulls import counted

A, B, ARM = image(seed="a"), image(seed="b"), image(seed="a", architecture="arm64")
MULTI = index([A, ARM])
DAY = 86_400.0
NEVER = at(-1_000 * DAY)


def forget(store: Store, repository_id: int, *, before: datetime, now: datetime) -> int:
    with store.transaction():
        return store.retention.forget_hidden(repository_id, before=before, now=now)


def hide(store: Store, repository_id: int, tag: str, *, when: float) -> None:
    with store.transaction():
        store.content.hide_tag(repository_id, TagName(tag), seen_at=at(when))
    forget_stale(store)


def everything(store: Store) -> dict[str, int]:
    """Count the rows of content in the store."""
    tables = ["repositories", "tags", "tag_moves", "repository_manifests", "manifests", "configs"]
    tables += ["index_children", "manifest_chains", "pulls"]
    tables += [f"{kind}_{what}" for kind in ("diff", "blob") for what in ("chains", "prefixes")]
    return {
        table: store._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in tables
    }


@pytest.fixture
def web(store: Store) -> int:
    """Give a repository with an index, of which a child has a tag too, and an image."""
    repository_id = put_repository(store)
    push(store, repository_id, "1", MULTI, when=0)
    push(store, repository_id, "arm", ARM, when=0)
    push(store, repository_id, LATEST, B, when=0)
    forget_stale(store)
    return repository_id


def test_what_is_shown_is_never_forgotten(store: Store, web: int) -> None:
    before = everything(store)
    for day in (1, 100, 10_000):
        assert forget(store, web, before=at(day * DAY), now=at(day * DAY + 1)) == 0
    assert everything(store) == before


def test_a_hidden_tag_comes_back_with_its_history_before_its_time_is_over(
    store: Store, web: int
) -> None:
    with store.transaction():
        store.content.add_tag_moves(web, [event_move(LATEST, B.digest, 1, "ada")])
    hide(store, web, LATEST, when=DAY)
    assert forget(store, web, before=at(DAY), now=at(8 * DAY)) == 0
    assert store.content.has_manifest(Digest(B.digest))
    with store.transaction():
        store.content.put_tag(web, LATEST, Digest(B.digest), seen_at=at(9 * DAY))
    assert [move.actor for move in store.content.tag_moves(web, LATEST)] == ["ada"]
    image = store.content.image(web, Digest(B.digest))
    assert image is not None
    assert image.pushed_at == "2026-03-01T12:00:01.000000Z"
    assert forget(store, web, before=at(20 * DAY), now=at(20 * DAY)) == 0, "it is shown again"


def test_a_hidden_tag_is_forgotten_with_its_history_and_its_content(store: Store, web: int) -> None:
    hide(store, web, LATEST, when=DAY)
    assert forget(store, web, before=NEVER, now=at(DAY)) == 0
    assert forget(store, web, before=at(DAY + 1), now=at(8 * DAY)) == 2
    assert store.content.tag_moves(web, LATEST) == []
    assert not store.content.is_linked(web, Digest(B.digest))
    assert not store.content.has_manifest(Digest(B.digest))
    assert not store.content.has_config(Digest(B.blobs[0].digest))
    found = everything(store)
    assert (found["tags"], found["manifests"], found["configs"]) == (2, 3, 2)


def test_an_untagged_manifest_is_kept_from_when_that_is_noticed(store: Store, web: int) -> None:
    with store.transaction():
        store.content.put_tag(web, LATEST, Digest(MULTI.digest), seen_at=at(DAY))
    assert forget(store, web, before=at(2 * DAY), now=at(5 * DAY)) == 0
    assert forget(store, web, before=at(5 * DAY), now=at(12 * DAY)) == 0
    assert store.content.is_linked(web, Digest(B.digest))
    assert forget(store, web, before=at(5 * DAY + 1), now=at(12 * DAY)) == 1
    assert not store.content.is_linked(web, Digest(B.digest))


def test_a_child_without_its_index_is_forgotten_unless_it_has_a_tag(store: Store, web: int) -> None:
    hide(store, web, "1", when=0)
    forget(store, web, before=NEVER, now=at(0))
    assert forget(store, web, before=at(1), now=at(1)) == 3
    assert store.content.is_linked(web, Digest(ARM.digest))
    assert not store.content.has_manifest(Digest(A.digest))
    assert everything(store)["index_children"] == 0


def test_a_manifest_that_is_shown_again_is_not_untagged_any_more(store: Store, web: int) -> None:
    hide(store, web, LATEST, when=0)
    forget(store, web, before=NEVER, now=at(0))
    push(store, web, "new", B, when=5)
    assert forget(store, web, before=at(-1), now=at(6)) == 0
    hide(store, web, "new", when=9)
    assert forget(store, web, before=at(6), now=at(9)) == 1, "only the tag; the time began anew"
    assert store.content.is_linked(web, Digest(B.digest))


def test_what_another_repository_has_stays_in_the_store(store: Store, web: int) -> None:
    other = put_repository(store, "other")
    push(store, other, "1", B, when=0)
    forget_stale(store)
    hide(store, web, LATEST, when=0)
    forget(store, web, before=NEVER, now=at(0))
    assert forget(store, web, before=at(1), now=at(1)) == 2
    assert store.content.manifest(other, Digest(B.digest)) is not None
    assert store.content.has_config(Digest(B.blobs[0].digest))


def test_a_config_that_another_manifest_uses_stays(store: Store, web: int) -> None:
    body = B.body + b"\n"
    twin = BuiltManifest(digest_of(body), B.media_type, body, B.blobs)
    push(store, web, "twin", twin, when=0)
    forget_stale(store)
    hide(store, web, LATEST, when=0)
    forget(store, web, before=NEVER, now=at(0))
    forget(store, web, before=at(1), now=at(1))
    assert not store.content.has_manifest(Digest(B.digest))
    assert store.content.has_config(Digest(B.blobs[0].digest))


def test_a_manifest_that_the_registry_said_is_gone_leaves_nothing(store: Store, web: int) -> None:
    with store.transaction():
        store.content.unlink_manifest(web, Digest(B.digest))
    assert not store.content.has_manifest(Digest(B.digest))
    assert not store.content.has_config(Digest(B.blobs[0].digest))


def test_a_link_to_what_was_forgotten_meanwhile_is_left_to_the_next_refresh(
    store: Store, web: int
) -> None:
    """A refresh found it in the store, and the registry said that it is unchanged."""
    gone = image(seed="gone")
    with store.transaction():
        store.content.link_manifest(web, Digest(gone.digest), seen_at=at(0))
    assert not store.content.is_linked(web, Digest(gone.digest))


def test_a_repository_goes_with_the_last_of_it(store: Store, web: int) -> None:
    registry = put_registry(store)
    with store.transaction():
        store.pulls.add(web, counted(B.digest, 3))
    for tag in ("1", "arm", LATEST):
        hide(store, web, tag, when=DAY)
    forget(store, web, before=NEVER, now=at(DAY))
    forget(store, web, before=at(DAY), now=at(8 * DAY))
    assert store.repositories.find(registry.id, WEB) == web
    assert store.pulls.get_repository(web) == Pulls(3, "2026-03-01T12:00:00.000000Z")
    forget(store, web, before=at(DAY + 1), now=at(8 * DAY))
    assert store.repositories.find(registry.id, WEB) == web, "its images are searchable yet"
    forget_stale(store)
    forget(store, web, before=at(DAY + 1), now=at(8 * DAY))
    assert store.repositories.find(registry.id, WEB) is None
    assert set(everything(store).values()) == {0}


@pytest.mark.parametrize("reason", ["it is new", "documents", "a refresh", "a move", "pulls"])
def test_a_repository_in_which_something_may_happen_yet_stays(store: Store, reason: str) -> None:
    registry = put_registry(store)
    web = put_repository(store)
    before = at(-1) if reason == "it is new" else at(1)
    with store.transaction():
        if reason == "documents":
            store.stale.mark_images(web, [])
        elif reason == "a refresh":
            store.queue.add(
                registry.id,
                [RefreshTarget(RefreshKind.REPOSITORY, WEB)],
                priority=Priority.CRAWL,
                due_at=at(0),
            )
        elif reason == "a move":
            store.content.add_tag_moves(web, [event_move("1", A.digest, 5)])
        elif reason == "pulls":
            store.pulls.add(web, counted(A.digest, when=5))
    forget(store, web, before=before, now=at(2))
    assert store.repositories.find(registry.id, WEB) == web


def test_moves_of_a_tag_that_was_never_there_are_forgotten_in_time(store: Store, web: int) -> None:
    """A push whose tag was gone when it was read."""
    with store.transaction():
        store.content.add_tag_moves(web, [event_move("short", A.digest, 0, "ada")])
    forget(store, web, before=at(0), now=at(0))
    assert len(store.content.tag_moves(web, "short")) == 1
    forget(store, web, before=at(1), now=at(1))
    assert store.content.tag_moves(web, "short") == []


def test_a_push_of_a_hidden_tag_that_is_not_read_yet_keeps_its_move(store: Store, web: int) -> None:
    hide(store, web, LATEST, when=0)
    with store.transaction():
        store.content.add_tag_moves(web, [event_move(LATEST, A.digest, DAY, "ada")])
    forget(store, web, before=at(1), now=at(DAY))
    assert [move.actor for move in store.content.tag_moves(web, LATEST)] == ["ada"]


# The history of tags that are shown


def test_old_moves_are_forgotten_but_for_those_to_where_the_tag_points(
    store: Store, web: int
) -> None:
    one, two, three = digests([A, B, MULTI])
    moves = [
        event_move("t", digest, when * DAY)
        for when, digest in enumerate((one, two, one, three, two))
    ]
    with store.transaction():
        store.content.add_tag_moves(web, moves)
        store.content.put_tag(web, TagName("t"), two, seen_at=at(4 * DAY + 1))
        forgotten = store.retention.forget_moves(web, before=at(3 * DAY))
    left = [move.digest for move in store.content.tag_moves(web, "t")]
    assert (forgotten, left) == (3, [two, three])
    with store.transaction():
        store.retention.forget_moves(web, before=at(100 * DAY))
    assert [move.digest for move in store.content.tag_moves(web, "t")] == [two]
    image = store.content.image(web, two)
    assert image is not None
    assert image.pushed_at == "2026-03-05T12:00:00.000000Z"


def test_a_push_that_was_never_seen_leaves_the_moves_to_where_the_tag_points(
    store: Store, web: int
) -> None:
    moves = [event_move(LATEST, B.digest, 1, "ada"), event_move(LATEST, A.digest, 2, "bob")]
    with store.transaction():
        store.content.add_tag_moves(web, moves)
        store.retention.forget_moves(web, before=at(100 * DAY))
    assert [move.actor for move in store.content.tag_moves(web, LATEST)] == ["bob", "ada"]


def test_the_newest_move_stays_where_its_tag_was_not_seen_yet(store: Store, web: int) -> None:
    with store.transaction():
        moves = [event_move("new", A.digest, 0), event_move("new", B.digest, 1)]
        store.content.add_tag_moves(web, moves)
        assert store.retention.forget_moves(web, before=at(DAY)) == 1
    assert [move.digest for move in store.content.tag_moves(web, "new")] == [B.digest]


def test_forgetting_moves_makes_no_document_another(store: Store, web: int) -> None:
    """Regression: without the move in between, that it came back seemed to be no move."""
    push(store, web, LATEST, A, when=DAY)
    push(store, web, LATEST, B, when=2 * DAY)
    before = [document.result for document in read_documents(store, web)]
    with store.transaction():
        store.retention.forget_moves(web, before=at(100 * DAY))
    assert [document.result for document in read_documents(store, web)] == before


def test_a_forgotten_push_makes_the_documents_of_its_image_again(store: Store, web: int) -> None:
    """Regression: if a tag came back to an image without an event, only its first push was told."""
    with store.transaction():
        store.content.add_tag_moves(web, [event_move(LATEST, B.digest, DAY)])
    push(store, web, LATEST, A, when=2 * DAY)
    push(store, web, LATEST, B, when=3 * DAY)
    forget_stale(store)
    with store.transaction():
        store.retention.forget_moves(web, before=at(100 * DAY))
    stale = {one.digest for one in store.search_index.stale(limit=10)}
    assert {None, B.digest} <= stale
    image = store.content.image(web, digests([B])[0])
    assert image is not None
    assert image.pushed_at is None


# Crawls


def test_old_crawls_are_forgotten_but_for_the_last_of_each_registry(store: Store) -> None:
    main, other = put_registry(store, "main"), put_registry(store, "other")

    def crawl(registry_id: int, *, when: float, complete: bool) -> int:
        crawl_id = store.registries.start_crawl(registry_id, at=at(when))
        if complete:
            store.registries.save_catalog_page(crawl_id, resume="", repositories=0)
            store.registries.finish_crawls(registry_id, at=at(when + 1))
        else:
            store.registries.end_crawl(registry_id, at=at(when + 1))
        return crawl_id

    with store.transaction():
        crawl(main.id, when=0, complete=True)
        whole = crawl(main.id, when=10, complete=True)
        crawl(main.id, when=20, complete=False)
        last = crawl(main.id, when=30, complete=False)
        alone = crawl(other.id, when=0, complete=False)
        running = store.registries.start_crawl(other.id, at=at(0))
        assert store.retention.forget_crawls(before=at(25)) == 3
        store.retention.forget_crawls(before=at(1_000))
    rows = store._database.execute("SELECT id FROM crawls ORDER BY id").fetchall()
    assert [row[0] for row in rows] == sorted([whole, last, running])
    assert alone not in [row[0] for row in rows]


def test_a_crawl_that_missed_what_is_held_back_stays(store: Store, web: int) -> None:
    registry = put_registry(store)
    with store.transaction():
        first = store.registries.start_crawl(registry.id, at=at(0))
        store.absences.add(web, LATEST, crawl_id=first, seen_at=at(0))
        store.registries.end_crawl(registry.id, at=at(1))
        store.registries.start_crawl(registry.id, at=at(2))
        assert store.retention.forget_crawls(before=at(100)) == 0
