"""Our copy of the registries: repositories, tags, manifests, configs, and images made of them."""

import json
import time
from collections.abc import Mapping

import pytest

from indexer.extract import BUILT_IN
from indexer.model import Content
from indexer.model.manifest import CHILDREN_MAX
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.model.stored import RepositoryRow
from indexer.store import ReadContent, Store
from tests import builders
from tests.builders import BuiltManifest
from tests.indexer.store.stored import (
    LATEST,
    NOW,
    WEB,
    at,
    digests,
    event_move,
    forget_stale,
    push,
    put_registry,
    put_repository,
    read_content,
    read_documents,
    read_manifest,
    stale_keys,
    visible_images,
    whole,
)

ONE, TWO = builders.image(seed="one"), builders.image(seed="two")
INDEX = builders.index([builders.image(architecture="amd64"), builders.image(architecture="arm64")])
SYSTEM_TAG = TagName("sha256-" + "a" * 64 + ".sig")


# Repositories


def test_a_repository_keeps_its_number_and_belongs_to_its_registry(store: Store) -> None:
    one, two = put_registry(store, "one", "a.example"), put_registry(store, "two", "b.example:5000")
    with store.transaction():
        numbers = [store.repositories.put(row.id, WEB, seen_at=NOW) for row in (one, two, one, two)]
    assert numbers[:2] == numbers[2:]
    assert len(set(numbers)) == 2
    assert store.repositories.find(two.id, WEB) == numbers[1]
    assert store.repositories.find(two.id, RepositoryName("absent")) is None
    assert store.repositories.get(numbers[1]) == RepositoryRow(
        numbers[1], "two", "b.example:5000", WEB
    )


def test_a_repository_is_visible_while_one_of_its_tags_is(store: Store) -> None:
    row = put_registry(store)
    visible, hidden = put_repository(store, "visible"), put_repository(store, "hidden")
    put_repository(store, "empty")
    for repository_id in (visible, hidden):
        push(store, repository_id, "latest", ONE, when=0)
    with store.transaction():
        store.content.hide_tag(hidden, LATEST, seen_at=NOW)
    assert store.repositories.list_visible(row.id) == ["visible"]
    assert store.repositories.list_visible(row.id + 1) == []
    assert store.search_index.repository_ids() == [visible, hidden]
    with store.transaction():
        store.content.unlink_manifest(hidden, Digest(ONE.digest))
    assert store.search_index.repository_ids() == [visible]


def test_repositories_are_counted_that_have_a_tag_to_show(store: Store) -> None:
    number = put_registry(store).id
    assert store.repositories.count_visible(number) == 0
    for name in ("one", "two"):
        for tag in ("1", "2", SYSTEM_TAG):
            push(store, put_repository(store, name), tag, ONE, when=0)
    push(store, put_repository(store, "signatures"), SYSTEM_TAG, ONE, when=0)
    push(store, put_repository(store, "elsewhere", "other"), "1", ONE, when=0)
    assert store.repositories.count_visible(number) == 2
    with store.transaction():
        for tag in ("1", "2"):
            store.content.hide_tag(put_repository(store, "one"), TagName(tag), seen_at=NOW)
    assert store.repositories.count_visible(number) == 1


# Tags


