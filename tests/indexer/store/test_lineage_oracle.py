"""Random families, pushed, hidden and forgotten in any order, against a slow second opinion."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.extract import (
    BUILT_IN,
    ChainFamily,
    ChainKind,
    Layers,
    chain_ids,
    chain_key,
    is_empty_layer,
)
from indexer.model.names import Digest, TagName
from indexer.store import ReadContent, RelatedImages, Store
from indexer.store.lineage.keys import _BASES, _BASES_IN_MANY
from indexer.store.lineage.named import named
from tests.builders import Blob, BuiltManifest, artifact, digest_of, image, index
from tests.indexer.store.lineage.test_related import EMPTY, EMPTY_DIFF_ID
from tests.indexer.store.stored import NOW, at, put_repository, read_content
from tests.lineage_builders import diff_ids, layer_digests, relabelled, with_layers

# A layer is a letter: its DiffID; and a digit: how it was compressed. The letter e is empty.
LETTERS, COMPRESSIONS = "abe", "01"
Layer = tuple[str, str]
PLACES = [("hub", "base"), ("hub", "team/web"), ("mirror", "web")]
TAGS = ("1", "2")
DAY = 86_400.0


@cache
def blob(layer: Layer) -> Blob:
    letter, compression = layer
    if letter == "e" and compression == "0":
        return EMPTY
    return Blob(EMPTY.media_type, f"{letter} compressed as {compression}".encode())


@cache
def built(layers: tuple[Layer, ...], label: str) -> BuiltManifest:
    ids = [EMPTY_DIFF_ID if letter == "e" else digest_of(letter.encode()) for letter, _ in layers]
    plain = with_layers(image(layers=0), [blob(layer) for layer in layers], ids)
    return relabelled(plain, {"label": label} if label else {})


@cache
def files(layers: tuple[Layer, ...]) -> BuiltManifest:
    plain = artifact("application/vnd.example", {"x": b""})
    return with_layers(plain, [blob(layer) for layer in layers], [])


LAYERS = st.lists(
    st.tuples(st.sampled_from(LETTERS), st.sampled_from(COMPRESSIONS)), max_size=4
).map(tuple)
IMAGES = st.builds(built, LAYERS, st.sampled_from(["", "x", "y"]))
INDEXES = st.lists(IMAGES, min_size=1, max_size=3).map(index)
CONTENT = st.one_of(IMAGES, IMAGES, INDEXES, INDEXES.map(lambda one: index([one])))
STEP = st.one_of(
    st.tuples(
        st.just("push"), st.sampled_from(PLACES), st.sampled_from(TAGS), CONTENT, st.booleans()
    ),
    st.tuples(
        st.sampled_from(["hide", "unlink"]),
        st.sampled_from(PLACES),
        st.sampled_from(TAGS),
        st.none(),
        st.booleans(),
    ),
    st.tuples(st.just("forget"), st.sampled_from(PLACES), st.just("1"), st.none(), st.just(True)),
)
Step = tuple[str, tuple[str, str], str, BuiltManifest | None, bool]


@dataclass
class Oracle:
    """What is visible, and what is known of the content, in plain dictionaries."""

    tags: dict[tuple[tuple[str, str], str], BuiltManifest] = field(default_factory=dict)
    linked: set[tuple[tuple[str, str], str]] = field(default_factory=set)
    manifests: dict[str, BuiltManifest] = field(default_factory=dict)
    configs: set[str] = field(default_factory=set)

    def chain(self, one: BuiltManifest, kind: ChainKind) -> tuple[Digest, ...]:
        """Return a manifest's layers of one kind; none of those that are not known."""
        if kind is ChainKind.BLOB:
            return tuple(map(Digest, layer_digests(one)))
        is_known = one.blobs[0].digest in self.configs
        return tuple(map(Digest, diff_ids(one))) if is_known else ()

    def is_base(self, base: BuiltManifest, above: BuiltManifest) -> bool:
        """Tell whether one image is built on another."""
        both = self.chain(base, ChainKind.DIFF) and self.chain(above, ChainKind.DIFF)
        kind = ChainKind.DIFF if both else ChainKind.BLOB
        below, all_of_it = self.chain(base, kind), self.chain(above, kind)
        is_strict = 0 < len(below) < len(all_of_it) and all_of_it[: len(below)] == below
        return is_strict and not all(map(is_empty_layer, below))

    def visible(self) -> Iterator[tuple[tuple[str, str], BuiltManifest, list[BuiltManifest]]]:
        """Yield places, what is tagged there and its images that are there too."""
        seen = set()
        for (place, _), root in self.tags.items():
            if (place, root.digest) not in seen and (place, root.digest) in self.linked:
                seen.add((place, root.digest))
                parts = [p for p in list_parts(root) if (place, p.digest) in self.linked]
                yield place, root, parts


