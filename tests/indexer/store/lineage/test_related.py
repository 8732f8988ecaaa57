"""A family of three generations, and who is built on whom, as listed by hand.

``base`` has two platforms, its amd64 image a layer more. ``middle`` and ``leaf`` have both. The
same leaf is in another registry too. ``again`` is a middle whose first layer was compressed
another way, and ``leaf2`` is built on that.
"""

import pytest

from indexer.errors import InvalidValueError
from indexer.extract import BUILT_IN, DeclaredBase
from indexer.model.names import Digest, TagName
from indexer.store import Declared, ReadContent, RelatedImages, Store
from indexer.store.lineage.related import NAMES_MAX
from tests.builders import OCI_LAYER, Blob, BuiltManifest, artifact, digest_of, image, index
from tests.indexer.store.stored import (
    at,
    push,
    put_repository,
    read_content,
    read_manifest,
    whole,
)
from tests.lineage_builders import diff_ids, layer_digests, recompressed, relabelled, with_layers

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
EMPTY = Blob(
    OCI_LAYER,
    bytes.fromhex("1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000"),
)
EMPTY_DIFF_ID = digest_of(bytes(1_024))

BASE_AMD = image(seed="base", layers=2)
BASE_ARM = image(seed="base", layers=1, architecture="arm64")
BASE = index([BASE_AMD, BASE_ARM])
MIDDLE_AMD = image(seed="middle", layers=1, base=BASE_AMD)
MIDDLE_ARM = image(seed="middle", layers=1, base=BASE_ARM, architecture="arm64")
MIDDLE = index([MIDDLE_AMD, MIDDLE_ARM], attestations=True)
LEAF_AMD = image(seed="leaf", layers=2, base=MIDDLE_AMD)
LEAF_ARM = image(seed="leaf", layers=2, base=MIDDLE_ARM, architecture="arm64")
LEAF = index([LEAF_AMD, LEAF_ARM])
AGAIN = recompressed(MIDDLE_AMD, 0)
LEAF2 = image(seed="leaf2", layers=1, base=AGAIN)
SINGLE = image(seed="single", layers=1, base=BASE_ARM, architecture="arm64")


@pytest.fixture
def family(store: Store) -> Store:
    """A store with the whole family, pushed in an order that knows bases late."""
    places = [
        ("hub", "team/leaf", "1", LEAF, 1),
        ("hub", "team/leaf2", "1", LEAF2, 2),
        ("hub", "team/middle", "1", MIDDLE, 3),
        ("hub", "team/middle", "again", AGAIN, 4),
        ("hub", "base", "1.0", BASE, 5),
        ("hub", "base", "latest", BASE, 6),
        ("mirror", "copies/leaf", "one", LEAF, 7),
        ("mirror", "copies/single", "x", SINGLE, 8),
        ("mirror", "other", "x", image(seed="other"), 9),
    ]
    for registry, repository, tag, built, when in places:
        push(store, put_repository(store, repository, registry), tag, built, when=when)
    return store


def bases(store: Store, built: BuiltManifest) -> dict[str, list[tuple[int, set[str]]]]:
    """Return, by manifest, the bases as layers and references, the immediate one first."""
    return {
        one.manifest: [
            (base.layers, {reference for reference, *_ in found(base.images)}) for base in one.bases
        ]
        for one in store.lineage.bases(Digest(built.digest))
    }


def found(related: RelatedImages) -> list[tuple[str, str, set[str], list[str]]]:
    """Return references without tag, digests, what of it is meant, and tags."""
    return [
        (
            f"{one.repository.registry}/{one.repository.name}",
            one.digest,
            set(one.manifests),
            list(one.tags),
        )
        for one in related.images
    ]


def references(related: RelatedImages) -> list[str]:
    return sorted(reference for reference, *_ in found(related))


def derived(store: Store, built: BuiltManifest) -> list[str]:
    return references(store.lineage.derived(Digest(built.digest)))


