"""Reading visible rows, page by page."""

import random
from collections.abc import Callable, Sequence
from itertools import chain

import pytest

from indexer.extract import BUILT_IN
from indexer.model.names import Digest, RepositoryName, TagName, is_system_tag
from indexer.model.stored import Pulls
from indexer.store import Page, PullCount, ShownTag, Store
from indexer.store.history import TagHistory
from indexer.store.shown import _MOVED
from indexer.store.visible import VISIBLE
from tests.attachments import sbom
from tests.builders import image, index
from tests.indexer.store.stored import (
    LATEST,
    WEB,
    at,
    event_move,
    push,
    put_registry,
    put_repository,
    whole,
)
from tests.series import series

A, B, ARM = image(seed="a"), image(seed="b"), image(seed="a", architecture="arm64")
MULTI = index([A, ARM])
NESTED = index([MULTI])
SYSTEM_TAG = A.digest.replace(":", "-")


def hide(store: Store, repository_id: int, tag: str) -> None:
    with store.transaction():
        store.content.hide_tag(repository_id, TagName(tag), seen_at=at(1_000))


def remove(store: Store, registry: str) -> None:
    with store.transaction():
        store.registries.remove(registry)


def names(page: Page[ShownTag]) -> list[str]:
    return [tag.name for tag in page.items]


def all_pages(read: Callable[[str], Page[ShownTag]]) -> list[list[str]]:
    """Read page after page, each from behind the one before."""
    pages, after = [], ""
    while True:
        page = read(after)
        pages.append(names(page))
        if page.next is None:
            return pages
        after = page.next


# Which tags


def test_the_queries_pass_over_the_same_tags_as_everything_else(store: Store) -> None:
    """Regression guard: the rule is written twice, in SQL and as a pattern."""
    chance = random.Random(1)
    hexes = ["0" * 64, "a" * 64, "A" * 64, "f" * 63, "f" * 65, "g" + "0" * 63, ""]
    ends = ["", ".sig", ".att", ".sbom", ".SIG", ".other", "0.sig", "-"]
    tags = {
        f"{algorithm}-{encoded}{end}"
        for algorithm in ("sha256", "sha512", "blake3", "SHA256", "sha1", "xsha256")
        for encoded in hexes
        for end in ends
    }
    tags |= {"latest", "artifacthub.io", "artifacthub.ioo", "Artifacthub.io", "sha256-"}
    tags |= {"".join(chance.choices("sha256-.ig0f", k=75)) for _ in range(100)}
    tags = {tag for tag in tags if len(tag) <= 128}
    repository_id = put_repository(store)
    with store.transaction():
        for tag in tags:
            store.content.put_tag(repository_id, TagName(tag), Digest(A.digest), seen_at=at(0))
    rows = store._database.execute(f"SELECT name FROM tags WHERE {VISIBLE}")
    assert {row[0] for row in rows} == {tag for tag in tags if not is_system_tag(tag)}
    assert any(map(is_system_tag, tags))


# Registries


def test_a_registry_is_shown_with_how_much_of_it_is_visible(store: Store) -> None:
    web, api = put_repository(store), put_repository(store, "api")
    for tag in ("1", "2", SYSTEM_TAG):
        push(store, web, tag, A, when=0)
    push(store, api, "gone", A, when=0)
    push(store, api, SYSTEM_TAG, A, when=0)
    hide(store, api, "gone")
    put_registry(store, "another", "other.example")
    another, default = store.shown.registries()
    assert (another.name, another.registry_host) == ("another", "other.example")
    assert (another.repositories, another.tags) == (0, 0)
    assert (default.name, default.repositories, default.tags) == ("default", 1, 2)
    assert store.shown.registry("default") == default


def test_a_registry_that_the_settings_name_no_more_is_shown_nowhere(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "1", A, when=0)
    remove(store, "default")
    assert store.shown.registries() == []
    assert store.shown.registry("default") is None
    assert store.shown.repositories("default", limit=9).items == ()
    assert store.shown.repository("default", WEB) is None
    assert store.shown.places(Digest(A.digest), limit=9).items == ()
    assert store.shown.holder(Digest(A.digest)) is None


# Repositories