def list_parts(root: BuiltManifest) -> list[BuiltManifest]:
    below = [part for child in root.children for part in list_parts(child)]
    return below or ([root] if list_layer_digests(root) else [])


def list_layer_digests(one: BuiltManifest) -> list[str]:
    return layer_digests(one) if one.blobs else []


def everything_in(root: BuiltManifest) -> list[BuiltManifest]:
    return [root, *(one for child in root.children for one in everything_in(child))]


def found(related: RelatedImages) -> set[tuple[tuple[str, str], str, frozenset[str]]]:
    assert not related.has_more
    answer = [
        (
            (one.repository.registry, str(one.repository.name)),
            str(one.digest),
            frozenset(map(str, one.manifests)),
        )
        for one in related.images
    ]
    assert len(answer) == len(set(answer))
    return set(answer)


def expected(
    oracle: Oracle, is_meant: "set[str]"
) -> set[tuple[tuple[str, str], str, frozenset[str]]]:
    answer = set()
    for place, root, parts in oracle.visible():
        meant = frozenset(part.digest for part in parts if part.digest in is_meant)
        if meant:
            answer.add((place, root.digest, meant))
    return answer


def take(store: Store, oracle: Oracle, number: int, step: Step) -> None:
    kind, place, tag, content, flag = step
    repository_id = put_repository(store, place[1], place[0])
    with store.transaction():
        if kind == "push" and content is not None:
            push(store, oracle, repository_id, place, tag, content, number, flag)
        elif kind == "hide":
            store.content.hide_tag(repository_id, TagName(tag), seen_at=at(number * DAY))
            oracle.tags.pop((place, tag), None)
        elif kind == "unlink" and (place, tag) in oracle.tags:
            part = everything_in(oracle.tags[place, tag])[-1]
            store.content.unlink_manifest(repository_id, Digest(part.digest))
            oracle.linked.discard((place, part.digest))
        elif kind == "forget":
            store.retention.forget_hidden(
                repository_id, before=at(number * DAY), now=at(number * DAY)
            )
            later = NOW + timedelta(days=number + 1)
            store.retention.forget_hidden(repository_id, before=later, now=later)
    known = {row[0] for row in store._database.execute("SELECT digest FROM manifests").fetchall()}
    oracle.manifests = {d: one for d, one in oracle.manifests.items() if d in known}
    oracle.configs = {
        row[0] for row in store._database.execute("SELECT digest FROM configs").fetchall()
    }
    rows = store._database.execute(
        "SELECT registries.name, repositories.name, digest FROM repository_manifests"
        " JOIN repositories ON repositories.id = repository_id"
        " JOIN registries ON registries.id = registry_id"
    )
    oracle.linked = {((row[0], row[1]), row[2]) for row in rows}


def push(
    store: Store,
    oracle: Oracle,
    repository_id: int,
    place: tuple[str, str],
    tag: str,
    content: BuiltManifest,
    number: int,
    with_configs: bool,
) -> None:
    inside = everything_in(content)
    read = ReadContent(
        tuple(m for one in inside for m in read_content(one).manifests),
        tuple(c for one in inside for c in read_content(one, configs=with_configs).configs),
    )
    store.content.put_content(repository_id, read, seen_at=at(number), kinds=BUILT_IN)
    digest = Digest(content.digest)
    store.content.put_tag(repository_id, TagName(tag), digest, seen_at=at(number))
    oracle.manifests.update((one.digest, one) for one in inside)
    oracle.tags[place, tag] = content


def check(store: Store, oracle: Oracle) -> None:
    parts = {d: one for d, one in oracle.manifests.items() if one.blobs and layer_digests(one)}
    for digest, one in parts.items():
        above = {d for d, other in parts.items() if oracle.is_base(one, other)}
        assert found(store.lineage.derived(Digest(digest), limit=100)) == expected(oracle, above)
        below = {d for d, other in parts.items() if oracle.is_base(other, one)}
        [answer] = store.lineage.bases(Digest(digest), limit=100)
        assert [base.layers for base in answer.bases] == sorted(
            {len(layer_digests(parts[d])) for d in below if expected(oracle, {d})},
            reverse=True,
        )
        named: set[tuple[tuple[str, str], str, str]] = set()
        for base in answer.bases:
            for place, root, meant in found(base.images):
                named |= {(place, root, d) for d in meant}
        assert named == {
            (place, root, d) for place, root, meant in expected(oracle, below) for d in meant
        }
    for layer in [blob((a, b)).digest for a in LETTERS for b in COMPRESSIONS]:
        holding = {d for d, one in parts.items() if layer in layer_digests(one)}
        wanted = expected(oracle, holding)
        assert found(store.lineage.find_containing(layer, limit=100)) == wanted
        assert store.lineage.count_containing(layer) == (len(wanted), True)
    for diff_id in (digest_of(b"a"), EMPTY_DIFF_ID):
        holding = {d for d, one in parts.items() if diff_id in oracle.chain(one, ChainKind.DIFF)}
        assert found(store.lineage.find_containing(diff_id, limit=100)) == expected(oracle, holding)


