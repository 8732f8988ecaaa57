"""How often tags moved, as far as we saw it ourselves."""

from datetime import timedelta

from indexer.store import MovingTag, Store
from tests.builders import image
from tests.indexer.store.stored import LATEST, at, event_move, push, put_repository

A, B, C = (image(seed=seed) for seed in "abc")
ALL = timedelta(days=9_999)


def listed(store: Store, *, after: int = 0, since: float = -1e6) -> tuple[MovingTag, ...]:
    return store.moves.list(1, after=after, limit=9, since=at(since)).moving


def test_only_tags_that_moved_are_listed_with_how_often(store: Store) -> None:
    web = put_repository(store)
    for when, built in ((0, A), (10, B), (20, C), (30, C)):
        push(store, web, "latest", built, when=when)
    push(store, web, "1.0", A, when=5)
    (moving,) = listed(store)
    assert (moving.tag, moving.moves) == ("latest", 2)
    assert (moving.since, moving.confirmed_at) == (at(0), at(30))
    assert store.moves.list(1, after=0, limit=9, since=at(-1)).tags == 2


def test_old_moves_and_those_that_only_events_told_do_not_count(store: Store) -> None:
    web = put_repository(store)
    for when, built in ((0, A), (10, B), (20, C)):
        push(store, web, "latest", built, when=when)
    with store.transaction():
        store.content.add_tag_moves(web, [event_move("latest", B.digest, 25, "ada")])
    (moving,) = listed(store, since=15)
    assert (moving.moves, moving.since) == (1, at(15))
    assert listed(store, since=20) == ()


def test_hidden_tags_are_not_listed(store: Store) -> None:
    web = put_repository(store)
    for when, built in ((0, A), (10, B)):
        push(store, web, "latest", built, when=when)
    with store.transaction():
        store.content.hide_tag(web, LATEST, seen_at=at(20))
    assert listed(store) == ()
    assert store.moves.list(1, after=0, limit=9, since=at(0)).tags == 0


def test_repositories_are_read_some_at_a_time(store: Store) -> None:
    numbers = [put_repository(store, f"team/{name}") for name in "abc"]
    for number in numbers:
        for when, built in ((0, A), (10, B)):
            push(store, number, "latest", built, when=when)
    found: list[str] = []
    last: int | None = 0
    rounds = 0
    while last is not None:
        page = store.moves.list(1, after=last, limit=2, since=at(0))
        found += [one.repository for one in page.moving]
        last = page.last
        rounds += 1
    assert found == ["team/a", "team/b", "team/c"]
    assert rounds == 2
