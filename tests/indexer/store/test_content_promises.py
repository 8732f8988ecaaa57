"""The content keeps its promises in any order: one history, and no forgotten document."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest

from indexer.extract import BUILT_IN
from indexer.model.document import Document
from indexer.model.names import Digest, TagName
from indexer.store import ReadContent, Store, TagMove
from tests import builders
from tests.indexer.store.stored import (
    LATEST,
    at,
    event_move,
    forget_stale,
    put_registry,
    put_repository,
    read_content,
    read_documents,
    stale_keys,
)
from tests.series import series

A, B, C = (Digest("sha256:" + letter * 64) for letter in "abc")


@pytest.fixture(autouse=True)
def fast_store(store: Store) -> None:
    """Durability is not what these tests are about."""
    store._database.execute("PRAGMA synchronous = OFF")


# The history of a tag


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a refresh of the tag saw; None for an absent tag."""

    digest: Digest | None
    when: float


def tell(store: Store, repository_id: int, told: Sequence[TagMove | Sighting]) -> list[TagMove]:
    """Tell the store everything in this order and return the history it then has."""
    for one in told:
        with store.transaction():
            if isinstance(one, TagMove):
                store.content.add_tag_moves(repository_id, [one])
            elif one.digest is None:
                store.content.hide_tag(repository_id, LATEST, seen_at=at(one.when))
            else:
                store.content.put_tag(repository_id, LATEST, one.digest, seen_at=at(one.when))
    return store.content.tag_moves(repository_id, LATEST)


