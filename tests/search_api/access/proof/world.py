"""Three registries that share content, with marks by which everything hidden is known again.

A mark is a word that only one image or one repository has. It stands in names, tags, labels and
their keys, descriptions, variables and commands. Whatever holds a mark that no visible content has
tells of something hidden.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

from indexer.engines import Engine
from indexer.model import Rights
from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.store import Journal, Store, TagMove
from tests.attachments import sbom
from tests.builders import BuiltManifest, helm_chart, image, index
from tests.fakes.clock import START, ManualClock
from tests.search_api.filling import Pushed, bring_up_to_date, finish_crawl, put

HOSTS = {"inner7": "inner7.example", "outer8": "outer8.example:5000", "open": "open.example"}
"""Hosts of registries by their names; no other text has the first two names."""
PUBLIC = "open"
MARK = re.compile(r"mk[0-9a-f]{8}")
HEX = re.compile(r"[0-9a-f]{64}")
TITLE = "org.opencontainers.image.title"
DESCRIPTION = "org.opencontainers.image.description"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
TEAMS = ("payments", "search", "media", "data", "web", "infra", "tools", "base")
SOFTWARE = (
    *("nginx", "postgres", "redis", "kafka", "grafana", "python", "golang", "worker", "gateway"),
    *("billing", "exporter", "operator", "frontend", "backup", "proxy", "queue"),
)
LICENSES = ("MIT", "Apache-2.0", "GPL-3.0-only", "")
OPEN_BASES = 5
MANY = 3
"""An image and a repository of so many are of each kind that is rare."""


def mark(of: str) -> str:
    """Return the mark of something; the same for the same text."""
    return f"mk{sha256(of.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A repository of a registry."""

    registry: str
    repository: str


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was pushed, in order."""

    pushed: tuple[Pushed, ...]

    @property
    def places(self) -> list[Place]:
        """Return all repositories, by name."""
        return sorted({Place(one.registry, one.repository) for one in self.pushed})

    def seen_by(self, rights: Rights) -> "World":
        """Return what the rights let see."""
        return World(tuple(one for one in self.pushed if rights.sees(one.registry, one.repository)))

    def told(self) -> set[str]:
        """Return every mark and every digest that is a part of it, without ``sha256:``."""
        found = set[str]()
        for built in {one.built.digest: one.built for one in self.pushed}.values():
            found |= set(_told_by(built))
        for one in self.pushed:
            found.update(MARK.findall(f"{one.repository} {one.tag} {actor_of(one)}"))
        return found


def actor_of(pushed: Pushed) -> str:
    """Return who pushed it, as an event says."""
    return mark(f"actor {pushed.registry} {pushed.repository}")


def _told_by(built: BuiltManifest) -> Iterator[str]:
    yield built.digest.removeprefix("sha256:")
    texts = [built.body.decode()]
    for blob in built.blobs:
        yield blob.digest.removeprefix("sha256:")
        if blob.media_type.endswith("json"):
            texts.append(blob.body.decode())
    for text in texts:
        yield from MARK.findall(text)
        yield from HEX.findall(text)
    for child in built.children:
        yield from _told_by(child)


def make_world(repositories: int, *, seed: int = 0) -> World:
    """Return so many repositories in three registries, the same for the same seed."""
    dice = Random(seed)
    contents = _contents(repositories, dice)
    numbers = {one.digest: number for number, one in enumerate(contents)}
    names = [_name(number, dice) for number in range(repositories * 4 // 5)]
    places = {Place(dice.choice(list(HOSTS)), name) for name in names}
    while len(places) < repositories:
        # Equal names in several registries.
        places.add(Place(dice.choice(list(HOSTS)), dice.choice(names)))
    pushed = []
    for built in contents[:OPEN_BASES]:
        # Everybody sees these bases, for labels of a base are found out from all that is known.
        pushed.append(Pushed(f"base/open-{mark(built.digest)}", built, "1", PUBLIC))
    for place in sorted(places):
        for built in dice.sample(contents, dice.choice((1, 1, 1, 2))):
            tags = [f"{dice.randrange(20)}.{dice.randrange(9)}", "latest"]
            tags += [f"v-{mark(f'tag {place} {built.digest}')}"]
            for tag in dice.sample(tags, dice.choice((1, 1, 2))):
                pushed.append(Pushed(place.repository, built, tag, place.registry))
            if built.blobs and dice.randrange(MANY) == 0:
                attached = sbom(built, seed=mark(f"sbom {built.digest}"))
                tag = f"{built.digest.replace(':', '-')}.sbom"
                pushed.append(Pushed(place.repository, attached, tag, place.registry))
    # In the order in which images are built on each other: it is that of lists of related images.
    pushed.sort(key=lambda one: numbers.get(one.built.digest, len(numbers)))
    return World(tuple(pushed))


def _name(number: int, dice: Random) -> str:
    unique = mark(f"name {number}")
    return f"{dice.choice(TEAMS)}/{dice.choice(SOFTWARE)}-{unique}"


def _contents(repositories: int, dice: Random) -> list[BuiltManifest]:
    made: list[BuiltManifest] = []
    bases: list[BuiltManifest] = []
    open_bases = set[str]()
    for number in range(repositories):
        base = dice.choice(bases) if bases and dice.randrange(5) else None
        unique = mark(f"content {number}")
        if number % 11 == 10:
            made.append(helm_chart(f"chart-{unique}", "1.0", f"Charts {unique}", keywords=[unique]))
            continue
        is_open = base is None or base.digest in open_bases
        built = _image(unique, base, dice, is_open=is_open)
        if len(bases) < OPEN_BASES + repositories // 4:
            bases.append(built)
        if is_open and len(open_bases) < OPEN_BASES:
            open_bases.add(built.digest)
        if number % 7 == 6:
            other = image(seed=f"arm {unique}", architecture="arm64", env=[f"ARM={unique}"])
            built = index([built, other], attestations=bool(number % 2))
        made.append(built)
    return made


def _image(
    unique: str, base: BuiltManifest | None, dice: Random, *, is_open: bool
) -> BuiltManifest:
    """Return an image; it has labels of its bases only if everybody sees these.

    Labels count as inherited also from a base that is hidden: docs/security.md says so.
    """
    software = dice.choice(SOFTWARE)
    labels = base.config["config"].get("Labels", {}) if base and is_open else {}
    if is_open:
        labels |= {
            "team": dice.choice(TEAMS),
            "org.opencontainers.image.licenses": dice.choice(LICENSES),
        }
    labels |= {
        TITLE: f"{software} {unique}",
        f"org.{unique}": f"x{unique}",
        "org.opencontainers.image.vendor": f"Vendor {unique}",
        "org.opencontainers.image.revision": unique,
    }
    annotations = {DESCRIPTION: f"The {software} of {unique}, {dice.choice(SOFTWARE)}"}
    if base and dice.randrange(2):
        annotations |= {BASE_DIGEST: base.digest, BASE_NAME: f"base/{unique}:1"}
    return image(
        labels=labels,
        annotations=annotations,
        seed=unique,
        env=[f"{unique.upper()}=1", f"NAME={unique}"],
        ports=[f"{dice.randrange(1, 9000)}/tcp"],
        cmd=[f"/run-{unique}"],
        user=unique,
        base=base,
        commands=[f"RUN make {unique}", f"COPY {unique} /"],
        created=f"2026-0{dice.randrange(1, 10)}-02T03:04:05Z",
    )


async def fill_world(
    directory: Path, world: World, rights: Rights, make_engine: Callable[[Path], Engine]
) -> None:
    """Make a data directory of the registries of which the rights let anything see."""
    clock = ManualClock()
    with closing(Store(directory)) as store:
        for registry in HOSTS:
            if rights.sees_registry(registry):
                finish_crawl(store, registry, clock=clock, registries=HOSTS)
        put(store, world.pushed, clock=clock, registries=HOSTS)
        with store.transaction():
            _tell_more(store, world.pushed)
            # The rebuild makes all documents.
            for table in ("stale_documents", "changed_bases"):
                store._database.execute(f"DELETE FROM {table}")
    await bring_up_to_date(directory, clock=clock, make_engine=make_engine)
    with (
        closing(Store(directory)) as store,
        closing(Journal(directory)) as journal,
        store.transaction(),
    ):
        store.set_journal_position(journal.newest())
        store.set_alive(clock.now())


def _tell_more(store: Store, pushed: Sequence[Pushed]) -> None:
    """Write who pushed what, and that some tags are gone."""
    for each in sorted(pushed, key=_order):
        registry = store.registries.registry_id(each.registry)
        assert registry is not None
        repository = store.repositories.find(registry, RepositoryName(each.repository))
        assert repository is not None
        digest = parse_digest(each.built.digest)
        move = TagMove(TagName(each.tag), digest, START, actor_of(each))
        store.content.add_tag_moves(repository, [move])
        if sum(each.tag.encode()) % 23 == 0:
            store.content.hide_tag(repository, TagName(each.tag), seen_at=START)


def _order(pushed: Pushed) -> tuple[str, str, str]:
    return pushed.registry, pushed.repository, pushed.tag


def strings(value: object) -> Iterable[str]:
    """Return marks and digests of any JSON."""
    text = json.dumps(value)
    return [*MARK.findall(text), *HEX.findall(text)]
