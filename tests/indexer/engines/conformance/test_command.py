"""The command that compares an engine with the oracle at length."""

import subprocess
import sys


def test_the_command_says_how_many_searches_differ() -> None:
    command = [sys.executable, "-m", "tests.indexer.engines.conformance", "--queries", "40"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("queries 40  differences 0  seconds "), ran.stderr
    assert ran.returncode == 0
