"""What a base says of itself changes its derived images, when it becomes known or is forgotten."""

from datetime import timedelta

import pytest

from indexer.documents import describe
from indexer.extract import BUILT_IN
from indexer.model.names import Digest, TagName
from indexer.store import ReadContent, Store
from indexer.store.lineage.chain_changes import BASES_READ_MAX, MARKED_AT_ONCE
from tests.builders import BuiltManifest, image, index
from tests.indexer.store.lineage.test_related import (
    BASE_AMD,
    EMPTY,
    EMPTY_DIFF_ID,
    LEAF_AMD,
    MIDDLE_AMD,
    MIDDLE_ARM,
)
from tests.indexer.store.stored import (
    NOW,
    at,
    forget_stale,
    push,
    put_repository,
    read_content,
    stale_keys,
    whole,
)
from tests.lineage_builders import diff_ids, relabelled, with_layers

LABELS = {"org.opencontainers.image.version": "22.04", "team": "base"}
BASE = relabelled(BASE_AMD, LABELS)
MIDDLE = relabelled(MIDDLE_AMD, LABELS | {"team": "middle"})
LEAF = relabelled(LEAF_AMD, LABELS | {"team": "leaf"})


@pytest.fixture
def web(store: Store) -> int:
    return put_repository(store)


@pytest.fixture
def other(store: Store) -> int:
    return put_repository(store, "other")


def mark(store: Store, *, limit: int = MARKED_AT_ONCE) -> list[tuple[int, str]]:
    """Mark all that is to be marked; return what was."""
    forget_stale(store)
    while store.chains.has_changed_bases():
        with store.transaction():
            assert store.chains.mark_some(limit=limit) <= limit
    return stale_keys(store)


def labels(store: Store, built: BuiltManifest) -> list[dict[str, str]]:
    labels = store.chains.base_labels([Digest(built.digest)])
    return [dict(one) for one in labels.get(Digest(built.digest), ())]


def version(store: Store, repository_id: int, built: BuiltManifest) -> str:
    found = store.content.image(repository_id, Digest(built.digest))
    assert found is not None
    return str(
        describe(found, now=NOW + timedelta(days=365), kinds=BUILT_IN).extracted.result["version"]
    )


def test_labels_are_those_of_the_base_directly_below(store: Store, web: int, other: int) -> None:
    push(store, web, "leaf", LEAF, when=1)
    assert labels(store, LEAF) == []
    assert version(store, web, LEAF) == "22.04"
    push(store, other, "base", BASE, when=2)
    assert labels(store, LEAF) == [LABELS]
    assert version(store, web, LEAF) == ""
    push(store, other, "middle", MIDDLE, when=3)
    assert labels(store, LEAF) == [LABELS | {"team": "middle"}]
    assert labels(store, MIDDLE) == [LABELS]
    assert labels(store, BASE) == []


def test_a_base_that_comes_late_makes_its_derived_images_stale(
    store: Store, web: int, other: int
) -> None:
    around = index([LEAF, relabelled(MIDDLE_ARM, {})])
    push(store, web, "1", LEAF, when=1)
    push(store, web, "both", around, when=1)
    push(store, other, "unrelated", image(seed="x"), when=1)
    assert mark(store) == []
    push(store, other, "base", BASE, when=2)
    expected = sorted([(web, ""), (web, LEAF.digest), (web, around.digest)])
    assert mark(store) == expected
    assert not store.chains.has_changed_bases()


def test_nothing_is_stale_when_nothing_is_inherited(store: Store, web: int, other: int) -> None:
    push(store, web, "1", LEAF, when=1)
    push(store, other, "plain", BASE_AMD, when=2)
    assert mark(store) == [], "it has no labels, and nobody had any before it"
    push(store, other, "base", BASE, when=3)
    assert (web, LEAF.digest) in mark(store)
    push(store, other, "again", relabelled(BASE_AMD, {}), when=4)
    assert mark(store) == [], "its place was taken"
    push(store, other, "middle", MIDDLE_AMD, when=5)
    assert (web, LEAF.digest) in mark(store), "it hides the labels of the other"
    assert labels(store, LEAF) == []


def test_who_comes_after_its_base_marks_nobody(store: Store, web: int, other: int) -> None:
    push(store, other, "base", BASE, when=1)
    push(store, web, "1", LEAF, when=2)
    assert mark(store) == []


def test_a_forgotten_base_makes_its_derived_images_stale(
    store: Store, web: int, other: int
) -> None:
    push(store, other, "base", BASE, when=1)
    push(store, web, "1", LEAF, when=2)
    with store.transaction():
        store.content.hide_tag(other, TagName("base"), seen_at=at(3))
    assert mark(store) == [], "a hidden base is still known"
    assert labels(store, LEAF) == [LABELS]
    with store.transaction():
        for moment in (at(4), at(10)):
            store.retention.forget_hidden(other, before=moment, now=moment)
    assert not store.content.has_manifest(Digest(BASE.digest))
    assert mark(store) == [(web, ""), (web, LEAF.digest)]
    assert labels(store, LEAF) == []