def test_a_tag_points_where_it_was_seen_last(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    push(store, repository_id, "stable", ONE, when=1)
    push(store, repository_id, "latest", TWO, when=2)
    one, two = digests([ONE, TWO])
    assert store.content.tags(repository_id) == {"latest": two, "stable": one}
    assert store.content.tag_digest(repository_id, "latest") == two
    assert store.content.tag_digest(repository_id, "absent") is None
    assert store.content.list_tags(repository_id, one) == ["stable"]
    assert visible_images(store, repository_id) == sorted([one, two])


def test_a_hidden_tag_is_nowhere_and_hiding_again_changes_nothing(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    for _ in range(2):
        with store.transaction():
            store.content.hide_tag(repository_id, LATEST, seen_at=NOW)
        assert stale_keys(store) in ([], [(repository_id, ""), (repository_id, ONE.digest)])
        forget_stale(store)
        assert store.content.tags(repository_id) == {}
        assert store.content.tag_digest(repository_id, "latest") is None
        assert store.content.list_tags(repository_id, Digest(ONE.digest)) == []
        assert visible_images(store, repository_id) == []
        assert store.content.image(repository_id, Digest(ONE.digest)) is None
        assert read_documents(store, repository_id) == []
    assert stale_keys(store) == []


def test_a_tag_that_comes_back_is_visible_again_with_its_history(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    with store.transaction():
        store.content.hide_tag(repository_id, LATEST, seen_at=at(1))
    forget_stale(store)
    push(store, repository_id, "latest", ONE, when=2)
    assert stale_keys(store) == [(repository_id, ""), (repository_id, ONE.digest)]
    with store.transaction():
        store.content.hide_tag(repository_id, LATEST, seen_at=at(3))
    push(store, repository_id, "latest", TWO, when=4)
    moves = store.content.tag_moves(repository_id, "latest")
    assert [(move.digest, move.tagged_at) for move in moves] == [
        (TWO.digest, at(4)),
        (ONE.digest, at(0)),
    ]


def test_seeing_a_tag_where_it_was_changes_no_document(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    forget_stale(store)
    push(store, repository_id, "latest", ONE, when=9)
    assert stale_keys(store) == []


def test_newest_tags_are_ordered_by_when_they_came_to_point_where_they_point(store: Store) -> None:
    repository_id = put_repository(store)
    for when, tag in enumerate("abcd"):
        push(store, repository_id, tag, ONE, when=when)
    with store.transaction():
        store.content.add_tag_moves(repository_id, [event_move("a", ONE.digest, -9)])
        store.content.hide_tag(repository_id, TagName("d"), seen_at=at(5))
    assert store.content.newest_tags(repository_id) == ["c", "b", "a"]


def test_a_push_that_nobody_saw_yet_does_not_make_a_tag_newer(store: Store) -> None:
    """Regression: the order of a repository's tags changed without its document being made again.

    An event only says where to look: what counts is when the tag came to point where we saw it.
    """
    repository_id = put_repository(store)
    push(store, repository_id, "a", ONE, when=0)
    push(store, repository_id, "b", ONE, when=1)
    forget_stale(store)
    with store.transaction():
        store.content.add_tag_moves(repository_id, [event_move("a", TWO.digest, 2)])
    assert store.content.newest_tags(repository_id) == ["b", "a"]
    assert stale_keys(store) == []


# Manifests


def test_content_is_kept_once_and_shared_between_repositories(store: Store) -> None:
    web, api = put_repository(store), put_repository(store, "team/api")
    push(store, web, "latest", ONE, when=0)
    digest, config = Digest(ONE.digest), Digest(ONE.blobs[0].digest)
    assert store.content.has_manifest(digest)
    assert store.content.has_config(config)
    assert store.content.is_linked(web, digest)
    assert not store.content.is_linked(api, digest)
    assert store.content.manifest(api, digest) is None
    with store.transaction():
        store.content.link_manifest(api, digest, seen_at=NOW)
    assert store.content.manifest(api, digest) == store.content.manifest(web, digest)
    with store.transaction():
        store.content.unlink_manifest(web, digest)
    assert store.content.manifest(web, digest) is None
    assert store.content.manifest(api, digest) is not None


def test_stored_bytes_come_back_as_they_were_read(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", INDEX, when=0)
    assert store.content.manifest(repository_id, Digest(INDEX.digest)) == Content(
        digest=Digest(INDEX.digest),
        content_type=INDEX.media_type,
        body=INDEX.body,
        config=None,
        children=tuple(
            Content(Digest(child.digest), child.media_type, child.body, child.blobs[0].body, ())
            for child in INDEX.children
        ),
    )


def test_what_is_unknown_is_not_there(store: Store) -> None:
    repository_id = put_repository(store)
    digest = Digest(ONE.digest)
    assert not store.content.has_manifest(digest)
    assert not store.content.has_config(digest)
    assert not store.content.is_whole(repository_id, digest)
    assert store.content.manifest(repository_id, digest) is None
    assert store.content.image(repository_id, digest) is None


def test_a_tag_whose_manifest_is_not_there_is_no_document(store: Store) -> None:
    repository_id = put_repository(store)
    with store.transaction():
        store.content.put_tag(repository_id, LATEST, Digest(ONE.digest), seen_at=NOW)
    assert store.content.image(repository_id, Digest(ONE.digest)) is None
    assert store.content.count_visible() == (0, 0)


def test_a_manifest_is_whole_once_its_config_and_all_children_were_read_here(store: Store) -> None:
    web, api = put_repository(store), put_repository(store, "team/api")
    child, other = INDEX.children
    index_digest = Digest(INDEX.digest)
    with store.transaction():
        store.content.put_content(
            web, read_content(INDEX, child, configs=False), seen_at=NOW, kinds=BUILT_IN
        )
        store.content.put_content(
            api, read_content(other, configs=False), seen_at=NOW, kinds=BUILT_IN
        )
    assert not store.content.is_whole(web, Digest(child.digest))
    assert not store.content.is_whole(web, index_digest)
    with store.transaction():
        store.content.link_manifest(web, Digest(other.digest), seen_at=NOW)
    assert store.content.is_whole(web, index_digest)
    with store.transaction():
        store.content.put_content(web, read_content(child), seen_at=NOW, kinds=BUILT_IN)
    assert store.content.is_whole(web, Digest(child.digest))


def test_a_child_that_only_another_repository_has_is_missing_here(store: Store) -> None:
    """A repository shows what it serves, even where the same content was read elsewhere."""
    web, api = put_repository(store), put_repository(store, "team/api")
    push(store, api, "latest", INDEX, when=0)
    first, second = INDEX.children
    with store.transaction():
        store.content.put_content(web, read_content(INDEX, first), seen_at=NOW, kinds=BUILT_IN)
        store.content.put_tag(web, LATEST, Digest(INDEX.digest), seen_at=NOW)
    found = store.content.manifest(web, Digest(INDEX.digest))
    assert found is not None
    assert [child.digest for child in found.children] == [first.digest]
    forget_stale(store)
    with store.transaction():
        store.content.link_manifest(web, Digest(second.digest), seen_at=NOW)
    assert stale_keys(store) == [(web, ""), (web, INDEX.digest)]
    found = store.content.manifest(web, Digest(INDEX.digest))
    assert found == store.content.manifest(api, Digest(INDEX.digest))


def test_children_are_read_to_a_depth(store: Store) -> None:
    repository_id = put_repository(store)
    nested = [ONE]
    for _ in range(6):
        nested.append(builders.index([nested[-1]]))
    with store.transaction():
        store.content.put_content(repository_id, read_content(*nested), seen_at=NOW, kinds=BUILT_IN)
    for depth in (0, 1, 4):
        found = store.content.manifest(repository_id, Digest(nested[-1].digest), depth=depth)
        levels = 0
        while found is not None and found.children:
            (found,) = found.children
            levels += 1
        assert levels == depth


def test_indexes_of_indexes_with_more_paths_than_bytes_are_read_in_time(store: Store) -> None:
    """Regression: each path was read, and a few kilobytes can hold a million million of them."""
    repository_id = put_repository(store)
    layer: list[BuiltManifest] = [builders.image(seed=str(number)) for number in range(30)]
    built = list(layer)
    for level in range(3):
        layer = [builders.index(layer, annotations={"n": f"{level}-{n}"}) for n in range(30)]
        built += layer
    top = builders.index(layer)
    with store.transaction():
        store.content.put_content(
            repository_id, read_content(*built, top), seen_at=NOW, kinds=BUILT_IN
        )
        store.content.put_tag(repository_id, LATEST, Digest(top.digest), seen_at=NOW)
    started = time.process_time()
    assert len(read_documents(store, repository_id)) == 2
    assert time.process_time() - started < 5


def test_a_child_that_is_listed_often_is_read_once(store: Store) -> None:
    repository_id = put_repository(store)
    listing = builders.index([ONE, TWO, ONE, *[TWO] * (CHILDREN_MAX - 3)])
    with store.transaction():
        store.content.put_content(
            repository_id, read_content(listing, ONE, TWO), seen_at=NOW, kinds=BUILT_IN
        )
    found = store.content.manifest(repository_id, Digest(listing.digest))
    assert found is not None
    assert [child.digest for child in found.children] == digests([ONE, TWO])


def test_reading_the_same_content_again_changes_nothing(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", INDEX, when=0)
    before = read_documents(store, repository_id)
    forget_stale(store)
    with store.transaction():
        store.content.put_content(repository_id, whole(INDEX), seen_at=at(9), kinds=BUILT_IN)
    assert stale_keys(store) == []
    assert read_documents(store, repository_id) == before


def test_a_manifest_that_comes_back_under_a_tag_that_stayed_is_a_document_again(
    store: Store,
) -> None:
    """Regression: a digest deleted and pushed again under its tag was lost to the search index.

    The tag never moved as far as anybody saw, so only the manifest's return tells of it.
    """
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    with store.transaction():
        store.content.unlink_manifest(repository_id, Digest(ONE.digest))
    assert read_documents(store, repository_id) == []
    forget_stale(store)
    with store.transaction():
        # Its config is known and not read again.
        store.content.put_content(
            repository_id, read_content(ONE, configs=False), seen_at=at(1), kinds=BUILT_IN
        )
        store.content.put_tag(repository_id, LATEST, Digest(ONE.digest), seen_at=at(1))
    assert len(read_documents(store, repository_id)) == 2
    assert stale_keys(store) == [(repository_id, ""), (repository_id, ONE.digest)]


def test_a_config_that_comes_late_changes_the_images_of_every_repository(store: Store) -> None:
    """Regression: only the repository through which it was read made its documents again."""
    web, api = put_repository(store), put_repository(store, "team/api", registry="other")
    child = INDEX.children[0]
    for repository_id in (web, api):
        with store.transaction():
            store.content.put_content(
                repository_id,
                read_content(INDEX, *INDEX.children, configs=False),
                seen_at=NOW,
                kinds=BUILT_IN,
            )
            store.content.put_tag(repository_id, LATEST, Digest(INDEX.digest), seen_at=NOW)
    forget_stale(store)
    with store.transaction():
        store.content.put_content(web, read_content(child), seen_at=NOW, kinds=BUILT_IN)
    found = stale_keys(store)
    for repository_id in (web, api):
        assert {(repository_id, ""), (repository_id, INDEX.digest)} <= set(found)


# Images


def test_an_image_has_its_tags_newest_first_and_the_time_of_its_newest_push(store: Store) -> None:
    repository_id = put_repository(store)
    for when, tag in enumerate(("1.0", "1.0.3", "latest", SYSTEM_TAG)):
        push(store, repository_id, tag, ONE, when=when)
    push(store, repository_id, "other", TWO, when=9)
    with store.transaction():
        store.content.add_tag_moves(
            repository_id,
            [
                event_move("1.0", ONE.digest, 0.5),
                event_move("latest", ONE.digest, 1.5),
                event_move("latest", TWO.digest, 1.2),
                event_move(SYSTEM_TAG, ONE.digest, 99),
            ],
        )
    image = store.content.image(repository_id, Digest(ONE.digest))
    assert image is not None
    assert image.tags == ("latest", "1.0.3", "1.0")
    assert image.pushed_at == "2026-03-01T12:00:01.500000Z"


def test_an_image_that_no_event_told_of_has_no_time_of_a_push(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "latest", ONE, when=0)
    image = store.content.image(repository_id, Digest(ONE.digest))
    assert image is not None
    assert image.pushed_at is None


def test_what_only_system_tags_point_at_is_not_shown(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, SYSTEM_TAG, ONE, when=0)
    assert visible_images(store, repository_id) == []
    assert store.content.image(repository_id, Digest(ONE.digest)) is None
    assert store.content.count_visible() == (0, 0)
    push(store, repository_id, "latest", ONE, when=1)
    assert store.content.count_visible() == (1, 1)


def test_visible_repositories_and_images_are_counted_like_their_documents(store: Store) -> None:
    contents: Mapping[str, list[tuple[str, BuiltManifest]]] = {
        "one": [("a", ONE), ("b", ONE), ("c", TWO)],
        "two": [("a", ONE)],
        "three": [(SYSTEM_TAG, TWO)],
    }
    made = 0
    for name, tags in contents.items():
        repository_id = put_repository(store, name)
        for tag, built in tags:
            push(store, repository_id, tag, built, when=0)
        made += len(read_documents(store, repository_id))
    assert store.content.count_visible() == (2, 3)
    assert made == 5


@pytest.mark.parametrize("content_type", ["", "text/html; charset=utf-8"])
def test_content_of_any_type_is_kept(store: Store, content_type: str) -> None:
    repository_id = put_repository(store)
    body = json.dumps({"hello": "world"}).encode()
    opaque = BuiltManifest(builders.digest_of(body), content_type, body)
    with store.transaction():
        store.content.put_content(
            repository_id, ReadContent((read_manifest(opaque),)), seen_at=NOW, kinds=BUILT_IN
        )
        store.content.put_tag(repository_id, LATEST, Digest(opaque.digest), seen_at=NOW)
    repository, image = read_documents(store, repository_id)
    assert image.result["digest"] == opaque.digest
    assert repository.result["tag_count"] == 1
