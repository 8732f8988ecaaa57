"""Kills web and indexer again and again: ``python -m tests.torture --rounds 500``.

Ends with a line that says what happened, and with status 1 unless nothing was lost, nothing is
half applied and nothing differs from the registry.
"""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.torture.rounds import torture


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the torture and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", default=secrets.token_hex(4), help="to repeat a run")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="regsearch-torture-"))
    print(f"seed {given.seed}", flush=True)
    # Ended as by Ctrl-C, so that nothing is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally = torture(folder, rounds=given.rounds, seed=given.seed, report=_print)
    for (victim, step), count in sorted(tally.kills.items()):
        print(f"  {victim:8} {step:28} {count:4}")
    crawls = f"{tally.backfills} backfills, {tally.held_back} of them held back"
    print(f"{tally.seconds:.0f} seconds, {crawls}, seed {tally.seed}")
    print(tally.line())
    if tally.findings:
        return 1
    shutil.rmtree(folder)
    return 0


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