def containing(store: Store, layer: str) -> list[str]:
    related = store.lineage.find_containing(layer)
    assert store.lineage.count_containing(layer) == (len(related.images), True)
    return references(related)


# Bases


def test_bases_are_listed_for_each_platform_the_immediate_one_first(family: Store) -> None:
    assert bases(family, LEAF) == {
        LEAF_AMD.digest: [(3, {"hub/team/middle"}), (2, {"hub/base"})],
        LEAF_ARM.digest: [(2, {"hub/team/middle"}), (1, {"hub/base"})],
    }
    assert bases(family, MIDDLE) == {
        MIDDLE_AMD.digest: [(2, {"hub/base"})],
        MIDDLE_ARM.digest: [(1, {"hub/base"})],
    }
    assert bases(family, BASE) == {BASE_AMD.digest: [], BASE_ARM.digest: []}
    assert bases(family, SINGLE) == {SINGLE.digest: [(1, {"hub/base"})]}


def test_a_base_is_named_whole(family: Store) -> None:
    [(first, second)] = [one.bases for one in family.lineage.bases(Digest(LEAF_AMD.digest))]
    assert found(second.images) == [
        ("hub/base", BASE.digest, {BASE_AMD.digest}, ["latest", "1.0"]),
    ]
    assert second.images.images[0].repository.registry_host == "r.example.org"
    assert found(first.images) == [
        ("hub/team/middle", AGAIN.digest, {AGAIN.digest}, ["again"]),
        ("hub/team/middle", MIDDLE.digest, {MIDDLE_AMD.digest}, ["1"]),
    ]
    assert not first.images.has_more


def test_a_layer_that_was_compressed_again_is_the_same_layer(family: Store) -> None:
    assert layer_digests(AGAIN)[0] != layer_digests(MIDDLE_AMD)[0]
    assert bases(family, LEAF2) == {
        LEAF2.digest: [(3, {"hub/team/middle"}), (2, {"hub/base"})],
    }
    assert bases(family, AGAIN) == {AGAIN.digest: [(2, {"hub/base"})]}


# Derived images


def test_derived_images_are_listed_in_all_registries(family: Store) -> None:
    middle_and_up = ["hub/team/leaf", "hub/team/leaf2", "mirror/copies/leaf"]
    assert derived(family, LEAF) == []
    assert derived(family, MIDDLE) == middle_and_up
    assert derived(family, AGAIN) == middle_and_up
    assert derived(family, MIDDLE_ARM) == ["hub/team/leaf", "mirror/copies/leaf"]
    assert derived(family, BASE) == sorted(
        [*middle_and_up, "hub/team/middle", "hub/team/middle", "mirror/copies/single"]
    )
    assert derived(family, BASE_ARM) == sorted(
        ["hub/team/leaf", "hub/team/middle", "mirror/copies/leaf", "mirror/copies/single"]
    )


def test_a_derived_index_names_the_platforms_that_are(family: Store) -> None:
    platforms = {
        reference: manifests
        for reference, _, manifests, _ in found(family.lineage.derived(Digest(BASE_ARM.digest)))
    }
    assert platforms["hub/team/leaf"] == {LEAF_ARM.digest}
    both = found(family.lineage.derived(Digest(BASE.digest)))
    assert {LEAF_AMD.digest, LEAF_ARM.digest} in [manifests for _, _, manifests, _ in both]


# Layers


def test_a_layer_is_found_by_its_compressed_digest_and_by_its_diff_id(family: Store) -> None:
    blob, diff_id = layer_digests(BASE_AMD)[0], diff_ids(BASE_AMD)[0]
    everywhere = ["hub/base", "hub/team/leaf", "hub/team/middle", "mirror/copies/leaf"]
    recompressed_too = ["hub/team/leaf2", "hub/team/middle"]
    assert containing(family, blob) == everywhere
    assert containing(family, diff_id) == sorted(everywhere + recompressed_too)
    assert containing(family, layer_digests(AGAIN)[0]) == recompressed_too
    assert containing(family, layer_digests(LEAF_ARM)[-1]) == [
        "hub/team/leaf",
        "mirror/copies/leaf",
    ]
    assert containing(family, digest_of(b"nothing")) == []


