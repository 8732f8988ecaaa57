"""Writes that come late, twice, in part and in any order end in the same documents."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexer.engines.opensearch import ClusterAddress, OpenSearchEngine
from indexer.engines.protocol import IndexReader
from indexer.errors import EngineAwayError
from indexer.model import Document, Everything
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.conformance.index import REPOSITORY
from tests.indexer.engines.opensearch.courier import Courier, Fate, courier_before
from tests.indexer.engines.writing import reading
from tests.opensearch.cluster import Cluster

NAMES = "abcd"
WRITERS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """A change by one of the writers, of whom a later one has a greater number."""

    writer: int
    written: frozenset[str]
    removed: frozenset[str]
    fates: tuple[Fate, ...]
    """Of the bulk requests that it makes: of words, of documents, and the same repeated."""
    again: int
    """So many older bulk requests reach the cluster before it, some for the first time."""


def steps() -> st.SearchStrategy[list[Step]]:
    names = st.frozensets(st.sampled_from(NAMES), max_size=3)
    fates = st.lists(st.sampled_from(Fate), max_size=4).map(tuple)
    writers = st.integers(0, WRITERS - 1)
    step = st.builds(Step, writers, names, names, fates, st.integers(0, 2))
    return st.lists(step, min_size=1, max_size=8)


@dataclass(frozen=True, slots=True)
class Installation:
    """An engine whose requests go by a courier, with the generation ``one``."""

    engine: OpenSearchEngine
    courier: Courier
    cluster: Cluster


@pytest.fixture
def installation(needs_cluster: Cluster, tmp_path: Path) -> Iterator[Installation]:
    with courier_before(needs_cluster.urls[0]) as (courier, url):
        # Each request that fails is repeated once, at once.
        engine = OpenSearchEngine(
            tmp_path, ClusterAddress((url,)), prefix="t-order", patience=0.1, sleep=lambda _: None
        )
        engine.create("one")
        yield Installation(engine, courier, needs_cluster)


def written(name: str, registry: str, change: int) -> Document:
    """Return a document that tells by what change it was written, with a word of its own."""
    return document(name, registry=registry, created=change, description=(f"word{change:06}",))


def document_id(name: str, registry: str) -> str:
    return f"{name} {registry}"


def found(reader: IndexReader, registry: str) -> dict[str, int]:
    """Return the change of each document of a registry that a search finds."""
    page = reader.search(Everything(), document_type=REPOSITORY, limit=100_000)
    return {hit.id: hit.result["created"] for hit in page.hits if hit.id.endswith(f" {registry}")}


def check_words(reader: IndexReader, changes: Iterable[int]) -> None:
    """Check that a misspelling leads to the word of each change."""
    for change in changes:
        near = reader.spellings(f"wrod{change:06}", document_type=REPOSITORY, limit=1_000)
        assert f"word{change:06}" in {word for word, _ in near}


NOTHING = frozenset[str]()
WORDS_LEFT_BEHIND = [
    Step(0, frozenset("a"), NOTHING, (Fate.DONE, Fate.UNHEARD, Fate.UNHEARD), again=0),
    Step(1, NOTHING, frozenset("b"), (), again=0),
]
"""A writer ends before it had its document and words shown; the next one has no new words."""
REGISTRIES = (f"{number}.example" for number in count())
CHANGES = count(1)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(steps=WORDS_LEFT_BEHIND, random=Random(0))
@given(steps=steps(), random=st.randoms(use_true_random=False))
def test_the_greatest_number_wins_whatever_the_order_of_writes(
    installation: Installation, steps: list[Step], random: Random
) -> None:
    """All writers are there at once: requests of a killed one may be under way for long."""
    registry, courier = next(REGISTRIES), installation.courier
    courier.bulks.clear()
    newest: dict[str, tuple[int, int]] = {}
    present: dict[str, int] = {}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(closing(installation.engine.open_writer("one")))
            for _ in range(WRITERS)
        ]
        for step in steps:
            courier.deliver(random.sample(courier.bulks, min(step.again, len(courier.bulks))))
            change, before = next(CHANGES), len(courier.bulks)
            courier.fates.extend(step.fates)
            with suppress(EngineAwayError):
                writers[step.writer].apply(
                    REPOSITORY,
                    [written(name, registry, change) for name in sorted(step.written)],
                    [document_id(name, registry) for name in sorted(step.removed)],
                )
            courier.fates.clear()
            if not any("-repository/" in bulk.path for bulk in courier.bulks[before:]):
                # Its words did not reach the cluster, so its documents were not sent.
                continue
            for name in step.written | step.removed:
                changed = document_id(name, registry)
                if newest.get(changed, (-1, -1)) < (step.writer, change):
                    newest[changed] = step.writer, change
                    present.pop(changed, None)
                    if name in step.written:
                        present[changed] = change
        with reading(installation.engine) as reader:
            check_words(reader, found(reader, registry).values())
            courier.deliver(random.sample(courier.bulks, len(courier.bulks)))
            installation.cluster.ask("POST", "/t-order*/_refresh")
            assert found(reader, registry) == present
            check_words(reader, present.values())
