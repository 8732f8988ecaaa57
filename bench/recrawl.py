"""Crawls of a registry that does not notify: how true our copy is, for how many requests.

``python -m bench.recrawl`` simulates ten days of such a registry in a few minutes. The worker, its
queue, its crawls, its looks and the store are the real ones; the clock moves when it is told to,
and a registry of the simulation answers without HTTP. Few tags move often and most never do, as in
:func:`make_history`. The same history is gone through twice:

- *uniform*: each crawl asks for every tag (``learn_moves = false``);
- *learned*: what moves often is looked at between crawls.

After some days to learn from, it measures for all tags and all the time that follows:

- *wrong*: the share of the time in which the copy of a tag is not where the tag points;
- *age*: how long ago, on average, a tag moved first of what we have not seen yet; 0 while right.

All requests count, also those for manifests that lost their tag: who sees more moves knows of more
of them, and a full crawl asks for each. So the figures are for equal requests: uniform crawls that
send so many more are taken to be wrong for so much less time, and their age by the square of that.
"""

import argparse
import asyncio
import json
import math
import tempfile
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table
from typing_extensions import override

from bench import targets
from indexer.errors import AbsentError
from indexer.model import Content, Descriptor, Digest, RepositoryName, TagName, digest_of
from indexer.registry import CatalogPage, RegistryClient
from indexer.store import Store
from tests.builders import image
from tests.fakes.clock import START
from tests.indexer.stepping import Stepping

DAYS, LEARNING_DAYS = 10, 5
TAGS = 300
TAGS_OF_REPOSITORY = 20
INTERVAL = timedelta(hours=6)
STEP = timedelta(minutes=1)
HOUR = 3_600.0
MOVING_SHARE = 0.15
FRENETIC_SHARE = 0.005
"""Of tags that move every 10 to 60 minutes, day and night."""
OFTEN, SELDOM = 2 * HOUR, 30 * 24 * HOUR
"""The times between the moves of the others that move are spread evenly in powers of ten."""
ONCE_SHARE = 0.1
"""Of all others that move once: nobody can learn that."""

Moves = dict[tuple[RepositoryName, TagName], list[float]]
"""When each tag moves, in seconds from the start."""


def make_history(*, tags: int, days: float, seed: int) -> Moves:
    """Return a history in which few tags make nearly all moves, each at random times."""
    random = Random(seed)  # noqa: S311 - not for secrets
    found: Moves = {}
    for number in range(tags):
        name = RepositoryName(f"team/app-{number // TAGS_OF_REPOSITORY}")
        place = name, TagName(f"t{number % TAGS_OF_REPOSITORY}")
        found[place] = list(_moves(random, days * 24 * HOUR))
    return found


def _moves(random: Random, end: float) -> Sequence[float]:
    kind = random.random()
    if kind >= MOVING_SHARE:
        return [random.uniform(0, end)] if random.random() < ONCE_SHARE else []
    between = (
        random.uniform(HOUR / 6, HOUR)
        if kind < FRENETIC_SHARE
        else math.exp(random.uniform(math.log(OFTEN), math.log(SELDOM)))
    )
    found: list[float] = []
    moment = random.expovariate(1 / between)
    while moment < end:
        found.append(moment)
        moment += random.expovariate(1 / between)
    return found


class SimulatedRegistry(RegistryClient):
    """A registry whose tags move as a history says, and that takes one request a question."""

    def __init__(self, stepping: Stepping, moves: Moves) -> None:
        super().__init__("http://registry.test", clock=stepping.clock)
        self._clock = stepping.clock
        self._moves = moves
        self._built = image(layers=0)
        self.sent = self.sent_for_manifests = 0

    @property
    @override
    def requests(self) -> int:
        return self.sent

    @override
    async def repositories(self, *, resume: str = "") -> AsyncIterator[CatalogPage]:
        self.sent += 1
        yield CatalogPage(tuple(dict.fromkeys(name for name, _ in self._moves)), "", 0)

    @override
    async def tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        self.sent += 1
        yield tuple(tag for name, tag in self._moves if name == repository)

    @override
    async def manifest(
        self, repository: RepositoryName, reference: str, *, known: Digest | None = None
    ) -> Content | None:
        self.sent += 1
        self.sent_for_manifests += ":" in reference
        body = self._body(repository, TagName(reference))
        digest = digest_of(body)
        return None if digest == known else Content(digest, self._built.media_type, body)

    @override
    async def digest(self, repository: RepositoryName, tag: TagName) -> Digest | None:
        self.sent += 1
        return digest_of(self._body(repository, tag))

    @override
    async def blob(
        self, repository: RepositoryName, descriptor: Descriptor, *, limit: int = 0
    ) -> bytes:
        self.sent += 1
        return next(blob.body for blob in self._built.blobs if blob.digest == descriptor.digest)

    @override
    async def referrers(
        self, repository: RepositoryName, digest: Digest
    ) -> tuple[Descriptor, ...] | None:
        self.sent += 1
        return None

    def _body(self, repository: RepositoryName, tag: TagName) -> bytes:
        moves = self._moves.get((repository, tag))
        if moves is None:
            raise AbsentError(f"{repository}:{tag}")
        passed = (self._clock.now() - START).total_seconds()
        return body_of(self._built.body, repository, tag, bisect_right(moves, passed))


