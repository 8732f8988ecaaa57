"""What the store knows of the search index: the live generation and the documents it lacks."""

from indexer.model.names import Digest
from indexer.store import LiveIndex, RebuildProgress, StaleDocument, Store
from tests import builders
from tests.indexer.store.stored import push, put_repository

A, B = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
LIVE = LiveIndex("one", "whoosh", schema_version=3, extractor_version=4, complete=False)


def mark(store: Store, repository_id: int, *digests: Digest) -> None:
    with store.transaction():
        store.stale.mark_images(repository_id, digests)


def test_one_generation_is_live(store: Store) -> None:
    assert store.search_index.live() is None
    second = LiveIndex("two", "whoosh", schema_version=3, extractor_version=5, complete=True)
    for live in (LIVE, second):
        with store.transaction():
            store.search_index.set_live(live)
        assert store.search_index.live() == live


def test_the_image_and_its_repository_are_stale_oldest_first(store: Store) -> None:
    repository_id = put_repository(store)
    mark(store, repository_id, A, B)
    stale = store.search_index.stale(limit=10)
    assert [(one.repository_id, one.digest) for one in stale] == [
        (repository_id, A),
        (repository_id, B),
        (repository_id, None),
    ]
    assert store.search_index.stale(limit=2) == stale[:2]
    assert store.search_index.stale_count() == 3


def test_what_was_marked_again_while_it_was_indexed_stays(store: Store) -> None:
    repository_id = put_repository(store)
    mark(store, repository_id, A, B)
    taken = store.search_index.stale(limit=10)
    mark(store, repository_id, A)
    with store.transaction():
        store.search_index.indexed(taken)
    left = store.search_index.stale(limit=10)
    assert [one.digest for one in left] == [A, None]
    assert all(isinstance(one, StaleDocument) for one in left)
    assert min(one.sequence for one in left) > max(one.sequence for one in taken)


def test_a_document_is_to_be_made_once_however_often_it_was_marked(store: Store) -> None:
    repository_id = put_repository(store)
    for _ in range(5):
        mark(store, repository_id, A)
    assert store.search_index.stale_count() == 2


def test_a_rebuild_is_wanted_until_it_is_done(store: Store) -> None:
    assert store.search_index.rebuild() is None
    for progress in (RebuildProgress(0, 0), RebuildProgress(3, 9), None):
        with store.transaction():
            store.search_index.set_rebuild(progress)
        assert store.search_index.rebuild() == progress


def test_a_rebuild_reads_the_repositories_with_a_visible_tag(store: Store) -> None:
    numbers = [put_repository(store, name) for name in ("c", "b", "a")]
    for repository_id in numbers[:2]:
        for tag in ("one", "two"):
            push(store, repository_id, tag, builders.image(), when=0)
    assert store.search_index.repository_ids() == numbers[:2]
