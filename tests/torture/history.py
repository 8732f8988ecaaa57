"""Random small histories of a registry: pushes, moved tags, deletions, changes without events."""

import random
from collections.abc import Callable, Mapping

from tests.builders import BuiltManifest, artifact, helm_chart, image, index
from tests.fakes.content import Repository
from tests.fakes.events import Cause, Target
from tests.fakes.registry import FakeRegistry
from tests.torture.deliveries import Ledger, TagPlace

REPOSITORIES = ("solo", "deep/er/than/most", *(f"team{n % 4}/app{n:02}" for n in range(20)))
TAGS = ("latest", "1.0", "1.1", "2.0", "edge", "stable", "nightly")
TAGS_MAX = 150
"""The registry is kept small: beyond so many tags nothing new is pushed."""
SILENT = 0.05
"""The share of changes that no event tells of."""
AGAIN = 0.08
"""The share of changes to a tag that was changed in the same round already."""
NUMBER = "torture.number"
"""The label by which an image is told from all others."""
LATE_SECONDS_MAX = 0.15
"""The longest delay between the event of a late push and the push."""


class History:
    """Changes a registry, one random change at a time, and remembers everything it pushed.

    ``pause`` waits so many seconds.
    """

    def __init__(
        self,
        registry: FakeRegistry,
        ledger: Ledger,
        *,
        chance: random.Random,
        pause: Callable[[float], None],
    ) -> None:
        self.built: dict[str, BuiltManifest] = {}
        self._registry = registry
        self._ledger = ledger
        self._chance = chance
        self._pause = pause
        self._touched: set[TagPlace] = set()
        self._is_silent = False

    def start_round(self, chance: random.Random) -> None:
        """Draw from ``chance`` from now on; every tag may be changed again."""
        self._chance = chance
        self._touched.clear()

    def change_silently(self) -> None:
        """Make one random change that no event tells of."""
        self._is_silent = True
        self.change()
        self._is_silent = False

    def change(self) -> None:
        """Make one random change."""
        tags = sum(len(repository.tags) for repository in self._repositories.values())
        removals = {self.delete_tag: 8, self.delete_digest: 8, self.remove_repository: 1}
        pushes = {
            self.push: 24,
            self.push_index: 10,
            self.tag_again: 8,
            self.copy: 8,
            self.push_untagged: 4,
            self.push_signature: 4,
            self.push_late: 6,
        }
        weights = removals if tags >= TAGS_MAX else pushes | removals
        (change,) = self._chance.choices(list(weights), list(weights.values()))
        change()

    @property
    def _repositories(self) -> Mapping[str, Repository]:
        return self._registry.content.repositories

    # Pushes

    def push(self) -> None:
        """Push something new to a tag, new or moved."""
        self._put(self._some_place(), self._something_new())

    def push_index(self) -> None:
        """Push an index with children of its own, now and then with one from elsewhere."""
        children = [self._image(architecture=name) for name in ("amd64", "arm64", "s390x")]
        known = [built for built in self.built.values() if not built.children and built.blobs]
        if known and self._chance.random() < 0.3:
            children.append(self._chance.choice(known))
        children = children[self._chance.randrange(2) :]
        self._put(self._some_place(), self._remember(index(children)))

    def tag_again(self) -> None:
        """Let a second tag of the same repository point at the same digest."""
        place = self._tagged()
        if place is not None:
            built = self.built[self._repositories[place.repository].tags[place.tag]]
            other = TagPlace(place.repository, self._chance.choice(TAGS))
            if self._may_touch(other):
                self._put(other, built)

    def copy(self) -> None:
        """Push the content of one repository to another one."""
        if self.built:
            self._put(self._some_place(), self._chance.choice(list(self.built.values())))

    def push_untagged(self) -> None:
        """Push by digest alone."""
        name = self._chance.choice(REPOSITORIES)
        self._registry.put(name, self._something_new(), notify=self._is_told())

    def push_signature(self) -> None:
        """Push what signing tools push: an artifact under a tag made of the digest it is about."""
        place = self._tagged()
        if place is not None:
            digest = self._repositories[place.repository].tags[place.tag]
            tag = f"{digest.replace(':', '-')}.sig"
            layers = {"signature": self._number().encode()}
            signature = self._remember(artifact("application/vnd.example.signature", layers))
            self._put(TagPlace(place.repository, tag), signature)

    def push_late(self, *, seconds: float = LATE_SECONDS_MAX) -> None:
        """Push as the real registry does: the event goes out before the tag is to be seen.

        That takes up to ``seconds``.
        """
        place, built = self._some_place(), self._image()
        self._registry.put(place.repository, built)
        target = Target(
            place.repository, built.media_type, built.digest, len(built.body), place.tag
        )
        self._registry.notifier.post("push", target, Cause("PUT"))
        self._pause(self._chance.uniform(0, seconds))
        self._repositories[place.repository].tags[place.tag] = built.digest

    # Removals

    def delete_tag(self) -> None:
        """Delete a tag and leave its manifest."""
        place = self._tagged()
        if place is not None and self._may_touch(place):
            notify = self._is_told()
            self._registry.delete_tag(place.repository, place.tag, notify=notify)
            if not notify:
                self._ledger.keep_silent(place)

    def delete_digest(self) -> None:
        """Delete a manifest with every tag that points at it."""
        name = self._chance.choice(list(self._repositories) or [""])
        manifests = sorted(self._repositories[name].manifests) if name else []
        if manifests:
            digest = self._chance.choice(manifests)
            notify = self._is_told()
            tags = [tag for tag, at in self._repositories[name].tags.items() if at == digest]
            if all(self._may_touch(TagPlace(name, tag)) for tag in tags):
                self._registry.delete_digest(name, digest, notify=notify)
                for tag in tags if not notify else ():
                    self._ledger.keep_silent(TagPlace(name, tag))

    def remove_repository(self) -> None:
        """Remove a repository from the registry's disk; it never tells of that."""
        if self._repositories:
            self._remove(self._chance.choice(list(self._repositories)))

    def remove_many(self) -> None:
        """Remove many repositories at once, so that a crawl may see a lost disk."""
        names = list(self._repositories)
        for name in self._chance.sample(names, len(names) // 3):
            self._remove(name)

    def _remove(self, name: str) -> None:
        tags = list(self._repositories[name].tags)
        self._registry.delete_repository(name)
        for tag in tags:
            self._ledger.keep_silent(TagPlace(name, tag))

    # Chance

    def _put(self, place: TagPlace, built: BuiltManifest) -> None:
        notify = self._is_told()
        self._registry.put(place.repository, built, tag=place.tag, notify=notify)
        if not notify:
            self._ledger.keep_silent(place)

    def _is_told(self) -> bool:
        return not self._is_silent and self._chance.random() >= SILENT

    def _some_place(self) -> TagPlace:
        while True:
            place = TagPlace(self._chance.choice(REPOSITORIES), self._chance.choice(TAGS))
            if self._may_touch(place):
                return place

    def _tagged(self) -> TagPlace | None:
        places = [
            TagPlace(name, tag)
            for name, repository in sorted(self._repositories.items())
            for tag in sorted(repository.tags)
        ]
        return self._chance.choice(places) if places else None

    def _may_touch(self, place: TagPlace) -> bool:
        """Two changes of a tag in a row take long to settle: one waits to see what is gone."""
        if place in self._touched and self._chance.random() >= AGAIN:
            return False
        self._touched.add(place)
        return True

    def _something_new(self) -> BuiltManifest:
        draw = self._chance.random()
        if draw < 0.7:
            return self._image(docker=draw < 0.1)
        if draw < 0.85:
            return self._remember(helm_chart("chart", f"1.0.{self._number()}"))
        files = {"report.json": self._number().encode()}
        return self._remember(artifact("application/vnd.example.report", files))

    def _image(self, *, architecture: str = "amd64", docker: bool = False) -> BuiltManifest:
        number = self._number()
        built = image(
            seed=f"layer {self._chance.randrange(5)}",
            layers=1,
            labels={NUMBER: number},
            architecture=architecture,
            docker=docker,
        )
        return self._remember(built)

    def _number(self) -> str:
        return f"{self._chance.getrandbits(48):012x}"

    def _remember(self, built: BuiltManifest) -> BuiltManifest:
        self.built[built.digest] = built
        return built