def test_repositories_are_paged_by_name_from_behind_the_last(store: Store) -> None:
    for name in ("web", "api", "team/web", "api-2"):
        push(store, put_repository(store, name), "1", A, when=0)
    push(store, put_repository(store, "other", "second"), "1", A, when=0)
    first = store.shown.repositories("default", limit=3)
    assert [one.row.name for one in first.items] == ["api", "api-2", "team/web"]
    assert first.next == "team/web"
    rest = store.shown.repositories("default", after=first.next, limit=3)
    assert ([one.row.name for one in rest.items], rest.next) == (["web"], None)


def test_a_repository_without_a_visible_tag_is_not_shown(store: Store) -> None:
    hidden, tools, _ = (put_repository(store, name) for name in ("a", "b", "c"))
    push(store, hidden, "1", A, when=0)
    push(store, tools, SYSTEM_TAG, A, when=0)
    hide(store, hidden, "1")
    assert store.shown.repositories("default", limit=9).items == ()
    assert store.shown.repository("default", "a") is None


def test_where_many_tags_point_is_asked_for_at_once(store: Store) -> None:
    repository_id = put_repository(store)
    push(store, repository_id, "1", A, when=0)
    push(store, repository_id, "2", B, when=0)
    hide(store, repository_id, "2")
    gone = put_repository(store, "team/gone")
    push(store, gone, "1", A, when=0)
    hide(store, gone, "1")
    removed = put_repository(store, registry="second")
    push(store, removed, "1", A, when=0)
    remove(store, "second")
    places = [("default", WEB, "1"), ("default", WEB, "2"), ("default", WEB, "")]
    others = [("default", "team/gone", "1"), ("second", WEB, "1"), ("third", WEB, "1")]
    assert store.shown.targets([*places, *others]) == {
        places[0]: A.digest,
        places[1]: None,
        places[2]: None,
    }
    assert store.shown.targets([]) == {}
    repositories = [("default", WEB), ("default", "team/gone"), ("second", WEB), ("third", WEB)]
    assert store.shown.first_tags(repositories) == {("default", WEB): "1"}
    assert store.shown.first_tags([]) == {}


def test_a_repository_tells_of_its_tags_its_pulls_and_its_newest_push(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "1", A, when=0)
    push(store, web, "2", B, when=1)
    found = store.shown.repository("default", WEB)
    assert found is not None
    assert (found.tag_count, found.pulls, found.pushed_at) == (2, Pulls(), None)
    with store.transaction():
        # The newest event told of a tag that is gone, and the one before of where one was before.
        moves = [event_move("1", A.digest, 2), event_move("2", A.digest, 0.5)]
        store.content.add_tag_moves(web, [*moves, event_move("3", A.digest, 9)])
        store.pulls.add(web, PullCount("default", WEB, Digest(A.digest), 7, "2026-03-02T00:00:00Z"))
    found = store.shown.repository("default", WEB)
    assert found is not None
    assert found.first_seen_at == "2026-03-01T12:00:00.000000Z"
    assert found.pushed_at == "2026-03-01T12:00:02.000000Z"
    assert found.pulls == Pulls(7, "2026-03-02T00:00:00Z")
    assert found.row == store.repositories.get(web)


# Tags


@pytest.fixture
def tagged(store: Store) -> int:
    """Give a repository whose tags moved in another order than that of their names."""
    repository_id = put_repository(store)
    for when, tag in enumerate(("c", "a", "e", "b", "d", SYSTEM_TAG, "gone")):
        push(store, repository_id, tag, A, when=when)
    push(store, repository_id, "a", B, when=10)
    hide(store, repository_id, "gone")
    return repository_id


@pytest.mark.parametrize("seed", series(range(12), short=3))
def test_the_newest_tags_are_those_that_all_tags_tell(store: Store, seed: int) -> None:
    """After any moves, at equal times too, that events told of or a crawl saw, or both."""
    chosen = random.Random(seed)
    repository_id = put_repository(store)
    pushed = (A, B, ARM)
    for _ in range(120):
        tag, built, when = f"v{chosen.randrange(25)}", chosen.choice(pushed), chosen.randrange(90)
        if chosen.random() < 0.6:
            push(store, repository_id, tag, built, when=when)
        if chosen.random() < 0.6:
            moved = event_move(tag, built.digest, when + chosen.choice([0, 0, 1, 40]))
            with store.transaction():
                TagHistory(store._database).add([(repository_id, moved)])
        if chosen.random() < 0.1:
            hide(store, repository_id, tag)
    shown = store.shown
    every = shown.tell_tags(repository_id, shown.list_tags(repository_id))
    newest = sorted(every, key=lambda tag: tag.name)
    newest.sort(key=lambda tag: tag.tagged_at, reverse=True)
    for limit in range(1, len(newest) + 1):
        assert shown.newest_tags(repository_id, limit=limit) in (newest[:limit], None)
    assert shown.newest_tags(repository_id, limit=3) == newest[:3]
    assert shown.newest_tags(repository_id, limit=len(newest) + 1) is None