def check_keys(store: Store, oracle: Oracle) -> None:
    """What ``base:`` looks for, small repositories and large ones looked at from either end."""
    parts = [one for one in oracle.manifests.values() if one.blobs and layer_digests(one)]
    for place, path in ((PLACES[0], "base"), (PLACES[1], "team/web")):
        here = [part for where, _, found in oracle.visible() if where == place for part in found]
        wanted = {
            key
            for base in here
            for above in parts
            if oracle.is_base(base, above)
            for key in [find_key(oracle, base, above)]
        }
        meant = named(store._database, path)
        for query in (_BASES, _BASES_IN_MANY):
            keys = store.lineage_keys.find_named_bases(meant, query) if meant else []
            carried = {key for above in parts for key in keys_below(oracle, above)}
            assert set(keys) & carried == wanted & carried


def keys_below(oracle: Oracle, one: BuiltManifest) -> set[str]:
    """Return the chains that the document of an image carries below its own."""
    layers = Layers(
        oracle.chain(one, ChainKind.BLOB), oracle.chain(one, ChainKind.DIFF), is_image=True
    )
    return {
        chain_key(layers.family(kind), chain_id)
        for kind in ChainKind
        for chain_id in chain_ids(layers.select(kind))[:-1]
    }


def find_key(oracle: Oracle, base: BuiltManifest, above: BuiltManifest) -> str:
    """Return what of a base is in the document of an image built on it."""
    below = oracle.chain(base, ChainKind.DIFF)
    if below and oracle.chain(above, ChainKind.DIFF):
        return chain_key(ChainFamily.DIFF, chain_ids(below)[-1])
    is_bare = not oracle.chain(above, ChainKind.DIFF)
    family = ChainFamily.BARE if is_bare else ChainFamily.BLOB
    return chain_key(family, chain_ids(oracle.chain(base, ChainKind.BLOB))[-1])


def check_tables(store: Store, oracle: Oracle) -> None:
    """Nothing is missing in the tries, and nothing is left over."""
    for kind in ChainKind:
        chains: set[tuple[Digest, ...]] = {
            oracle.chain(one, kind)
            for one in oracle.manifests.values()
            if one.blobs and layer_digests(one) and oracle.chain(one, kind)
        }
        ids = {chain_ids(chain[:n])[-1]: n for chain in chains for n in range(1, len(chain) + 1)}
        rows = store._database.execute(
            f"SELECT chain_id, length FROM {kind}_chains ORDER BY id"
        ).fetchall()
        assert {f"sha256:{row[0].hex()}": row[1] for row in rows} == ids
        pairs = {
            (chain_ids(chain[:n])[-1], chain_ids(chain)[-1])
            for chain in chains
            for n in range(1, len(chain))
        }
        rows = store._database.execute(
            f"SELECT p.chain_id, c.chain_id FROM {kind}_prefixes"
            f" JOIN {kind}_chains AS p ON p.id = prefix JOIN {kind}_chains AS c ON c.id = chain"
        ).fetchall()
        assert {(f"sha256:{a.hex()}", f"sha256:{b.hex()}") for a, b in rows} == pairs
        assert len(rows) == len(pairs)
        rows = store._database.execute(
            f"SELECT chain_id FROM {kind}_chains WHERE is_base"
        ).fetchall()
        whole = {chain_ids(chain)[-1] for chain in chains}
        assert {f"sha256:{row[0].hex()}" for row in rows} == {a for a, _ in pairs} & whole


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=1, max_size=12))
def test_any_history_of_any_family_is_answered_as_by_looking_at_everything(
    steps: list[Step],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store, oracle = Store(Path(directory)), Oracle()
        try:
            for number, step in enumerate(steps):
                take(store, oracle, number, step)
            check_tables(store, oracle)
            check(store, oracle)
            check_keys(store, oracle)
        finally:
            store.close()


def test_the_oracle_itself() -> None:
    oracle = Oracle()
    a, ab = built((("a", "0"),), ""), built((("a", "1"), ("b", "0")), "")
    assert not oracle.is_base(a, ab), "without configs, by compressed layers"
    oracle.configs = {a.blobs[0].digest, ab.blobs[0].digest}
    assert oracle.is_base(a, ab)
    assert not oracle.is_base(ab, a)
    assert not oracle.is_base(a, a)
    empty = built((("e", "0"),), "")
    assert not oracle.is_base(empty, built((("e", "0"), ("a", "0")), ""))