def interleaved(
    chance: random.Random, moves: Sequence[TagMove], sightings: Sequence[Sighting]
) -> list[TagMove | Sighting]:
    """Return events in any order, some twice, between sightings, which happen in their own."""
    waiting = list(moves) + chance.sample(moves, k=len(moves) // 2)
    chance.shuffle(waiting)
    told: list[TagMove | Sighting] = list(sightings)
    for move in waiting:
        told.insert(chance.randint(0, len(told)), move)
    return told


def timeline(chance: random.Random, *, skew: float = 0) -> tuple[list[TagMove], list[Sighting]]:
    """Return pushes and deletes of a tag as events tell of them, and what was seen in between.

    Something happens every 100 seconds, and the registry's clock is ``skew`` seconds ahead.
    """
    moves, sightings, state = list[TagMove](), list[Sighting](), None
    for step in range(chance.randint(1, 8)):
        if chance.random() < 0.15:
            state = None
        else:
            state = chance.choice((A, B, C))
            actor = chance.choice(("ada", ""))
            moves.append(event_move(LATEST, state, 100 * step + skew, actor))
        seen = [100 * step + after for after in (1, 9) if chance.random() < 0.6]
        sightings += [Sighting(state, when) for when in seen]
    return moves, sightings


def histories(
    store: Store, chance: random.Random, moves: list[TagMove], sightings: list[Sighting]
) -> Iterator[tuple[list[TagMove], list[TagMove | Sighting]]]:
    """Yield the history for several orders of telling, each with the order that led to it."""
    for _ in range(6):
        repository_id = put_repository(store, f"r{chance.getrandbits(60):x}")
        told = interleaved(chance, moves, sightings)
        yield tell(store, repository_id, told), told


@pytest.mark.parametrize("skew", [0, 60, -60])
def test_events_in_any_order_and_number_between_sightings_end_in_what_happened(
    store: Store, skew: float
) -> None:
    """No event is lost here, so what we saw ourselves adds nothing, whatever the clocks say."""
    chance = random.Random(1)
    for _ in range(40):
        moves, sightings = timeline(chance, skew=skew)
        expected = sorted(moves, key=lambda move: move.tagged_at, reverse=True)
        for history, told in histories(store, chance, moves, sightings):
            assert history == expected, told


def test_the_order_of_events_makes_no_difference_when_some_are_lost(store: Store) -> None:
    """Regression: an event dropped what was seen before it was known what lay in between."""
    chance = random.Random(2)
    for _ in range(60):
        moves, sightings = timeline(chance)
        kept = [move for move in moves if chance.random() < 0.6]
        first, *others = histories(store, chance, kept, sightings)
        for history, told in others:
            assert history == first[0], (first[1], told)


def test_a_move_back_whose_event_was_lost_is_known_from_sight(store: Store) -> None:
    """The case behind the seeded test: A, B and A again, of which the last was only seen."""
    moves = [event_move(LATEST, A, 1), event_move(LATEST, B, 2)]
    sightings = [Sighting(A, 3.5)]
    orders: list[list[TagMove | Sighting]] = [
        [*moves, *sightings],
        [*sightings, *moves],
        [*sightings, *reversed(moves)],
    ]
    for number, told in enumerate(orders):
        history = tell(store, put_repository(store, f"r{number}"), told)
        assert [move.digest for move in history] == [A, B, A], told
        assert [move.from_event for move in history] == [False, True, True]


def test_an_event_of_the_very_moment_a_move_was_seen_takes_its_place(store: Store) -> None:
    """Regression: the event was taken for a duplicate and its actor was lost."""
    event = event_move(LATEST, A, 1, actor="ada")
    seen = Sighting(A, 1)
    orders: list[list[TagMove | Sighting]] = [[event, seen], [seen, event], [seen, event, event]]
    for number, told in enumerate(orders):
        assert tell(store, put_repository(store, f"r{number}"), told) == [event]


def test_two_events_of_one_moment_are_told_the_same_in_any_order(store: Store) -> None:
    by_ada, by_bob = event_move(LATEST, A, 1, "ada"), event_move(LATEST, A, 1, "bob")
    other = event_move(LATEST, B, 1)
    one, two = put_repository(store, "one"), put_repository(store, "two")
    first = tell(store, one, [by_ada, other, by_bob, Sighting(A, 2)])
    assert first == tell(store, two, [by_bob, by_ada, other, Sighting(A, 2)])
    assert [(move.digest, move.actor) for move in first] == [(A, ""), (B, ""), (A, "bob")]


def test_histories_of_other_tags_and_repositories_are_their_own(store: Store) -> None:
    web, api = put_repository(store), put_repository(store, "team/api")
    tell(store, web, [Sighting(A, 1), event_move("stable", A, 1)])
    tell(store, api, [Sighting(B, 1)])
    assert [move.digest for move in store.content.tag_moves(web, LATEST)] == [A]
    assert [move.digest for move in store.content.tag_moves(api, LATEST)] == [B]
    assert [move.from_event for move in store.content.tag_moves(web, "stable")] == [True]
    assert store.content.tag_moves(api, "stable") == []


# Documents to make again

AMD64 = builders.image(labels={"team": "web"}, annotations={"a": "1"}, seed="x")
SAME_CONFIG = builders.image(labels={"team": "web"}, annotations={"a": "2"}, seed="x")
ARM64 = builders.image(architecture="arm64", labels={"team": "api"}, seed="y")
MULTI = builders.index([AMD64, ARM64], annotations={"org.opencontainers.image.title": "multi"})
NESTED = builders.index([MULTI, SAME_CONFIG])
CHART = builders.helm_chart("web", "1.0.0", "A chart")
BUILT = (AMD64, SAME_CONFIG, ARM64, MULTI, NESTED, CHART)
TAGS = tuple(map(TagName, ("latest", "1.0", "edge", "sha256-" + "a" * 64)))
Documents = dict[tuple[int, str], Document]


class World:
    """Two registries of two repositories each, and one random change of them at a time."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.hosts = {"one": "a.example", "two": "b.example"}
        self.repositories = [
            put_repository(store, name, registry)
            for registry in self.hosts
            for name in ("team/web", "team/api")
        ]
        self.changes = (
            self.put_content,
            self.put_config,
            self.link,
            self.unlink,
            self.put_tag,
            self.put_tag,
            self.put_tag,
            self.hide_tag,
            self.add_moves,
            self.add_moves,
            self.put_registry,
        )

    def change(self) -> str:
        """Change something and return what."""
        change = self.chance.choice(self.changes)
        repository_id = self.chance.choice(self.repositories)
        with self.store.transaction():
            change(repository_id)
        return f"{change.__name__} in {repository_id}"

    def documents(self) -> Documents:
        """Return all documents there should be, by the key under which they are made again."""
        return {
            (repository_id, document.key.digest or ""): document
            for repository_id in self.repositories
            for document in read_documents(self.store, repository_id)
        }

    def put_content(self, repository_id: int) -> None:
        built = self.chance.sample(BUILT, k=self.chance.randint(1, 3))
        content = read_content(*built, configs=self.chance.random() < 0.4)
        self.store.content.put_content(repository_id, content, seen_at=self.now(), kinds=BUILT_IN)

    def put_config(self, repository_id: int) -> None:
        config = self.chance.choice([built.blobs[0] for built in BUILT if built.blobs])
        content = ReadContent((), ((Digest(config.digest), config.body),))
        self.store.content.put_content(repository_id, content, seen_at=self.now(), kinds=BUILT_IN)

    def link(self, repository_id: int) -> None:
        digest = self.digest()
        if self.store.content.has_manifest(digest):
            self.store.content.link_manifest(repository_id, digest, seen_at=self.now())

    def unlink(self, repository_id: int) -> None:
        self.store.content.unlink_manifest(repository_id, self.digest())

    def put_tag(self, repository_id: int) -> None:
        self.store.content.put_tag(repository_id, self.tag(), self.digest(), seen_at=self.now())

    def hide_tag(self, repository_id: int) -> None:
        self.store.content.hide_tag(repository_id, self.tag(), seen_at=self.now())

    def add_moves(self, repository_id: int) -> None:
        moves = [
            TagMove(self.tag(), self.digest(), self.now(), from_event=self.chance.random() < 0.8)
            for _ in range(2)
        ]
        self.store.content.add_tag_moves(repository_id, moves)

    def put_registry(self, _: int) -> None:
        name = self.chance.choice(list(self.hosts))
        if self.chance.random() < 0.3:
            self.hosts[name] = f"{self.chance.getrandbits(30):x}.example"
        self.store.registries.put(name, url="https://new", registry_host=self.hosts[name])

    def digest(self) -> Digest:
        return Digest(self.chance.choice(BUILT).digest)

    def tag(self) -> TagName:
        return self.chance.choice(TAGS)

    def now(self) -> datetime:
        return at(self.chance.randint(0, 50))


@pytest.mark.parametrize("seed", series(range(4), short=2))
def test_a_document_changes_only_when_it_is_marked_to_be_made_again(
    store: Store, seed: int
) -> None:
    """Live updates equal a rebuild: whatever differs after a change is on the list."""
    world = World(store, seed)
    before, seen = world.documents(), 0
    for step in range(250):
        forget_stale(store)
        what = world.change()
        after, marked = world.documents(), set(stale_keys(store))
        differing = {
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        }
        assert differing <= marked, (seed, step, what)
        seen += len(differing)
        before = after
        kinds = [key for key in after if key[1] == ""]
        assert store.content.count_visible() == (len(kinds), len(after) - len(kinds))
    assert seen > 60


def test_a_new_registry_host_is_in_every_document_of_that_registry_alone(store: Store) -> None:
    """Regression: answers went on naming the old host until each image was pushed again."""
    one, two = put_repository(store, registry="one"), put_repository(store, registry="two")
    for repository_id in (one, two):
        with store.transaction():
            store.content.put_content(
                repository_id, read_content(AMD64), seen_at=at(0), kinds=BUILT_IN
            )
            store.content.put_tag(repository_id, LATEST, Digest(AMD64.digest), seen_at=at(0))
    forget_stale(store)
    put_registry(store, "one", host="r.example.org")
    assert stale_keys(store) == []
    put_registry(store, "one", host="new.example.org")
    assert stale_keys(store) == [(one, ""), (one, AMD64.digest)]
    references = {document.result["reference"] for document in read_documents(store, one)}
    assert references == {"new.example.org/team/web:latest"}
