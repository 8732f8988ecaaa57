"""With rights, everything that is read of a store is as in one that holds only what they let see.

Two stores are filled by the same steps, one with all of them and one with those of repositories
that are seen. Not compared are the texts of cursors, which number all changes, and the order of
related images, which is that in which they came to be known by anybody.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import RegsearchError
from indexer.extract import BUILT_IN
from indexer.model import Digest, RepositoryName, Rights, TagName, make_rights
from indexer.store import LineageKeys, PullCount, ReadContent, Store, StoreSearchState, TagMove
from search_api.resources import ImagePlace, Resources, TagOrder, compare, find_named, look_up
from tests.attachments import sbom
from tests.builders import BuiltManifest, image, index
from tests.indexer.store.stored import at, read_content
from tests.lineage_builders import diff_ids, recompressed, with_layers

PLACES = [
    *(("main", name) for name in ("base", "team/web", "team/api", "secret")),
    *(("second", name) for name in ("base", "mirror/web", "other")),
]
HOSTS = {"main": "registry.example", "second": "second.example:5000"}
TAGS = ("1", "2", "latest")
DAY = 86_400.0

BASE = image(seed="base", layers=1)
MIDDLE = image(seed="middle", base=BASE)
APP = image(
    seed="app",
    base=MIDDLE,
    annotations={
        "org.opencontainers.image.base.name": "registry.example/base:1",
        "org.opencontainers.image.base.digest": BASE.digest,
    },
)
OTHER = image(seed="other", base=BASE, annotations={"org.opencontainers.image.base.name": "secret"})
ARM = image(seed="arm", architecture="arm64")
BARE = with_layers(BASE, BASE.blobs[1:], [])
AGAIN = recompressed(MIDDLE, 0)
MULTI = index([APP, ARM])
NESTED = index([MULTI, OTHER])
ATTESTED = index([MIDDLE], attestations=True)
SBOM = sbom(APP)
SIGNATURE = sbom(BASE, seed="signed")
CONTENT = (BASE, MIDDLE, APP, OTHER, ARM, BARE, AGAIN, MULTI, NESTED, ATTESTED, SBOM)
UNKNOWN = f"sha256:{'0' * 64}"


def everything_in(root: BuiltManifest) -> list[BuiltManifest]:
    return [root, *(one for child in root.children for one in everything_in(child))]


MANIFESTS = {one.digest: one for root in (*CONTENT, SIGNATURE) for one in everything_in(root)}
DIGESTS = sorted({*MANIFESTS, UNKNOWN})
LAYERS = sorted(
    {blob.digest for one in MANIFESTS.values() for blob in one.blobs[1:]}
    | {
        diff_id
        for one in MANIFESTS.values()
        if one.blobs and "rootfs" in one.config
        for diff_id in diff_ids(one)
    }
    | {UNKNOWN}
)
NAMES = [
    *("base", "secret", "team/web", "web", "other:1", "base:latest", "team/api:2", "nobody"),
    *("registry.example/base", "second.example:5000/base:1", "registry.example/secret"),
]


@dataclass(frozen=True)
class Step:
    """Something that happens in a repository; in all of them where it is none."""

    what: str
    place: tuple[str, str] | None
    tag: str = ""
    content: BuiltManifest | None = None


def _in_a_place(what: str) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        st.just(what),
        st.sampled_from(PLACES),
        st.sampled_from(TAGS),
        st.sampled_from(CONTENT),
    )


STEPS = st.lists(
    st.one_of(
        *map(_in_a_place, ["push", "push", "push", "push", "hide", "unlink", "pull", "move"]),
        st.builds(Step, st.just("sign"), st.sampled_from(PLACES)),
        st.builds(Step, st.sampled_from(["forget", "forget changes"]), st.none()),
    ),
    min_size=4,
    max_size=25,
)
RIGHTS = st.builds(
    lambda whole, single: make_rights(
        whole, {registry: [n for r, n in single if r == registry] for registry in HOSTS}
    ),
    st.sets(st.sampled_from(sorted(HOSTS)), max_size=1),
    st.sets(st.sampled_from(PLACES)),
)


class Filling:
    """Takes steps in a store that knows the registries of which anything is seen."""

    def __init__(self, directory: Path, seen: Callable[[str], bool]) -> None:
        self.store = Store(directory)
        with self.store.transaction():
            for name, host in HOSTS.items():
                if seen(name):
                    self.store.registries.put(name, url=f"http://{host}", registry_host=host)

    def close(self) -> None:
        self.store.close()

    def take(self, number: int, step: Step) -> None:
        store, now = self.store, at(number * DAY)
        with store.transaction():
            if step.place is None:
                self._forget(step.what, number)
                return
            registry_id = store.registries.registry_id(step.place[0])
            assert registry_id is not None
            name = RepositoryName(step.place[1])
            repository = store.repositories.put(registry_id, name, seen_at=now)
            tag = TagName(step.tag)
            if step.what == "sign":
                tag = TagName(f"{BASE.digest.replace(':', '-')}.sig")
                self._push(repository, tag, SIGNATURE, number)
            elif step.what == "push" and step.content:
                self._push(repository, tag, step.content, number)
            elif step.what == "hide":
                store.content.hide_tag(repository, tag, seen_at=now)
            elif step.content and step.what == "unlink":
                part = everything_in(step.content)[-1]
                store.content.unlink_manifest(repository, Digest(part.digest))
            elif step.content and step.what == "pull":
                digest, moment = Digest(step.content.digest), now.isoformat()
                store.pulls.add(repository, PullCount(step.place[0], name, digest, 2, moment))
            elif step.content:
                move = TagMove(tag, Digest(step.content.digest), now, "somebody")
                store.content.add_tag_moves(repository, [move])

    def _push(self, repository: int, tag: TagName, content: BuiltManifest, number: int) -> None:
        inside = everything_in(content)
        read = [read_content(one) for one in inside]
        whole = ReadContent(
            tuple(m for one in read for m in one.manifests),
            tuple(c for one in read for c in one.configs),
        )
        self.store.content.put_content(repository, whole, kinds=BUILT_IN, seen_at=at(number * DAY))
        digest = Digest(content.digest)
        self.store.content.put_tag(repository, tag, digest, seen_at=at(number * DAY))

    def _forget(self, what: str, number: int) -> None:
        if what == "forget changes":
            self.store.changes.forget(before=at((number - 4) * DAY), limit=10**6)
            return
        for repository in self.store.retention.repositories_after(0, limit=10**6):
            self.store.retention.forget_hidden(
                repository, before=at((number - 3) * DAY), now=at(number * DAY)
            )


def answers(read: Resources) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield everything that can be asked of resources, each with its name."""
    yield "registries", read.registries
    yield "hosts", read.hosts
    for registry in (*HOSTS, "nobody"):
        yield f"registry {registry}", partial(read.registry, registry)
        yield (
            f"repositories {registry}",
            partial(pages, partial(read.repositories, registry, limit=2)),
        )
    for place in (*PLACES, ("main", "nobody"), ("nobody", "base")):
        yield from _of_repository(read, *place)
    for digest in DIGESTS:
        yield from _of_digest(read, digest)
    for layer in LAYERS:
        yield f"layer {layer}", partial(sorted_images, partial(read.layer, layer, limit=100))
        yield f"few with layer {layer}", partial(counted, partial(read.layer, layer, limit=1))
        yield f"has layer {layer}", partial(read.has_layer, layer)
    for name in (*NAMES, *LAYERS, *DIGESTS):
        yield f"find {name}", partial(found_name, read, name)
    for name in NAMES:
        yield f"show {name}", partial(sorted_images, partial(look_up, read, name))
        yield f"compare {name}", partial(compare, read, name, "team/web:1")
    asked = [(*place, tag) for place in PLACES for tag in (*TAGS, "nothing")]
    yield "targets", lambda: sorted(read.targets(asked).items())
    for where in ({}, *({"registry": registry} for registry in (*HOSTS, "nobody"))):
        yield f"changes {where}", partial(changes, read, **where)
        yield f"newest {where}", partial(newest, read, **where)