def test_only_what_is_shown_is_marked(store: Store, web: int, other: int) -> None:
    """An untagged image is: its document shows what it inherits too."""
    untagged = put_repository(store, "untagged")
    push(store, web, "1", LEAF, when=1)
    push(store, untagged, "1", LEAF, when=1)
    with store.transaction():
        store.content.hide_tag(untagged, TagName("1"), seen_at=at(2))
        store.content.put_content(other, whole(LEAF), seen_at=at(2), kinds=BUILT_IN)
    push(store, other, "base", BASE, when=3)
    assert mark(store) == [
        (repository, digest) for repository in (web, untagged) for digest in ("", LEAF.digest)
    ]


def test_many_derived_images_are_marked_some_at_a_time(store: Store, web: int, other: int) -> None:
    leaves = [image(seed=f"leaf {n}", layers=1, base=BASE) for n in range(7)]
    for number, leaf in enumerate(leaves):
        push(store, web, f"v{number}", leaf, when=1)
    push(store, other, "base", BASE, when=2)
    forget_stale(store)
    assert store.search_index.stale_count() == 1, "what is to be marked counts as waiting"
    for marked in (3, 6, 7):
        with store.transaction():
            store.chains.mark_some(limit=3)
        assert len(stale_keys(store)) == marked + 1
    assert not store.chains.has_changed_bases()
    with store.transaction():
        assert store.chains.mark_some() == 0


def test_a_change_while_marking_begins_anew(store: Store, web: int, other: int) -> None:
    for number in range(4):
        push(store, web, f"v{number}", image(seed=f"{number}", layers=1, base=BASE), when=1)
    push(store, other, "base", BASE, when=2)
    with store.transaction():
        store.chains.mark_some(limit=2)
    push(store, other, "base2", relabelled(BASE_AMD, {"a": "b"}), when=3)
    assert len(mark(store, limit=2)) == 5


def test_a_config_that_comes_late_brings_its_labels(store: Store, web: int, other: int) -> None:
    push(store, web, "1", LEAF, when=1)
    with store.transaction():
        store.content.put_content(
            other, read_content(BASE, configs=False), seen_at=at(2), kinds=BUILT_IN
        )
    assert mark(store) == []
    config = (Digest(BASE.blobs[0].digest), BASE.blobs[0].body)
    with store.transaction():
        store.content.put_content(other, ReadContent((), (config,)), seen_at=at(3), kinds=BUILT_IN)
    assert mark(store) == [(web, ""), (web, LEAF.digest)]


def test_several_images_of_the_same_layers_may_be_the_one(
    store: Store, web: int, other: int
) -> None:
    push(store, other, "a", relabelled(BASE_AMD, {"version": "1"}), when=1)
    push(store, other, "b", relabelled(BASE_AMD, {"version": "2", "x": "y"}), when=2)
    leaf = relabelled(LEAF_AMD, {"version": "1", "x": "y", "own": "1"})
    push(store, web, "1", leaf, when=3)
    found = store.content.image(web, Digest(leaf.digest))
    assert found is not None
    result = describe(found, now=NOW, kinds=BUILT_IN).extracted.result
    assert set(result["inherited_labels"]) == {"version", "x"}


def test_only_so_many_of_them_are_looked_at_the_newest(store: Store, web: int, other: int) -> None:
    push(store, web, "1", LEAF, when=1)
    for number in range(BASES_READ_MAX + 1):
        push(store, other, str(number), relabelled(BASE_AMD, {"n": str(number)}), when=2)
    push(store, other, "plain", BASE_AMD, when=3)
    found = [one["n"] for one in labels(store, LEAF)]
    assert sorted(map(int, found)) == list(range(1, BASES_READ_MAX + 1))


def test_nothing_is_inherited_from_empty_layers(store: Store, web: int, other: int) -> None:
    plain = image(layers=0)
    empty = relabelled(with_layers(plain, [EMPTY], [EMPTY_DIFF_ID]), LABELS)
    one = image(seed="one", layers=1)
    above = with_layers(one, [EMPTY, *one.blobs[1:]], [EMPTY_DIFF_ID, *diff_ids(one)])
    push(store, web, "1", relabelled(above, LABELS), when=1)
    push(store, other, "empty", empty, when=2)
    assert mark(store) == []
    assert labels(store, relabelled(above, LABELS)) == []


def test_each_platform_has_the_labels_of_its_own_base(store: Store, web: int, other: int) -> None:
    """Where they disagree, the platform that is shown decides: linux/amd64."""
    bases = [
        image(seed="b", layers=1, architecture=name, labels={"arch": name, "version": "1"})
        for name in ("arm64", "amd64")
    ]
    leaves = [
        image(
            seed="l",
            layers=1,
            base=base,
            architecture=name,
            labels={"arch": name, "version": "1", "own": "x"},
        )
        for base, name in zip(bases, ("arm64", "amd64"), strict=True)
    ]
    push(store, other, "base", index(bases), when=1)
    push(store, web, "1", index(leaves), when=2)
    found = store.content.image(web, Digest(index(leaves).digest))
    assert found is not None
    result = describe(found, now=NOW, kinds=BUILT_IN).extracted.result
    assert result["labels"]["arch"] == "amd64"
    assert set(result["inherited_labels"]) == {"arch", "version"}