def test_the_beginning_of_a_layer_is_enough(family: Store) -> None:
    blob = layer_digests(LEAF2)[-1]
    for text in (blob[:19], blob[:20], blob.upper().replace("SHA256", "sha256"), blob[7:19]):
        assert containing(family, text) == ["hub/team/leaf2"]
    for text in (blob[:18], "sha256:", "", "x", "%"):
        with pytest.raises(InvalidValueError):
            family.lineage.find_containing(text)


def test_layers_of_artifacts_are_found_and_those_of_attestations_are_not(store: Store) -> None:
    chart = artifact("application/vnd.example", {"a": b"1", "b": b"2"})
    first = artifact("application/vnd.example", {"a": b"1"})
    push(store, put_repository(store, "chart"), "1", chart, when=1)
    push(store, put_repository(store, "first"), "1", first, when=2)
    push(store, put_repository(store, "web"), "1", MIDDLE, when=3)
    assert containing(store, digest_of(b"1")) == ["default/chart", "default/first"]
    assert store.lineage.bases(Digest(chart.digest)) == ()
    assert derived(store, first) == []
    attestation = MIDDLE.children[-1]
    assert containing(store, layer_digests(attestation)[0]) == []


def test_layers_of_other_algorithms_are_kept_and_found_whole(store: Store) -> None:
    long = f"sha512:{'ab' * 64}"
    body = image(seed="x", layers=1).json
    body["layers"][0]["digest"] = long
    plain = image(seed="x", layers=1)
    odd = BuiltManifest(plain.digest, plain.media_type, str(body).replace("'", '"').encode())
    push(store, put_repository(store, "odd"), "1", odd, when=1)
    assert containing(store, long) == ["default/odd"]


# What is no base


def test_equal_layers_with_other_settings_are_neither_base_nor_derived(store: Store) -> None:
    other = relabelled(BASE_AMD, {"team": "x"})
    push(store, put_repository(store, "a"), "1", BASE_AMD, when=1)
    push(store, put_repository(store, "b"), "1", other, when=2)
    assert bases(store, other) == {other.digest: []}
    assert derived(store, other) == derived(store, BASE_AMD) == []
    push(store, put_repository(store, "c"), "1", MIDDLE_AMD, when=3)
    assert bases(store, MIDDLE_AMD) == {MIDDLE_AMD.digest: [(2, {"default/a", "default/b"})]}


def test_empty_layers_alone_make_no_base(store: Store) -> None:
    plain = image(seed="plain", layers=1)
    empty = with_layers(plain, [EMPTY, EMPTY], [EMPTY_DIFF_ID] * 2)
    above = with_layers(
        plain, [EMPTY, EMPTY, *plain.blobs[1:]], [EMPTY_DIFF_ID] * 2 + diff_ids(plain)
    )
    with_end = with_layers(plain, [*plain.blobs[1:], EMPTY], [*diff_ids(plain), EMPTY_DIFF_ID])
    for number, built in enumerate((empty, above, with_end, plain)):
        push(store, put_repository(store, f"r{number}"), "1", built, when=number)
    assert bases(store, above) == {above.digest: []}
    assert derived(store, empty) == []
    assert bases(store, with_end) == {with_end.digest: [(1, {"default/r3"})]}
    assert containing(store, EMPTY.digest) == ["default/r0", "default/r1", "default/r2"]


def test_an_image_without_layers_is_related_to_nobody(store: Store) -> None:
    none = with_layers(BASE_AMD, [], [])
    push(store, put_repository(store, "none"), "1", none, when=1)
    push(store, put_repository(store, "base"), "1", BASE_AMD, when=2)
    assert bases(store, none) == {}
    assert derived(store, none) == []
    assert bases(store, BASE_AMD) == {BASE_AMD.digest: []}


# Missing configs