def _of_repository(
    read: Resources, registry: str, name: str
) -> Iterator[tuple[str, Callable[[], Any]]]:
    place, within = f"{registry} {name}", {"registry": registry, "repository": name}
    yield f"repository {place}", partial(read.repository, **within)
    yield f"tags beside {place}", partial(read.tags_beside, tag="1", limit=9, **within)
    yield f"empty {place}", partial(read.empty_repository, **within)
    tags = partial(
        read.tags, order=TagOrder.NEWEST, with_image=True, with_history=True, limit=9, **within
    )
    yield f"tags {place}", lambda: list(tags().items)
    for tag in (*TAGS, "nothing"):
        yield f"tag {place} {tag}", partial(read.tag, registry, name, tag)
    yield f"tags of {place}", partial(read.tags_of, digests=DIGESTS, **within)
    yield f"sizes {place}", partial(read.sizes, digests=DIGESTS, **within)
    for digest in (APP.digest, MULTI.digest, UNKNOWN):
        ask = partial(read.image, digest, **within)
        yield f"image {digest} in {place}", partial(sorted_images, ask)
        ask_attached = partial(read.attachments, digest, **within)
        yield f"attachments {digest} in {place}", ask_attached
    yield f"changes {place}", partial(changes, read, **within)
    yield f"newest {place}", partial(newest, read, **within)


