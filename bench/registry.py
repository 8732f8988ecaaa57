"""A registry in memory, filled without notifications, in a process of its own."""

import argparse
from collections.abc import Sequence

import uvicorn

from bench.content import TAG, built, repository_name
from tests.fakes.registry import FakeRegistry


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve ``--repositories`` repositories on a port of 127.0.0.1 until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.registry", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--repositories", type=int, required=True)
    given = parser.parse_args(arguments)
    registry = FakeRegistry()
    for number in range(given.repositories):
        registry.put(repository_name(number), built(number), tag=TAG, notify=False)
    uvicorn.run(registry.app, port=given.port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