def put_bare(store: Store, repository: str, built: BuiltManifest, when: float) -> int:
    """Put an image whose config could not be read."""
    repository_id = put_repository(store, repository)
    with store.transaction():
        content = read_content(built, configs=False)
        store.content.put_content(repository_id, content, seen_at=at(when), kinds=BUILT_IN)
        store.content.put_tag(repository_id, TagName("1"), Digest(built.digest), seen_at=at(when))
    return repository_id


def test_an_image_without_its_config_is_compared_by_compressed_layers(store: Store) -> None:
    push(store, put_repository(store, "base"), "1", BASE_AMD, when=1)
    put_bare(store, "middle", MIDDLE_AMD, 2)
    push(store, put_repository(store, "leaf"), "1", LEAF_AMD, when=3)
    put_bare(store, "leaf2", LEAF2, 4)
    assert bases(store, LEAF_AMD) == {
        LEAF_AMD.digest: [(3, {"default/middle"}), (2, {"default/base"})]
    }
    assert bases(store, MIDDLE_AMD) == {MIDDLE_AMD.digest: [(2, {"default/base"})]}
    assert bases(store, LEAF2) == {LEAF2.digest: []}, "its first layer was compressed again"
    assert derived(store, BASE_AMD) == ["default/leaf", "default/middle"]
    assert derived(store, MIDDLE_AMD) == ["default/leaf"]


def test_a_config_that_comes_late_makes_the_comparison_by_diff_ids(store: Store) -> None:
    push(store, put_repository(store, "base"), "1", BASE_AMD, when=1)
    leaf = put_bare(store, "leaf2", LEAF2, 2)
    assert derived(store, BASE_AMD) == []
    config = LEAF2.blobs[0]
    late = ReadContent((), ((Digest(config.digest), config.body),))
    with store.transaction():
        store.content.put_content(leaf, late, seen_at=at(3), kinds=BUILT_IN)
    assert derived(store, BASE_AMD) == ["default/leaf2"]


def test_a_config_that_another_image_brought_is_used(store: Store) -> None:
    """A manifest may come when its config is in the store already."""
    push(store, put_repository(store, "a"), "1", MIDDLE_AMD, when=1)
    push(store, put_repository(store, "base"), "1", BASE_AMD, when=1)
    repository_id = put_repository(store, "again")
    with store.transaction():
        content = ReadContent((read_manifest(AGAIN),), ())
        store.content.put_content(repository_id, content, seen_at=at(2), kinds=BUILT_IN)
        store.content.put_tag(repository_id, TagName("1"), Digest(AGAIN.digest), seen_at=at(2))
    assert derived(store, BASE_AMD) == ["default/a", "default/again"]


def test_layers_compressed_or_not_are_never_compared(store: Store) -> None:
    """A DiffID of one image that is the compressed digest of another relates them in no way."""
    plain = image(seed="p", layers=1)
    tricky = with_layers(plain, plain.blobs[1:], layer_digests(BASE_AMD)[:1])
    push(store, put_repository(store, "tricky"), "1", tricky, when=1)
    put_bare(store, "bare", BASE_AMD, 2)
    assert derived(store, tricky) == []
    assert bases(store, BASE_AMD) == {BASE_AMD.digest: []}


# Visibility


def test_a_base_that_is_tagged_anew_is_named_by_its_tags_now(family: Store) -> None:
    newer = index([image(seed="newer"), image(seed="newer", architecture="arm64")])
    base = put_repository(family, "base", "hub")
    push(family, base, "latest", newer, when=20)
    [(_, second)] = [one.bases for one in family.lineage.bases(Digest(LEAF_AMD.digest))]
    assert found(second.images) == [("hub/base", BASE.digest, {BASE_AMD.digest}, ["1.0"])]
    push(family, base, "1.0", newer, when=21)
    assert bases(family, LEAF)[LEAF_AMD.digest] == [(3, {"hub/team/middle"})]
    assert len(derived(family, BASE)) == 6, "a base that is hidden is still asked about"
    assert derived(family, newer) == []