def _of_digest(read: Resources, digest: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield f"image {digest}", partial(sorted_images, partial(read.image, digest))
    yield f"found {digest}", partial(found_image, read, digest)
    layers = partial(read.image_with_layers, digest)
    yield f"image {digest} with layers", partial(sorted_images, lambda: list(layers()))
    yield f"places {digest}", partial(pages, partial(read.places, digest, limit=1))
    yield f"bases {digest}", partial(sorted_images, partial(read.bases, digest))
    yield f"attachments {digest}", partial(read.attachments, digest)
    yield f"derived {digest}", partial(sorted_images, partial(read.derived, digest, limit=100))
    yield f"few derived {digest}", partial(counted, partial(read.derived, digest, limit=1))
    sides = ImagePlace(digest), ImagePlace(NESTED.digest)
    yield f"compared {digest}", partial(read.compare, *sides)


def found_name(read: Resources, name: str) -> str:
    return str(find_named(read, name))


def found_image(read: Resources, digest: str) -> tuple[str, str | None, str | None]:
    place = read.find_image(digest)
    return place.digest, place.registry, place.repository


def pages(read: Callable[..., Any]) -> list[list[Any]]:
    found, after = [], ""
    while True:
        page = read(after=after)
        found.append(list(page.items))
        if page.next is None:
            return found
        after = page.next


def changes(read: Resources, **place: str) -> list[Any]:
    """Return the pages of all changes, and for each cursor how many changes are before it."""
    found, cursor, known = [], None, {str(read.newest_change()): "now"}
    while True:
        page = read.changes(cursor, limit=2, **place)
        for change in page.items:
            known[change["cursor"]] = json.dumps(without_cursor(change))
        found.append(([without_cursor(one) for one in page.items], known.get(str(page.next))))
        if len(page.items) < 2:
            again = read.changes(page.next, limit=2, **place)
            return [*found, list(again.items), again.next == page.next]
        cursor = page.next


def newest(read: Resources, **place: str) -> list[Any]:
    found = pages(lambda after: read.newest_changes(after, limit=2, **place))
    return [list(map(without_cursor, page)) for page in found]


def without_cursor(change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in change.items() if key != "cursor"}


def counted(ask: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return a list that is cut without its items, of which any may be first."""
    answer = ask()
    kept = {"has_more", "total", "total_is_exact"} & answer.keys()
    return {"images": len(answer["images"]), **{key: answer[key] for key in kept}}


def sorted_images(ask: Callable[[], Any]) -> Any:
    """Return an answer with its related images in one order."""
    return _sorted(ask())


def _sorted(answer: Any) -> Any:
    if isinstance(answer, Mapping):
        return {
            key: sorted(map(_written, value)) if key == "images" else _sorted(value)
            for key, value in answer.items()
        }
    return [_sorted(one) for one in answer] if isinstance(answer, list) else answer


def _written(one: Any) -> str:
    return json.dumps(one, sort_keys=True)


def told(ask: Callable[[], Any]) -> Any:
    """Return an answer as JSON, or what the error says."""
    try:
        return json.loads(json.dumps(ask()))
    except RegsearchError as error:
        return type(error).__name__, str(error)


def fill(directory: Path, steps: Sequence[Step], rights: Rights) -> tuple[Path, Path]:
    """Make a store with everything, and one with what the rights let see."""
    whole, part = directory / "whole", directory / "part"
    for one in (whole, part):
        one.mkdir()
    with (
        closing(Filling(whole, lambda _: True)) as of_all,
        closing(Filling(part, rights.sees_registry)) as of_seen,
        closing(StoreSearchState(whole)) as asking,
    ):
        for number, step in enumerate(steps):
            of_all.take(number, step)
            if step.place is None or rights.sees(*step.place):
                of_seen.take(number, step)
            # Asked meanwhile too, for what is remembered must not be wrong later.
            with asking.begin_request(rights):
                asking.read(lambda store: store.changes.newest())
    return whole, part


def check(whole: Path, part: Path, rights: Rights) -> None:
    """Compare everything that can be asked of the two stores."""
    with (
        closing(StoreSearchState(whole)) as of_all,
        closing(StoreSearchState(part)) as of_seen,
        of_all.begin_request(rights),
        of_seen.begin_request(),
    ):
        limited = dict(of_all.read(lambda store: list(answers(resources(store)))))
        expected = dict(of_seen.read(lambda store: list(answers(resources(store)))))
        for name, ask in expected.items():
            assert told(limited[name]) == told(ask), name
        check_keys(of_all, of_seen)


def resources(store: Store) -> Resources:
    return Resources(store, now=at(100 * DAY), kinds=BUILT_IN)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, RIGHTS)
def test_what_may_not_be_seen_is_not_there(steps: Sequence[Step], rights: Rights) -> None:
    with tempfile.TemporaryDirectory() as directory:
        check(*fill(Path(directory), steps, rights), rights)


MEANWHILE = [
    Step("push", place, tag, content)
    for place, tag, content in zip(PLACES * 2, TAGS * 6, CONTENT + CONTENT, strict=False)
]
NAMED_SCANS = re.compile(
    r"SCAN (.*CONSTANT ROW|\(subquery-\d+\)|.* VIRTUAL TABLE|temp\.present_rights|registries$"
    # What a query makes itself.
    r"|(above|asked|below|changes|changes_start|down|found|lists|named|tagged)$"
    # Those that end at the first row that is seen, or that whoever sees everything has too.
    r"|own USING INDEX forgotten_changes_sequence"
    r"|own USING .*INDEX sqlite_autoindex_(repositories|registries)_1"
    r"|(whole|(diff|blob)_chains) USING INDEX (diff|blob)_chains_base"
    r"|main\.manifest_chains USING .*_bare)"
)


def test_rights_make_no_query_read_a_whole_table(tmp_path: Path) -> None:
    rights = make_rights([], {"main": ["base", "team/web"], "second": ["other"]})
    whole, _ = fill(tmp_path, MEANWHILE, rights)
    with closing(StoreSearchState(whole)) as state, state.begin_request(rights):
        state.read(check_plans)


def check_plans(store: Store) -> None:
    database, queries = store._database.conn, dict[str, str]()

    def note(query: str) -> None:
        if query.lstrip().startswith(("SELECT", "WITH")):
            queries[re.sub("'[^']*'", "?", query)] = query

    database.set_trace_callback(note)
    for _, ask in answers(resources(store)):
        told(ask)
    for name in NAMES:
        store.lineage_keys.find_bases(name)
        store.lineage_keys.find_derived(name)
    store.lineage_keys.find_layer(LAYERS[0])
    database.set_trace_callback(None)
    assert len(queries) > 50
    for query in queries.values():
        for row in database.execute(f"EXPLAIN QUERY PLAN {query}").fetchall():
            is_of_registries = re.search("FROM registries( LEFT|$)", query)
            if row[3].startswith("SCAN") and not (row[3] == "SCAN own" and is_of_registries):
                assert NAMED_SCANS.match(row[3]), f"{row[3]}: {query}"


def check_keys(of_all: StoreSearchState, of_seen: StoreSearchState) -> None:
    limited, expected = of_all.lineage_keys(), of_seen.lineage_keys()
    assert limited is not None
    assert expected is not None
    carried = of_seen.read(carried_chains)
    for asked in (*NAMES, *DIGESTS, *(digest[7:20] for digest in DIGESTS)):
        assert set(limited.find_derived(asked)) == set(expected.find_derived(asked)), asked
        for is_prefix in (False, True):
            found = set(limited.find_bases(asked, is_prefix=is_prefix))
            wanted = set(expected.find_bases(asked, is_prefix=is_prefix))
            assert wanted <= found
            # What nothing is built on that is seen finds nothing.
            assert not (found - wanted) & carried
    for layer in LAYERS:
        assert set(limited.find_layer(layer)) == set(expected.find_layer(layer)), layer


def carried_chains(store: Store) -> set[str]:
    """Return the chains that something in a store is built on."""
    keys: LineageKeys = store.lineage_keys
    return {key for digest in MANIFESTS for key in keys.find_derived(digest)}
