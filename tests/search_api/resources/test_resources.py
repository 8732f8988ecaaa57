"""Resources: single ones by name, lists page by page, and missing ones."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from indexer.errors import CursorExpiredError, InvalidValueError, NotFoundError
from indexer.extract import BUILT_IN
from indexer.model import media_types
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.store import Page, PullCount, RepositorySummary, Store, TagMove
from search_api.resources import Resources, TagPage
from tests.attachments import sbom
from tests.builders import BuiltManifest, digest_of, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, SECOND, Pushed, put

BASE = image(seed="base")
APP = image(seed="app", base=BASE)
ARM = image(seed="arm", architecture="arm64")
MULTI = index([APP, ARM])
UNKNOWN = f"sha256:{'0' * 64}"
NOW = "2026-03-01T12:00:00.000000Z"
MOVED = "2026-03-01T12:00:02.000000Z"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def read(store: Store, clock: ManualClock) -> Resources:
    return Resources(store, now=clock.now(), kinds=BUILT_IN)


def repository_id(store: Store, repository: str, registry: str = "main") -> int:
    registry_id = store.registries.registry_id(registry)
    assert registry_id is not None
    found = store.repositories.find(registry_id, RepositoryName(repository))
    assert found is not None
    return found


def hide(store: Store, repository: str, tag: str, *, clock: ManualClock) -> None:
    with store.transaction():
        store.content.hide_tag(repository_id(store, repository), TagName(tag), seen_at=clock.now())


def all_pages(
    read: Callable[[str], Page[dict[str, Any]] | TagPage[dict[str, Any]]],
) -> list[list[dict[str, Any]]]:
    pages, after = [], ""
    while True:
        page = read(after)
        pages.append(list(page.items))
        if page.next is None:
            return pages
        after = page.next


# Registries and repositories


def test_registries_are_told_with_what_is_in_them(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", APP), Pushed("web", APP, "2"), Pushed("api", APP)], clock=clock)
    main = {"registry": "main", "registry_host": MAIN, "repository_count": 2, "tag_count": 3}
    second = {"registry": "second", "registry_host": SECOND, "repository_count": 0, "tag_count": 0}
    assert read.registries() == [main, second]
    assert read.registry("main") == main


def test_a_repository_is_told_with_its_counts(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("team/web", APP)], clock=clock)
    number, digest = repository_id(store, "team/web"), Digest(APP.digest)
    with store.transaction():
        clock.advance(2)
        store.content.add_tag_moves(number, [TagMove(TagName("latest"), digest, clock.now())])
        pulls = PullCount("main", RepositoryName("team/web"), digest, 3, NOW)
        store.pulls.add(number, pulls)
    assert read.repository("main", "team/web") == {
        "registry": "main",
        "registry_host": MAIN,
        "repository": "team/web",
        "title": "web",
        "description": "",
        "kind": None,
        "artifact_type": None,
        "licenses": [],
        "vendor": "",
        "source": None,
        "url": None,
        "documentation": None,
        "deprecated": False,
        "platforms": [],
        "created_at": None,
        "reference": None,
        "newest_tags": [],
        "newest_image": None,
        "first_seen_at": NOW,
        "tag_count": 1,
        "size_bytes": None,
        "pulls": 3,
        "last_pulled_at": NOW,
        "pushed_at": MOVED,
        "untagged_count": 0,
    }


def test_a_repository_counts_what_lost_its_tags(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    signature = f"{APP.digest.replace(':', '-')}.sig"
    pushed = [("1", APP), ("2", BASE), ("old", BASE), ("multi", MULTI), (signature, ARM)]
    put(store, [Pushed("web", built, tag) for tag, built in pushed], clock=clock)
    for tag in ("1", "2", signature):
        hide(store, "web", tag, clock=clock)
    assert read.repository("main", "web")["untagged_count"] == 0, "a child, and one with a tag"
    hide(store, "web", "old", clock=clock)
    assert read.repository("main", "web")["untagged_count"] == 1


def test_a_repository_says_what_its_document_does(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", APP)], clock=clock)
    said = RepositorySummary(5_000, "The shop", "Sells things", {"kind": "helm-chart"})
    with store.transaction():
        store.summaries.put_repositories([(repository_id(store, "web"), said)])
    found = read.repository("main", "web")
    assert (found["size_bytes"], found["title"], found["description"]) == (
        5_000,
        "The shop",
        "Sells things",
    )
    assert (found["kind"], found["licenses"]) == ("helm-chart", [])
    [listed] = read.repositories("main", limit=1).items
    assert {**listed, "untagged_count": 0} == found


def test_repositories_are_read_page_by_page(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed(name, APP) for name in "ebadc"], clock=clock)
    pages = all_pages(lambda after: read.repositories("main", after=after, limit=2))
    assert [[one["repository"] for one in page] for page in pages] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    assert read.repositories("second", limit=2) == Page(())


# Tags


def test_a_tag_is_told_with_its_history(store: Store, read: Resources, clock: ManualClock) -> None:
    put(store, [Pushed("web", BASE, "1")], clock=clock)
    clock.advance(2)
    with store.transaction():
        move = TagMove(TagName("1"), Digest(APP.digest), clock.now(), "alice")
        store.content.add_tag_moves(repository_id(store, "web"), [move])
    put(store, [Pushed("web", APP, "1")], clock=clock)
    assert read.tag("main", "web", "1") == {
        "registry": "main",
        "registry_host": MAIN,
        "repository": "web",
        "tag": "1",
        "reference": f"{MAIN}/web:1",
        "digest": APP.digest,
        "tagged_at": MOVED,
        "pushed_at": MOVED,
        "first_seen_at": NOW,
        "history": [
            {"digest": APP.digest, "tagged_at": MOVED, "actor": "alice", "from_event": True},
            {"digest": BASE.digest, "tagged_at": NOW, "actor": None, "from_event": False},
        ],
        "history_has_more": False,
    }
    newest = read.tag("main", "web", "1", limit=1)
    assert ([one["digest"] for one in newest["history"]], newest["history_has_more"]) == (
        [APP.digest],
        True,
    )


# Images, layers, lineage


def test_an_image_is_read_where_it_is_asked_for(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("b", APP, "1"), Pushed("a", APP, "2", "second")], clock=clock)
    put(store, [Pushed("a", MULTI)], clock=clock)
    assert read.image(APP.digest)["reference"] == f"{MAIN}/b:1"
    assert read.image(APP.digest, registry="second")["reference"] == f"{SECOND}/a:2"
    child = read.image(APP.digest, registry="main", repository="a")
    assert (child["reference"], child["tags"]) == (f"{MAIN}/a@{APP.digest}", [])
    pages = all_pages(lambda after: read.places(APP.digest, after=after, limit=2))
    assert [[one["reference"] for one in page] for page in pages] == [
        [f"{MAIN}/a:latest", f"{MAIN}/b:1"],
        [f"{SECOND}/a:2"],
    ]
    with pytest.raises(InvalidValueError, match="not a place of an image: 'x y'"):
        read.places(APP.digest, after="x y", limit=2)


def test_one_platform_of_an_index_is_told(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("base", BASE), Pushed("a", MULTI)], clock=clock)
    usual, arm = (read.image(MULTI.digest, platform=one) for one in (None, "linux/arm64"))
    assert (usual["shown_digest"], arm["shown_digest"]) == (APP.digest, ARM.digest)
    assert [one["digest"] for one in arm["layers"]] == [blob.digest for blob in ARM.blobs[1:]]
    assert [one["manifest"] for one in arm["bases"]] == [ARM.digest, APP.digest]
    for key in ("digest", "reference", "platforms", "size_bytes"):
        assert arm[key] == usual[key], key
    with pytest.raises(NotFoundError, match="no platform 'linux/arm' in this image"):
        read.image(MULTI.digest, platform="linux/arm")


def test_the_layers_of_all_platforms_are_told_beside_one(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("base", BASE), Pushed("a", MULTI)], clock=clock)
    told, layers = read.image_with_layers(MULTI.digest, platform="linux/amd64")
    assert [one["manifest"] for one in told["bases"]] == [APP.digest]
    assert {digest: [one["digest"] for one in found] for digest, found in layers.items()} == {
        built.digest: [blob.digest for blob in built.blobs[1:]] for built in (APP, ARM)
    }


def test_sizes_are_those_of_what_a_repository_still_has(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("a", APP), Pushed("b", ARM)], clock=clock)
    assert read.sizes("main", "a", [APP.digest, ARM.digest, UNKNOWN]) == {APP.digest: None}
    with pytest.raises(NotFoundError):
        read.sizes("main", "c", [APP.digest])


def test_an_image_that_lost_its_tags_tells_which_and_since_when(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", APP, "1")], clock=clock)
    clock.advance(2)
    hide(store, "web", "1", clock=clock)
    found = read.image(APP.digest)
    assert (found["tags"], found["last_tags"], found["untagged_since"]) == ([], ["1"], MOVED)


def test_a_layer_is_told_with_the_images_that_hold_it(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("base", BASE), Pushed("app", MULTI)], clock=clock)
    blob = BASE.blobs[1]
    found = read.layer(blob.digest, limit=9)
    diff_id = BASE.config["rootfs"]["diff_ids"][0]
    assert (found["digest"], found["diff_id"], found["size_bytes"]) == (
        blob.digest,
        diff_id,
        len(blob.body),
    )
    assert (found["media_type"], found["command"]) == (blob.media_type, "COPY layer 0 / # buildkit")
    assert [(one["repository"], one["manifests"]) for one in found["images"]] == [
        ("app", [APP.digest]),
        ("base", [BASE.digest]),
    ]
    assert [(one["position"], one["layer_count"]) for one in found["images"]] == [(1, 4), (1, 2)]
    assert found == read.layer(diff_id, limit=9)
    first = read.layer(blob.digest, limit=1)
    assert (first["has_more"], len(first["images"])) == (True, 1)
    assert (first["total"], first["total_is_exact"]) == (2, True)
    own = read.layer(APP.blobs[-1].digest, limit=9)
    assert [(one["position"], one["layer_count"]) for one in own["images"]] == [(4, 4)]
    assert own["total"] == 1


def old_form(of: BuiltManifest, *commands: str) -> BuiltManifest:
    """Return an image of schema 1 with the layers of another one; it tells no sizes."""
    layers = [{"blobSum": blob.digest} for blob in reversed(of.blobs[1:])]
    history = [
        {"v1Compatibility": json.dumps({"container_config": {"Cmd": [command]}})}
        for command in reversed(commands)
    ]
    body = {"schemaVersion": 1, "fsLayers": layers, "history": history}
    encoded = json.dumps(body).encode()
    return BuiltManifest(digest_of(encoded), media_types.SCHEMA1, encoded)


def bare(of: BuiltManifest) -> BuiltManifest:
    """Return an image that says no more of its layers than their digests and sizes."""
    body = {key: value for key, value in of.json.items() if key != "config"}
    encoded = json.dumps(body).encode()
    return BuiltManifest(digest_of(encoded), of.media_type, encoded)


@pytest.mark.parametrize("is_known_first", [True, False])
@pytest.mark.parametrize(
    "unknown", [old_form(BASE), old_form(BASE, "ADD another", "ADD more"), bare(BASE)]
)
@pytest.mark.parametrize("limit", [1, 9])
def test_what_one_image_knows_of_a_layer_wins_over_what_another_does_not(
    store: Store,
    read: Resources,
    clock: ManualClock,
    *,
    unknown: BuiltManifest,
    is_known_first: bool,
    limit: int,
) -> None:
    """Regression: schema 1, which knows no sizes, said that a layer is empty."""
    pushed = [Pushed("known", BASE), Pushed("unknown", unknown)]
    for one in pushed if is_known_first else reversed(pushed):
        put(store, [one], clock=clock)
        clock.advance(2)
    layer = BASE.blobs[1]
    found = read.layer(layer.digest, limit=limit)
    assert (found["size_bytes"], found["command"], found["diff_id"]) == (
        len(layer.body),
        "COPY layer 0 / # buildkit",
        BASE.config["rootfs"]["diff_ids"][0],
    )
    assert (len(found["images"]), found["has_more"]) == ((1, True) if limit == 1 else (2, False))


def test_a_size_and_a_command_may_come_from_two_images(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(
        store, [Pushed("a", bare(BASE)), Pushed("b", old_form(BASE, "ADD a", "ADD b"))], clock=clock
    )
    layer = BASE.blobs[1]
    found = read.layer(layer.digest, limit=1)
    assert (found["size_bytes"], found["command"]) == (len(layer.body), "ADD a")


def test_a_size_that_no_image_knows_is_null(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    old = old_form(BASE)
    put(store, [Pushed("old", old)], clock=clock)
    found = read.layer(BASE.blobs[1].digest, limit=9)
    assert (found["size_bytes"], found["command"]) == (None, None)
    image = read.image(old.digest)
    assert image["size_bytes"] is None
    assert [one["size_bytes"] for one in image["layers"]] == [None, None]
    assert [one["size_bytes"] for one in image["platforms"]] == [None]


def test_what_an_image_is_built_on_and_what_is_built_on_it(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("base", BASE), Pushed("app", MULTI)], clock=clock)
    [app, arm] = read.bases(MULTI.digest)
    assert (app["manifest"], app["platform"], arm["bases"]) == (APP.digest, "linux/amd64", [])
    [base] = app["bases"]
    assert (base["layer_count"], base["images"][0]["repository"]) == (2, "base")
    derived = read.derived(BASE.digest, limit=5)
    assert [one["digest"] for one in derived["images"]] == [MULTI.digest]
    assert read.derived(MULTI.digest, limit=5) == {"images": [], "has_more": False}


def test_what_is_attached_is_listed(store: Store, read: Resources, clock: ManualClock) -> None:
    put(store, [Pushed("app", MULTI)], clock=clock)
    with store.transaction():
        attached = sbom(APP)
        put(store, [Pushed("app", attached, "sbom")], clock=clock)
    [found] = read.attachments(MULTI.digest)
    assert (found["digest"], found["subject"], found["kind"]) == (
        attached.digest,
        APP.digest,
        "sbom",
    )
    assert read.image(MULTI.digest)["attachments"] == [found]


# Changes


def test_changes_are_read_on_from_where_the_last_page_ended(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    start = read.newest_change()
    put(store, [Pushed("web", APP, tag) for tag in "abc"], clock=clock)
    hide(store, "web", "b", clock=clock)
    page = read.changes(start, limit=3)
    assert [one["tag"] for one in page.items] == ["a", "b", "c"]
    rest = read.changes(page.next, limit=3)
    assert rest.items == (
        {
            "cursor": rest.next,
            "at": NOW,
            "kind": "tag.removed",
            "registry": "main",
            "repository": "web",
            "tag": "b",
            "digest": None,
            "previous_digest": APP.digest,
            "pushed_at": None,
            "actor": None,
        },
    )
    assert rest.next == read.newest_change()
    end = read.changes(rest.next, limit=3)
    assert (end.items, end.next) == ((), rest.next)
    assert len(read.changes(None, limit=9).items) == 4


def test_the_changes_of_one_place_are_read_past_those_of_others(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    """Its cursor goes on with all changes, so that it is kept as long as theirs."""
    put(store, [Pushed("web", APP, "1"), Pushed("api", APP, "1")], clock=clock)
    page = read.changes(None, registry="main", repository="web", limit=9)
    assert [one["repository"] for one in page.items] == ["web"]
    assert page.next == read.newest_change()
    full = read.changes(None, registry="main", repository="web", limit=1)
    assert full.next == full.items[0]["cursor"] != page.next
    put(store, [Pushed("web", BASE, "1"), Pushed("api", BASE, "1")], clock=clock)
    for start in (page, full):
        [change] = read.changes(start.next, repository="web", limit=9).items
        assert (change["digest"], change["previous_digest"]) == (BASE.digest, APP.digest)


def test_changes_are_read_back_page_by_page(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed(name, APP, tag) for tag in "abc" for name in ("web", "api")], clock=clock)
    pages = all_pages(
        lambda after: read.newest_changes(after, registry="main", repository="web", limit=2)
    )
    assert [[one["tag"] for one in page] for page in pages] == [["c", "b"], ["a"]]
    forward = read.changes(None, repository="web", limit=9).items
    assert [one for page in pages for one in page] == [*forward][::-1]


def test_a_repository_that_went_has_no_tag(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", APP)], clock=clock)
    hide(store, "web", "latest", clock=clock)
    last = read.changes(None, limit=9).items[-1]
    assert (last["kind"], last["tag"], last["digest"]) == ("repository.removed", None, None)


def test_a_cursor_that_is_too_old_is_not_a_wrong_one(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    start = read.newest_change()
    put(store, [Pushed("web", APP)], clock=clock)
    clock.advance(1)
    with store.transaction():
        store.changes.forget(before=clock.now(), limit=9)
    with pytest.raises(CursorExpiredError):
        read.changes(start, limit=9)
    with pytest.raises(InvalidValueError, match="not a cursor"):
        read.changes("what", limit=9)
    assert read.changes(None, limit=9).items == ()


# What is not there


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.registry("none"), "no registry 'none'"),
        (lambda r: r.repositories("none", limit=1), "no registry 'none'"),
        (lambda r: r.changes(None, registry="none", limit=1), "no registry 'none'"),
        (lambda r: r.newest_changes(registry="none", limit=1), "no registry 'none'"),
        (lambda r: r.repository("none", "web"), "no registry 'none'"),
        (lambda r: r.repository("main", "none"), "no repository 'none' in registry 'main'"),
        (lambda r: r.repository("second", "web"), "no repository 'web' in registry 'second'"),
        (lambda r: r.tags("main", "none", limit=1), "no repository 'none' in registry 'main'"),
        (lambda r: r.tag("main", "web", "none"), "no tag 'none' in repository 'web' of 'main'"),
        (lambda r: r.image(UNKNOWN), f"no image '{UNKNOWN}'"),
        (
            lambda r: r.image(APP.digest, registry="second", repository="web"),
            f"no image '{APP.digest}' in repository 'web' in registry 'second'",
        ),
        (lambda r: r.places(UNKNOWN, limit=1), f"no image '{UNKNOWN}'"),
        (lambda r: r.derived(UNKNOWN, limit=1), f"no image '{UNKNOWN}'"),
        (lambda r: r.bases(UNKNOWN), f"no image '{UNKNOWN}'"),
        (lambda r: r.attachments(UNKNOWN), f"no image '{UNKNOWN}'"),
        (lambda r: r.layer(UNKNOWN, limit=1), f"no layer '{UNKNOWN}' in any image"),
        (lambda r: r.layer(APP.digest, limit=1), f"no layer '{APP.digest}' in any image"),
    ],
)
def test_what_is_not_there_is_named(
    store: Store,
    read: Resources,
    clock: ManualClock,
    ask: Callable[[Resources], object],
    message: str,
) -> None:
    put(store, [Pushed("web", APP, "1")], clock=clock)
    with pytest.raises(NotFoundError, match=message):
        ask(read)


@pytest.mark.parametrize(
    "text", ["", "latest", "sha256:abc", "sha256:" + "g" * 64, "\x00", "a" * 999]
)
def test_what_is_no_digest_is_a_mistake(read: Resources, text: str) -> None:
    asks: tuple[Callable[[], object], ...] = (
        lambda: read.image(text),
        lambda: read.places(text, limit=1),
        lambda: read.layer(text, limit=1),
    )
    for ask in asks:
        with pytest.raises(InvalidValueError, match="not a digest"):
            ask()


@pytest.mark.parametrize("text", ["'; DROP TABLE tags", "\x00", "ü" * 999, "../..", "%"])
def test_any_text_may_be_asked_for(
    store: Store, read: Resources, clock: ManualClock, text: str
) -> None:
    put(store, [Pushed("web", APP, "1")], clock=clock)
    asks: tuple[Callable[[], object], ...] = (
        lambda: read.registry(text),
        lambda: read.repository("main", text),
        lambda: read.tag("main", "web", text),
    )
    for ask in asks:
        with pytest.raises(NotFoundError) as found:
            ask()
        assert len(str(found.value)) < 700
    assert read.repositories("main", after=text, limit=1) is not None
    assert read.tags("main", "web", after=text, limit=1) is not None


# Whatever is stored


def test_every_resource_can_be_written_as_json(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    odd: Sequence[BuiltManifest] = (
        image(labels={"\u202e": "\ud7ff\x00"}, annotations={"": "", "k" * 2000: "v"}),
        image(layers=0),
        index([]),
        MULTI,
    )
    put(store, [Pushed("web", one, f"{n}") for n, one in enumerate(odd)], clock=clock)
    for one in odd:
        assert json.loads(json.dumps(read.image(one.digest)))["digest"] == one.digest


def test_a_registry_that_is_gone_from_the_settings_takes_all_with_it(
    store: Store, read: Resources, clock: ManualClock
) -> None:
    put(store, [Pushed("web", APP)], clock=clock)
    with store.transaction():
        store.registries.remove("main")
    assert [one["registry"] for one in read.registries()] == ["second"]
    with pytest.raises(NotFoundError):
        read.repository("main", "web")
    with pytest.raises(NotFoundError):
        read.image(APP.digest)