def test_images_with_a_popular_layer_are_counted_to_a_limit(family: Store) -> None:
    layer = layer_digests(LEAF2)[0]
    every, is_exact = family.lineage.count_containing(layer)
    assert is_exact
    some, is_exact = family.lineage.count_containing(layer, limit=1)
    assert (some < every, is_exact) == (True, False)


def test_hidden_images_and_system_tags_are_not_named(family: Store) -> None:
    leaf2 = put_repository(family, "team/leaf2", "hub")
    with family.transaction():
        family.content.hide_tag(leaf2, TagName("1"), seen_at=at(30))
    assert "hub/team/leaf2" not in derived(family, MIDDLE)
    signature = f"sha256-{'0' * 64}.sig"
    push(family, leaf2, signature, LEAF2, when=31)
    assert "hub/team/leaf2" not in derived(family, MIDDLE)
    assert containing(family, layer_digests(LEAF2)[-1]) == []
    push(family, leaf2, "2", LEAF2, when=32)
    [one] = family.lineage.find_containing(layer_digests(LEAF2)[-1]).images
    assert one.tags == ("2",)


def test_a_child_that_a_repository_lost_is_not_named_for_it(family: Store) -> None:
    leaf = put_repository(family, "team/leaf", "hub")
    with family.transaction():
        family.content.unlink_manifest(leaf, Digest(LEAF_ARM.digest))
    assert derived(family, MIDDLE_ARM) == ["mirror/copies/leaf"]
    [platforms] = [
        manifests
        for reference, _, manifests, _ in found(family.lineage.derived(Digest(BASE.digest)))
        if reference == "hub/team/leaf"
    ]
    assert platforms == {LEAF_AMD.digest}


def test_the_limit_says_whether_there_are_more(family: Store) -> None:
    six = family.lineage.derived(Digest(BASE.digest), limit=6)
    assert (len(six.images), six.has_more) == (6, False)
    five = family.lineage.derived(Digest(BASE.digest), limit=5)
    assert (len(five.images), five.has_more) == (5, True)
    assert five.images == six.images[:5]


def test_a_nested_index_counts(store: Store) -> None:
    nested = index([LEAF])
    repository_id = put_repository(store, "nested")
    push(store, put_repository(store, "base"), "1", BASE, when=1)
    with store.transaction():
        store.content.put_content(repository_id, whole(LEAF), seen_at=at(2), kinds=BUILT_IN)
    push(store, repository_id, "1", nested, when=3)
    assert derived(store, BASE) == ["default/nested"]
    assert set(bases(store, nested)) == {LEAF_AMD.digest, LEAF_ARM.digest}


# Declared bases


def declared(store: Store, **labels: str) -> Declared | None:
    """Return what an image above ``middle`` with these labels declares."""
    names = {"name": BASE_NAME, "digest": BASE_DIGEST}
    built = relabelled(LEAF_AMD, {names[key]: value for key, value in labels.items()})
    repository_id = put_repository(store, "declares", "hub")
    push(store, repository_id, "1", built, when=40)
    return declared_by(store, repository_id, built).get(Digest(built.digest))


def declared_by(store: Store, repository_id: int, built: BuiltManifest) -> dict[Digest, Declared]:
    stored = store.content.manifest(repository_id, Digest(built.digest))
    assert stored
    return store.lineage.declared(stored)


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("team/middle:1", False),
        ("middle", False),
        ("r.example.org/team/middle:again", False),
        ("base:1.0", True),
        ("docker.io/library/alpine:3.19", True),
        ("scratch", True),
    ],
)
def test_a_declared_name_is_compared_with_the_immediate_base(
    family: Store, name: str, differs: bool
) -> None:
    assert declared(family, name=name) == Declared(DeclaredBase(name, ""), differs)


