"""A cluster to try, with a demonstration of regsearch on it: ``python -m tests.opensearch``.

Runs until it is stopped. ``--exit-when-ready`` stops by itself as soon as everything is there.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import demo
from tests.children import ChildError
from tests.opensearch.cluster import SHIPPED, VERSIONS, find_java, running
from tests.programs import find_program, pinned_versions


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.opensearch")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--program", choices=VERSIONS, default="opensearch")
    parser.add_argument("--exit-when-ready", action="store_true")
    given = parser.parse_args(arguments)
    path = find_program(given.program)
    if path is None or not find_java(given.program):
        print(
            f"OpenSearch {pinned_versions()[given.program]} is missing: make programs,"
            f" with Maven and Java {VERSIONS[given.program]} or newer",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="regsearch-cluster-") as folder:
        try:
            with running(path, Path(folder), nodes=given.nodes, java=SHIPPED) as cluster:
                print(f"OpenSearch {cluster.version}: {' '.join(cluster.urls)}", flush=True)
                os.environ["REGSEARCH_ENGINE"] = "opensearch"
                os.environ["REGSEARCH_OPENSEARCH_URL"] = ",".join(cluster.urls)
                return demo.main(["--exit-when-ready"] if given.exit_when_ready else [])
        except ChildError as error:
            print(error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