def test_the_newest_tags_are_found_without_sorting_all_moves(store: Store) -> None:
    plan = store._database.execute(f"EXPLAIN QUERY PLAN {_MOVED}", [1]).fetchall()
    assert [row[3].partition(" USING ")[0] for row in plan] == ["SEARCH tag_moves", "SEARCH tags"]


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_tags_are_paged_by_name(
    store: Store, tagged: int, limit: int, sizes: Sequence[int]
) -> None:
    pages = all_pages(lambda after: store.shown.tags(tagged, after=after, limit=limit))
    assert list(chain(*pages)) == list("abcde")
    assert [len(page) for page in pages] == sizes


def test_all_tags_are_listed_and_tell_their_times(store: Store, tagged: int) -> None:
    listed = store.shown.list_tags(tagged)
    assert [tag.name for tag in listed] == list("abcde")
    page = store.shown.tags(tagged, limit=9)
    assert tuple(store.shown.tell_tags(tagged, listed)) == page.items
    # More than are asked for by their names.
    assert store.shown.tell_tags(tagged, listed * 300) == [*page.items] * 300


@pytest.mark.parametrize(
    ("name", "limit", "expected"),
    [
        ("1.4", 4, ["1.2", "1.3", "1.5", "1.6"]),
        ("1.4", 3, ["1.3", "1.5", "1.6"]),
        ("1.45", 2, ["1.4", "1.5"]),
        ("1.1", 4, ["1.0", "1.2", "1.3", "1.4"]),
        ("1.9", 4, ["1.5", "1.6", "1.7", "1.8"]),
        ("", 3, ["1.0", "1.1", "1.2"]),
        ("2", 100, [f"1.{number}" for number in range(10)]),
    ],
)
def test_tags_next_to_a_name_are_read(
    store: Store, name: str, limit: int, expected: list[str]
) -> None:
    repository_id = put_repository(store)
    for number in range(10):
        push(store, repository_id, f"1.{number}", A, when=number)
    push(store, repository_id, SYSTEM_TAG, A, when=20)
    push(store, put_repository(store, "other"), "1.41", A, when=20)
    assert store.shown.tags_beside(repository_id, name, limit=limit) == expected


def test_a_tag_tells_since_when_it_points_where_it_does(store: Store, tagged: int) -> None:
    with store.transaction():
        store.content.add_tag_moves(tagged, [event_move("a", B.digest, 9, "alice")])
    tag = store.shown.tag(tagged, "a")
    assert tag == ShownTag(
        name=TagName("a"),
        digest=Digest(B.digest),
        first_seen_at="2026-03-01T12:00:01.000000Z",
        tagged_at="2026-03-01T12:00:09.000000Z",
        pushed_at="2026-03-01T12:00:09.000000Z",
    )
    assert tag in store.shown.tags(tagged, limit=9).items


@pytest.mark.parametrize("tag", ["gone", "never", SYSTEM_TAG])
def test_a_tag_that_is_not_visible_is_not_there(store: Store, tagged: int, tag: str) -> None:
    assert store.shown.tag(tagged, tag) is None


def test_as_many_moves_are_told_as_are_asked_for(store: Store, tagged: int) -> None:
    for when in range(20, 24):
        push(store, tagged, "a", A if when % 2 else B, when=when)
    moves = store.shown.moves(tagged, "a", limit=2)
    assert [move.digest for move in moves.items] == [A.digest, B.digest]
    assert moves.next is not None
    assert store.shown.moves(tagged, "a", limit=9).next is None


# Images