@pytest.mark.parametrize(
    ("digest", "differs"),
    [
        (MIDDLE.digest, False),
        (MIDDLE_AMD.digest, False),
        (AGAIN.digest, False),
        (BASE.digest, True),
        (SINGLE.digest, True),
        (digest_of(b"unknown"), True),
    ],
)
def test_a_declared_digest_may_be_the_index_s_or_the_platform_s(
    family: Store, digest: str, differs: bool
) -> None:
    assert declared(family, digest=digest) == Declared(DeclaredBase("", digest), differs)


def test_what_nothing_can_be_compared_with_is_not_said_to_differ(store: Store) -> None:
    for labels in ({"name": "alpine:3.19"}, {"digest": digest_of(b"unknown")}):
        found = declared(store, **labels)
        assert found is not None
        assert found.differs is None
    assert declared(store, name="scratch") == Declared(DeclaredBase("scratch", ""), False)
    assert declared(store) is None


def test_a_hidden_base_is_not_said_to_differ(family: Store) -> None:
    middle = put_repository(family, "team/middle", "hub")
    with family.transaction():
        for tag in ("1", "again"):
            family.content.hide_tag(middle, TagName(tag), seen_at=at(30))
    assert declared(family, digest=MIDDLE.digest) == Declared(
        DeclaredBase("", Digest(MIDDLE.digest)), False
    )


def test_an_inherited_declaration_is_the_base_s(store: Store) -> None:
    labels = {BASE_NAME: "alpine"}
    base = relabelled(BASE_AMD, labels)
    leaf = relabelled(MIDDLE_AMD, labels)
    push(store, put_repository(store, "base"), "1", base, when=1)
    repository_id = put_repository(store, "leaf")
    push(store, repository_id, "1", leaf, when=2)
    assert declared_by(store, repository_id, leaf) == {}


def test_only_the_first_names_that_an_index_declares_are_looked_up(family: Store) -> None:
    """Each takes several queries, and an index may declare a thousand."""
    children = [
        relabelled(LEAF_AMD, {BASE_NAME: f"unknown/{number}", "number": str(number)})
        for number in range(NAMES_MAX + 2)
    ]
    built = index(children)
    repository_id = put_repository(family, "declares", "hub")
    push(family, repository_id, "1", built, when=40)
    found = [one.differs for one in declared_by(family, repository_id, built).values()]
    assert found == [True] * NAMES_MAX + [None] * 2


def test_what_is_hidden_is_passed_over_however_much_it_is(store: Store) -> None:
    push(store, put_repository(store, "base"), "1", BASE_AMD, when=1)
    repository_id = put_repository(store, "derived")
    some = [image(seed=f"derived {number}", base=BASE_AMD) for number in range(30)]
    for number, built in enumerate(some):
        push(store, repository_id, f"v{number}", built, when=2 + number)
    with store.transaction():
        for number in range(1, len(some)):
            store.content.hide_tag(repository_id, TagName(f"v{number}"), seen_at=at(90))
    found = store.lineage.derived(Digest(BASE_AMD.digest), limit=1)
    assert ([one.digest for one in found.images], found.has_more) == ([some[0].digest], False)


@pytest.mark.parametrize("limit", range(1, 6))
def test_images_above_many_platforms_come_newest_first(store: Store, limit: int) -> None:
    """Of each platform as many are read as are wanted, which all lead to the same images."""
    architectures = [f"a{number}" for number in range(6)]
    base = [image(seed=f"base {one}", architecture=one) for one in architectures]
    push(store, put_repository(store, "base"), "1", index(base), when=1)
    above = [
        index([image(seed=f"{number}", base=one, architecture="x") for one in base[number % 2 :]])
        for number in range(4)
    ]
    repository_id = put_repository(store, "above")
    for number, built in enumerate(above):
        push(store, repository_id, f"{number}", built, when=2 + number)
    found = store.lineage.derived(Digest(index(base).digest), limit=limit)
    assert [one.digest for one in found.images] == [one.digest for one in above[::-1]][:limit]
    assert found.has_more == (limit < len(above))
    assert [len(one.manifests) for one in found.images] == [5, 6, 5, 6][:limit]
