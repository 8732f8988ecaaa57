"""The document of a large repository is that of all its images, and few of them are read for it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.documents import describe, large_document, repository_document
from indexer.extract import BUILT_IN
from indexer.indexing.images import ImageReader
from indexer.indexing.parts import PartReader
from indexer.model import Document
from indexer.model.names import Digest, TagName
from indexer.store import MadeParts, Store
from tests import builders
from tests.fakes.clock import ManualClock
from tests.indexer.store.stored import (
    event_move,
    forget_stale,
    put_repository,
    read_content,
    visible_images,
)

BASE = builders.image(seed="base", labels={"of": "base", "version": "1"})
APP = builders.image(seed="app", base=BASE, labels={"of": "base", "app": "web"})
ARM = builders.image(seed="arm", architecture="arm64", labels={"app": "arm"})
MULTI = builders.index([APP, ARM], attestations=True)
SBOM = builders.artifact("application/spdx+json", {"a.json": b"{}"}, subject=APP)
SIGNATURE = builders.artifact("application/vnd.dev.cosign.artifact.sig.v1+json")
CHART = builders.helm_chart("web", "1.0.0", "A chart")
LATER = [
    builders.image(seed=f"later{days}", created=f"2026-01-{days:02}T00:00:00Z") for days in (4, 20)
]
OTHERS = [
    builders.image(seed=str(number), labels={"number": str(number), "same": "same"})
    for number in range(8)
]
BUILT = (BASE, APP, ARM, MULTI, SBOM, SIGNATURE, CHART, *LATER, *OTHERS)
COSIGN = f"{APP.digest.replace(':', '-')}.sig"
TAGS = tuple(
    map(TagName, ("latest", "1.0", "v2", "20260301", "edge", COSIGN, *map(str, range(10))))
)
"""Of tools, and of people."""


class World:
    """A repository whose document is made of parts, of few images each."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock()
        self.repository_id = put_repository(store)
        self.held: MadeParts | None = None
        self.start()

    def start(self) -> None:
        """Begin as a new process does, which knows nothing but the store."""
        self.images = ImageReader(self.store, clock=self.clock, kinds=BUILT_IN)
        self.parts = PartReader(self.store, self.images, images_at_once=2)

    # What happens

    def push(self, tag: int, built: int) -> None:
        one = BUILT[built % len(BUILT)]
        with self.store.transaction():
            content = read_content(one, *one.children, configs=tag % 5 > 0)
            now = self.clock.now()
            self.store.content.put_content(self.repository_id, content, seen_at=now, kinds=BUILT_IN)
            self.store.content.put_tag(
                self.repository_id, TAGS[tag % len(TAGS)], Digest(one.digest), seen_at=now
            )

    def hide(self, tag: int, _: int) -> None:
        with self.store.transaction():
            self.store.content.hide_tag(
                self.repository_id, TAGS[tag % len(TAGS)], seen_at=self.clock.now()
            )

    def unlink(self, _: int, built: int) -> None:
        with self.store.transaction():
            self.store.content.unlink_manifest(
                self.repository_id, Digest(BUILT[built % len(BUILT)].digest)
            )

    def tell(self, tag: int, built: int) -> None:
        move = event_move(TAGS[tag % len(TAGS)], BUILT[built % len(BUILT)].digest, tag)
        with self.store.transaction():
            self.store.content.add_tag_moves(self.repository_id, [move])

    def wait(self, tag: int, _: int) -> None:
        self.clock.advance(timedelta(days=tag % 7).total_seconds())

    def lose_version(self, _: int, built: int) -> None:
        """Have some parts be of another version of the extraction."""
        with self.store.transaction():
            self.store._database.execute(
                "UPDATE repository_parts SET version = 0 WHERE id % 3 = ?", [built % 3]
            )

    def forget(self, _: int, __: int) -> None:
        self.held = None
        with self.store.transaction():
            self.store.parts.forget()

    def mark_bases(self) -> None:
        """Mark what has another base now: until then, what is kept has the old labels."""
        with self.store.transaction():
            while self.store.chains.mark_some():
                pass

    # Documents

    def compose(self) -> tuple[Document | None, MadeParts]:
        part, size_bytes = self.parts.read(self.repository_id)
        [made] = self.parts.take_made()
        if not part.images:
            return None, made
        tagged = self.store.content.find_tagged_images(self.repository_id, [part.shares[0].digest])
        [face] = self.images.describe(self.repository_id, tagged)
        document = large_document(
            self.store.repositories.get(self.repository_id),
            part,
            face=face,
            pulls=self.store.pulls.get_repository(self.repository_id),
            size_bytes=size_bytes,
        )
        return document, made

    def keep(self, made: MadeParts) -> None:
        with self.store.transaction():
            self.store.extraction.keep(self.images.take_extracted())
            self.store.parts.keep(made)

    def expected(self) -> Document | None:
        """Return the same out of all images, read from their bytes."""
        content = self.store.content
        found = [
            content.image(self.repository_id, digest)
            for digest in visible_images(self.store, self.repository_id)
        ]
        now = self.clock.now()
        described = [describe(one, now=now, kinds=BUILT_IN) for one in found if one is not None]
        if not described:
            return None
        return repository_document(
            self.store.repositories.get(self.repository_id),
            described,
            tags=content.newest_tags(self.repository_id),
            pulls=self.store.pulls.get_repository(self.repository_id),
        )

    def check_counts(self) -> None:
        """Check that each blob is counted as often as parts say that they have it."""
        execute = self.store._database.execute
        counted = dict(execute("SELECT blob, parts FROM repository_blobs").fetchall())
        said: dict[str, int] = {}
        for (blobs,) in execute("SELECT blobs FROM repository_parts WHERE blobs <> ''"):
            for blob in blobs.split():
                said[blob] = said.get(blob, 0) + 1
        assert counted == said


CHANGES: Sequence[Callable[[World, int, int], None]] = (
    *(World.push,) * 6,
    *(World.hide, World.hide, World.unlink, World.tell, World.tell),
    *(World.wait, World.lose_version, World.forget),
)
KEEP, KEEP_LATER, LOSE = range(3)
STEPS = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.sampled_from(CHANGES), st.integers(0, 99), st.integers(0, 99)),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from([KEEP, KEEP, KEEP, KEEP_LATER, LOSE]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_document_made_of_parts_is_that_of_all_images(
    steps: list[tuple[list[tuple[Callable[[World, int, int], None], int, int]], int]],
) -> None:
    """Whatever changes, and whenever the process ends, or something changes while it reads."""
    with TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        store._database.execute("PRAGMA synchronous = OFF")
        world = World(store)
        for number, (changes, what) in enumerate(steps):
            for change, tag, built in changes:
                change(world, tag, built)
            world.mark_bases()
            if world.held is not None:
                world.keep(world.held)
                world.held = None
            found, made = world.compose()
            expected = world.expected()
            if expected is not None and found is not None:
                # Those of its images are asked of them.
                expected = replace(
                    expected,
                    keywords=found.keywords,
                    numbers=found.numbers,
                    is_met_by_images=True,
                )
            assert found == expected, number
            if what == KEEP_LATER:
                world.held = made
                continue
            if what == KEEP:
                world.keep(made)
            else:
                world.start()
            forget_stale(store)
            world.check_counts()
