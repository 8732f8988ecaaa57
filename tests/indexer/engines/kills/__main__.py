"""Kills a writing engine again and again: ``python -m tests.indexer.engines.kills --rounds 200``.

Ends with a line that says what happened, and with status 1 unless every answer was of one state
and every index came to be what the store says.
"""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.kills.rounds import kill_again_and_again
from tests.opensearch.cluster import cluster_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.indexer.engines.kills")
    parser.add_argument("--engine", choices=sorted(ALL_ENGINES), default="whoosh")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", default=secrets.token_hex(4), help="to repeat a run")
    given = parser.parse_args(arguments)
    # Ended as by Ctrl-C, so that nothing is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="regsearch-kills-"))
    with cluster_for(given.engine):
        tally = kill_again_and_again(
            folder, given.engine, rounds=given.rounds, seed=given.seed, report=_print
        )
    _print(tally.line())
    if tally.mixed or tally.differences:
        return 1
    shutil.rmtree(folder)
    return 0


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
