"""``python -m tests.indexer.engines.conformance --queries 10000 [--engine whoosh]``.

Asks an engine random searches over random documents that change all the time, and prints how many
there were, how many answers differ from those of the oracle, and how long it took.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.indexer.engines.conformance.comparison import (
    check,
    check_random_spellings,
    random_search,
)
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.conformance.generator import random_changes
from tests.indexer.engines.conformance.index import Index
from tests.opensearch.cluster import cluster_for

QUERIES_EACH = 100
"""How many searches there are before the documents change; a tenth of them ask for spellings."""
DOCUMENTS_MAX = 300


def main() -> int:
    """Run the comparison; 1 when there was a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.indexer.engines.conformance")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--engine", choices=ALL_ENGINES, default="whoosh")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with cluster_for(arguments.engine) as cluster, tempfile.TemporaryDirectory() as directory:
        engine = ALL_ENGINES[arguments.engine](Path(directory))
        engine.create("one")
        index = Index(engine)
        differences = _compare(index, Random(arguments.seed), arguments.queries)
        index.close()
    seconds = time.perf_counter() - started
    version = f"  OpenSearch {cluster.version}" if cluster else ""
    figures = f"differences {differences}  seconds {seconds:.1f}{version}"
    print(f"queries {arguments.queries}  {figures}")
    return 1 if differences else 0


def _compare(index: Index, random: Random, queries: int) -> int:
    differences = 0
    for number in range(queries):
        if number % QUERIES_EACH == 0:
            index.apply(*random_changes(random, index.documents, documents_max=DOCUMENTS_MAX))
        try:
            if number % 10:
                check(index, random_search(random, index.documents.values()))
            else:
                check_random_spellings(index, random)
        except AssertionError as error:
            differences += 1
            print(error, file=sys.stderr)
    return differences


if __name__ == "__main__":
    sys.exit(main())
