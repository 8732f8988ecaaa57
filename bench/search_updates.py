"""The time from a push to a search that finds it, with the service running on a corpus.

Each push is a small image under a new tag. A registry in memory keeps it and notifies the service.
All steps are real: the journal, reading the registry, the store, making the repository's documents
again, the commit, and the search over HTTP.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bench.corpus.corpus import Corpus
from bench.corpus.plan import Plan, Role
from bench.corpus.sizes import SIZES
from tests.builders import image
from tests.end_to_end.measures import percentile
from tests.end_to_end.service import Service
from tests.fakes.events import push_event
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving

PUSHES_LEAST = 20
PUSHES_TO_THE_LARGEST = 3
OFTEN_SECONDS = 0.01
PATIENCE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Pushes:
    """The seconds from some pushes until they were found."""

    where: str
    number: int
    p50: float
    p95: float
    longest: float


class Pushing:
    """Pushes to a registry in memory, at ``url``."""

    def __init__(self, registry: FakeRegistry, url: str) -> None:
        self.url = url
        self._registry = registry

    def push(self, service: Service, repository: str, word: str) -> float:
        """Push an image under a new tag; return the seconds until a search finds that tag."""
        started = self.notify(service, repository, word)
        # Search by a field, because a word alone matches under its nearest spelling too.
        found = partial(service.finds, f"tag:{word}")
        service.wait_until(found, PATIENCE_SECONDS, f"{word} is found", every=OFTEN_SECONDS)
        return time.perf_counter() - started

    def notify(self, service: Service, repository: str, word: str) -> float:
        """Push the same, and wait for nothing; return the time of the notification."""
        labels = {"org.opencontainers.image.description": word}
        built = image(seed=word, layers=2, labels=labels)
        self._registry.put(repository, built, tag=word, notify=False)
        started = time.perf_counter()
        service.notify(push_event(repository, built.digest, tag=word, event_id=word))
        return started


@contextmanager
def serve_pushes() -> Iterator[Pushing]:
    """Give a registry in memory that only these pushes use."""
    registry = FakeRegistry()
    with serving(registry.app) as url:
        yield Pushing(registry, url)


def measure_pushes(size: str, push: Callable[[str, str], float], *, number: int) -> list[Pushes]:
    """Push to repositories of all sizes, evenly chosen, and then to the largest."""
    plans = [plan for plan in Corpus(SIZES[size]).repositories if plan.role is not Role.ARTIFACT]
    largest = max(plans, key=lambda plan: plan.builds)
    return [
        _measure("some repositories", _evenly(plans, max(PUSHES_LEAST, number)), push),
        _measure("the largest repository", [largest] * PUSHES_TO_THE_LARGEST, push),
    ]


def _evenly(plans: Sequence[Plan], number: int) -> Sequence[Plan]:
    step = max(1, len(plans) // number)
    return plans[::step][:number]


def _measure(where: str, plans: Sequence[Plan], push: Callable[[str, str], float]) -> Pushes:
    place = where.replace(" ", "")
    taken = [push(plan.name, f"{place}{number}") for number, plan in enumerate(plans)]
    p50, p95, longest = (percentile(taken, each) for each in (50, 95, 100))
    return Pushes(where, len(taken), p50, p95, longest)