def body_of(body: bytes, repository: str, tag: str, moves: int) -> bytes:
    """Return a manifest that tells its place, and how often the tag had moved."""
    annotations = {"place": f"{repository}:{tag}", "moves": str(moves)}
    return json.dumps({**json.loads(body), "annotations": annotations}).encode()


@dataclass(slots=True)
class Found:
    """What a policy reached: requests after the first crawl, and how true the copy was."""

    policy: str
    requests: int = 0
    wrong: float = 0.0
    age_seconds: float = 0.0
    of_manifests: int = 0
    """The requests for manifests without a tag."""
    wrong_of_moving: float = 0.0
    """The share of the time in which tags that move at all are wrong."""


class _Simulation(Stepping):
    """The indexer with a registry of the simulation."""

    def __init__(self, directory: Path, moves: Moves, *, learns: bool) -> None:
        super().__init__(directory, interval=INTERVAL, learns=learns, max_in_flight=32)
        self.client = SimulatedRegistry(self, moves)

    @override
    def make_client(self, name: str) -> RegistryClient:
        return self.client


async def simulate(moves: Moves, *, learns: bool, days: float, learning_days: float) -> Found:
    """Let the days of a history pass, and return how true the copy was after those to learn."""
    found = Found("learned" if learns else "uniform")
    end = START + timedelta(days=days)
    with tempfile.TemporaryDirectory(prefix="bench-recrawl-") as name:
        world = _Simulation(Path(name), moves, learns=learns)
        async with world:
            await world.run_due()
            first = world.client.sent
            while world.clock.now() < end:
                world.clock.advance(STEP.total_seconds())
                await world.run_due()
            found.requests = world.client.sent - first
            found.of_manifests = world.client.sent_for_manifests
            seen = _seen(world.store)
    span = learning_days * 24 * HOUR, days * 24 * HOUR
    of_moving = 0.0
    for place, times in moves.items():
        wrong, age = measure(times, seen[place], *span)
        found.wrong += wrong
        found.age_seconds += age
        of_moving += bool(times)
    length = span[1] - span[0]
    found.wrong_of_moving = found.wrong / (of_moving * length)
    found.wrong /= len(moves) * length
    found.age_seconds /= len(moves) * length
    return found


def _seen(store: Store) -> dict[tuple[RepositoryName, TagName], list[float]]:
    """Return when the copy of each tag changed, in seconds from the start."""
    found = {}
    for repository in store.repositories.list_visible(1):
        number = store.repositories.find(1, repository) or 0
        for tag in store.content.tags(number):
            moves = reversed(store.content.tag_moves(number, tag))
            found[repository, tag] = [(move.tagged_at - START).total_seconds() for move in moves]
    return found


def measure(
    moves: Sequence[float], seen: Sequence[float], start: float, end: float
) -> tuple[float, float]:
    """Return the seconds in which a copy was wrong, and its age added up over them.

    ``moves`` are the times of the tag, ``seen`` those at which the copy became right.
    """
    wrong = age = 0.0
    for last, following in zip(seen, [*seen[1:], end], strict=True):
        place = bisect_right(moves, last)
        if place == len(moves):
            continue
        moved = moves[place]
        begin, stop = max(moved, start), min(following, end)
        if begin < stop:
            wrong += stop - begin
            age += ((stop - moved) ** 2 - (begin - moved) ** 2) / 2
    return wrong, age


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate both, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.recrawl", description=__doc__)
    parser.add_argument("--tags", type=int, default=TAGS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--learning-days", type=int, default=LEARNING_DAYS, metavar="DAYS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    moves = make_history(tags=given.tags, days=given.days, seed=given.seed)
    found = [
        asyncio.run(
            simulate(moves, learns=learns, days=given.days, learning_days=given.learning_days)
        )
        for learns in (False, True)
    ]
    Console().print(_table(found))
    verdicts = targets.verdicts(figures(*found))
    Console().print(targets.targets_table(verdicts, title="crawling again"))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


def figures(uniform: Found, learned: Found) -> dict[str, float]:
    """Return the figures, those with a target at equal requests."""
    more = learned.requests / uniform.requests
    return {
        targets.FRESHER: uniform.wrong / learned.wrong / max(1.0, more),
        targets.YOUNGER: uniform.age_seconds / learned.age_seconds / max(1.0, more) ** 2,
        targets.RECRAWL_REQUESTS: more,
    }


def _table(found: Sequence[Found]) -> Table:
    table = Table(title="tags of a registry that does not notify")
    table.add_column("policy")
    for heading in (
        "requests",
        "of manifests",
        "right",
        "wrong",
        "of those that move",
        "age, minutes",
    ):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(
            one.policy,
            f"{one.requests:,}",
            f"{one.of_manifests:,}",
            f"{1 - one.wrong:.2%}",
            f"{one.wrong:.2%}",
            f"{one.wrong_of_moving:.2%}",
            f"{one.age_seconds / 60:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
