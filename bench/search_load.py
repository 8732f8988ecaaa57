"""The load of searches: requests one after another, from a process of its own.

:mod:`bench.load` explains why the generator never limits the result. ``python -m
bench.search_load`` reads its tasks line by line and answers each with its outcome.
:class:`Asker` is such a process.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from urllib.parse import urlsplit

from bench.load import Outcome, Sender, send
from tests.end_to_end.processes import is_alive

FOUND = 200
ROUND = 25
"""The number of searches between two checks whether a process still runs."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The searches to send, as fast as ``connections`` get their answers.

    Once, or again and again while process ``while_runs`` does.
    """

    url: str
    paths: Sequence[str]
    connections: int
    while_runs: int = 0


def ask(asking: Asking) -> Outcome:
    """Send all searches and return the outcome."""
    if not asking.while_runs:
        return _ask(asking, asking.paths)
    rounds: list[Outcome] = []
    for number in count():
        start = number * ROUND % len(asking.paths)
        outcome = _ask(asking, asking.paths[start : start + ROUND])
        if not is_alive(asking.while_runs) and rounds:
            # The process ended during this round, so the round does not count.
            break
        rounds.append(outcome)
    return together(rounds)


def together(rounds: Sequence[Outcome]) -> Outcome:
    """Return the outcome of rounds after one another."""
    seconds = sum(one.seconds for one in rounds)
    return Outcome(
        latencies=[latency for one in rounds for latency in one.latencies],
        refused=sum(one.refused for one in rounds),
        seconds=seconds,
        processor=sum(one.processor * one.seconds for one in rounds) / seconds,
    )


def _ask(asking: Asking, paths: Sequence[str]) -> Outcome:
    host = urlsplit(asking.url).netloc
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode()
        for path in paths
    ]
    sender = Sender(requests, per_second=0, wanted=FOUND)
    return send(sender, asking.url, connections=asking.connections)


class Asker:
    """A process that asks; use it as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.search_load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, asking: Asking) -> Outcome:
        """Send searches from the process; ChildProcessError if it ended instead."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        self._process.stdin.write(json.dumps(asdict(asking)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"bench.search_load ended with {self._process.wait()}")
        return Outcome(**json.loads(line))


def main() -> None:
    """Read tasks as lines of JSON, and answer each with a line of its outcome."""
    for line in sys.stdin:
        print(json.dumps(asdict(ask(Asking(**json.loads(line))))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
