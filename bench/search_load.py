"""The load of searches: addresses asked for one after another, from a process of its own.

See :mod:`bench.load` for why the generator is never what is measured.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from bench.load import Outcome, Sender, send

FOUND = 200


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask for, as fast as ``connections`` get their answers."""

    url: str
    paths: Sequence[str]
    connections: int


def ask(asking: Asking) -> Outcome:
    """Ask for everything and return how it went."""
    host = urlsplit(asking.url).netloc
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode()
        for path in asking.paths
    ]
    sender = Sender(requests, per_second=0, wanted=FOUND)
    return send(sender, asking.url, connections=asking.connections)


def main() -> None:
    """Read what to ask as JSON from standard input and write the outcome as JSON."""
    print(json.dumps(asdict(ask(Asking(**json.load(sys.stdin))))))  # noqa: T201


if __name__ == "__main__":
    main()