def test_a_digest_is_wherever_a_tag_leads_to_it(store: Store) -> None:
    web, api, other = (put_repository(store, *where) for where in ((WEB,), ("api",), ("x", "y")))
    push(store, web, "1", A, when=0)
    push(store, web, "multi", MULTI, when=0)
    with store.transaction():
        store.content.put_content(api, whole(MULTI), seen_at=at(0), kinds=BUILT_IN)
    push(store, api, "nested", NESTED, when=0)
    push(store, other, "a", A, when=0)
    push(store, other, LATEST, A, when=0)
    found = store.shown.places(Digest(A.digest), limit=9).items
    assert [(one.repository.name, one.digest, one.tags) for one in found] == [
        ("api", NESTED.digest, ("nested",)),
        *sorted([(WEB, MULTI.digest, ("multi",)), (WEB, A.digest, ("1",))]),
        ("x", A.digest, ("a", LATEST)),
    ]
    some = store.shown.places(Digest(A.digest), limit=2)
    assert some.items == found[:2]
    assert store.shown.places(Digest(A.digest), after=some.next or "", limit=9).items == found[2:]


def test_a_digest_without_a_tag_is_where_a_repository_holds_it(store: Store) -> None:
    web, other = put_repository(store), put_repository(store, "x", "y")
    for tag in ("1", SYSTEM_TAG):
        push(store, web, tag, A, when=0)
    push(store, other, "1", A, when=0)
    hide(store, web, "1")
    found = store.shown.places(Digest(A.digest), limit=9).items
    assert [(one.repository.name, one.digest, one.tags) for one in found] == [
        (WEB, A.digest, ()),
        ("x", A.digest, ("1",)),
    ]
    with store.transaction():
        store.content.unlink_manifest(web, Digest(A.digest))
    assert [one.repository.name for one in store.shown.places(Digest(A.digest), limit=9).items] == [
        "x"
    ]


def test_who_has_a_manifest_is_one_with_a_tag_for_it_if_any_is(store: Store) -> None:
    child, tagged = put_repository(store, "a"), put_repository(store, "b", "second")
    push(store, child, "multi", MULTI, when=0)
    assert store.shown.holder(Digest(A.digest)) == child
    push(store, tagged, "1", A, when=0)
    assert store.shown.holder(Digest(A.digest)) == tagged
    assert store.shown.holder(Digest(A.digest), registry="default") == child
    assert store.shown.holder(Digest(A.digest), repository="b") == tagged
    assert store.shown.holder(Digest(A.digest), registry="default", repository="b") is None
    assert store.shown.holder(Digest(B.digest)) is None


def test_what_a_registry_said_it_does_not_have_is_had_by_nobody(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "multi", MULTI, when=0)
    with store.transaction():
        store.presence.miss(web, Digest(A.digest), at=at(1), is_final=True)
    assert store.shown.holder(Digest(A.digest)) is None


def test_nobody_has_what_is_left_out_of_the_search(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "1", A, when=0)
    hide(store, web, "1")
    with store.transaction():
        store.untagged.exclude(web, excluded=True)
    assert store.shown.holder(Digest(A.digest)) is None


def test_an_image_is_read_with_its_tags_or_without_any(store: Store) -> None:
    web = put_repository(store)
    for when, tag in enumerate(("1", "2", "artifacthub.io")):
        push(store, web, tag, MULTI, when=when)
    with store.transaction():
        store.content.put_content(web, whole(sbom(A)), seen_at=at(0), kinds=BUILT_IN)
    tagged = store.shown.image(web, Digest(MULTI.digest))
    assert tagged is not None
    assert tagged == store.content.image(web, Digest(MULTI.digest))
    child = store.shown.image(web, Digest(A.digest))
    assert child is not None
    assert (child.content.digest, child.tags) == (A.digest, ())
    assert [one.content.digest for one in child.attachments] == [sbom(A).digest]
    assert store.shown.image(web, Digest(B.digest)) is None


def test_what_lost_its_tags_tells_since_when(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "1", A, when=0)
    assert store.shown.untagged(web, Digest(A.digest)) is None
    hide(store, web, "1")
    found = store.shown.untagged(web, Digest(A.digest))
    assert found is not None
    assert found.last_tags == ("1",)


def test_a_name_that_is_no_name_is_just_not_there(store: Store) -> None:
    put_repository(store, RepositoryName(WEB))
    for text in ("", "'", "\x00", "%", "../x", "ü"):
        assert store.shown.repository(text, text) is None
        assert store.shown.tag(1, text) is None
