"""A change makes exactly those documents stale that show it."""

from collections.abc import Callable

import pytest

from indexer.extract import BUILT_IN
from indexer.model.names import Digest, TagName
from indexer.store import Store
from tests import attachments
from tests.builders import image, index
from tests.indexer.store.stored import (
    at,
    forget_stale,
    push,
    put_registry,
    put_repository,
    read_content,
    stale_keys,
    whole,
)

APP = image(seed="app")
OTHER = image(seed="other")
MULTI = index([APP, image(seed="app", architecture="arm64")])
NESTED = index([MULTI])
SIGNATURE = attachments.signature(APP)
OLD = image(seed="old")


@pytest.fixture
def web(store: Store) -> int:
    """A repository with an index in an index, an image beside it, and an untagged one."""
    repository_id = put_repository(store)
    push(store, repository_id, "multi", MULTI, when=1)
    push(store, repository_id, "nested", NESTED, when=1)
    push(store, repository_id, "other", OTHER, when=1)
    push(store, repository_id, "old", OLD, when=1)
    with store.transaction():
        store.content.hide_tag(repository_id, TagName("old"), seen_at=at(2))
    push(store, put_repository(store, "elsewhere"), "multi", MULTI, when=1)
    forget_stale(store)
    return repository_id


def put(store: Store, web: int) -> None:
    store.content.put_content(web, read_content(SIGNATURE), seen_at=at(3), kinds=BUILT_IN)


def unlink_platform(store: Store, web: int) -> None:
    store.content.unlink_manifest(web, Digest(APP.digest))


def unlink_untagged(store: Store, web: int) -> None:
    store.content.unlink_manifest(web, Digest(OLD.digest))


def tag_platform(store: Store, web: int) -> None:
    store.content.put_tag(web, TagName("amd64"), Digest(APP.digest), seen_at=at(3))


def move_tag(store: Store, web: int) -> None:
    store.content.put_tag(web, TagName("other"), Digest(OLD.digest), seen_at=at(3))


def tag_again(store: Store, web: int) -> None:
    store.content.put_tag(web, TagName("other"), Digest(OTHER.digest), seen_at=at(3))


def exclude(store: Store, web: int) -> None:
    store.untagged.exclude(web, excluded=True)


MULTIPLE = (MULTI.digest, NESTED.digest)


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        # What is attached to a platform is shown by the indexes above that.
        (put, ("", *MULTIPLE)),
        (unlink_platform, ("", *MULTIPLE)),
        (unlink_untagged, ("", OLD.digest)),
        (tag_platform, ("", APP.digest)),
        (move_tag, ("", OTHER.digest, OLD.digest)),
        (tag_again, ()),
        (exclude, (OLD.digest,)),
    ],
)
def test_a_change_makes_stale_what_shows_it(
    store: Store, web: int, change: Callable[[Store, int], None], stale: tuple[str, ...]
) -> None:
    with store.transaction():
        change(store, web)
    assert stale_keys(store) == sorted((web, digest) for digest in stale)


def test_a_config_that_comes_late_is_shown_in_every_repository_that_has_it(store: Store) -> None:
    places = [put_repository(store, name) for name in ("a", "b", "untagged", "child")]
    late = image(seed="late")
    with store.transaction():
        for place in places:
            store.content.put_content(
                place, read_content(late, configs=False), seen_at=at(1), kinds=BUILT_IN
            )
        for place in places[:3]:
            store.content.put_tag(place, TagName("1"), Digest(late.digest), seen_at=at(1))
        store.content.hide_tag(places[2], TagName("1"), seen_at=at(2))
    forget_stale(store)
    with store.transaction():
        store.content.put_content(places[0], whole(late), seen_at=at(3), kinds=BUILT_IN)
    assert stale_keys(store) == [
        (place, digest) for place in places[:3] for digest in ("", late.digest)
    ]


def test_another_host_makes_everything_of_a_registry_stale(store: Store, web: int) -> None:
    other = put_repository(store, "apart", "second")
    push(store, other, "1", APP, when=3)
    forget_stale(store)
    put_registry(store, host="r.example.org")
    assert stale_keys(store) == []
    put_registry(store, host="new.example.org")
    found = {digest for repository, digest in stale_keys(store) if repository == web}
    assert found == {"", *MULTIPLE, OTHER.digest, OLD.digest}
    assert other not in {repository for repository, _ in stale_keys(store)}
