"""Pushes and searches at a steady rate, while something goes wrong."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, cycle

import httpx2

from tests.builders import image
from tests.end_to_end.measures import spread
from tests.push import client_for, push

WORKERS = 8
"""The threads of each kind of request. With them, one may take a third of a second."""
BUSY_SECONDS = 1.0
"""What takes longer shows that the machine has too much to do, and gets as long a pause."""


@dataclass(slots=True)
class Load:
    """What was pushed and asked so far. Entered, it goes on until the end of the block."""

    registries: Sequence[str]
    """The addresses to push to, in turn."""
    searches: Sequence[str]
    """The addresses to search at, in turn."""
    name: str = "web"
    """What the names of its repositories begin with, behind ``load/``."""
    pushes_per_second: float = 11
    searches_per_second: float = 22
    pushed: list[str] = field(default_factory=list)
    """Repositories that registries took."""
    answers: Counter[str] = field(default_factory=Counter)
    """By status, or by the name of what went wrong."""
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each search took."""
    _ends: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _started: float = 0.0
    _ended: float = 0.0

    def __enter__(self) -> "Load":
        self._started = time.monotonic()
        self._run(self.pushes_per_second, self.registries, self._push)
        self._run(self.searches_per_second, self.searches, self._search)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()
        self._ended = time.monotonic()

    def rates(self) -> str:
        """Return how many pushes and searches a second there were, and how long searches took."""
        length = self._ended - self._started
        return (
            f"{len(self.pushed) / length:.1f} pushes a second,"
            f" {self.answers.total() / length:.1f} searches a second, {spread(self.seconds)},"
            f" longest {max(self.seconds):.2f} s, answers {dict(self.answers)}"
        )

    def _run(
        self, rate: float, places: Sequence[str], act: Callable[[httpx2.Client], None]
    ) -> None:
        """Act at each place in turn."""
        for number in range(WORKERS):
            thread = threading.Thread(
                target=self._repeat, args=(act, places, number, WORKERS / rate)
            )
            thread.start()
            self._threads.append(thread)

    def _repeat(
        self, act: Callable[[httpx2.Client], None], places: Sequence[str], number: int, pause: float
    ) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(client_for(place)) for place in places]
            turn = cycle([*clients[number % len(places) :], *clients[: number % len(places)]])
            due = time.monotonic() + pause * number / WORKERS
            while not self._ends.wait(max(0.0, due - time.monotonic())):
                began = time.monotonic()
                act(next(turn))
                ended = time.monotonic()
                rest = ended - began if ended - began > BUSY_SECONDS else 0
                # What took too long is not made up for.
                due = max(due + pause, ended + rest)

    def _push(self, client: httpx2.Client) -> None:
        name = f"load/{self.name}{next(self._numbers)}"
        push(client, name, image(seed=name), tag="1.0")
        self.pushed.append(name)

    def _search(self, client: httpx2.Client) -> None:
        started = time.monotonic()
        try:
            answer = client.get("/api/v1/search?q=load&type=repository")
            kind = str(answer.status_code)
            text = answer.text[:300]
        except httpx2.HTTPError as error:
            kind, text = type(error).__name__, repr(error)
        self.seconds.append(time.monotonic() - started)
        self.answers[kind] += 1
        if kind != "200":
            self.failures.append(
                f"{started - self._started:.1f} s: {client.base_url}: {kind} {text}"
            )
