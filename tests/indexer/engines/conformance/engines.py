"""The engines there are, by name.

The engine ``opensearch`` needs a cluster. Tests with it get one of the fixture ``needs_cluster``,
and the processes that they start find it by the environment.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from indexer.engines import Engine
from indexer.engines.opensearch import ClusterAddress, OpenSearchEngine
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.whoosh.engine import WhooshEngine
from tests.opensearch.cluster import CLUSTER


def opensearch(directory: Path) -> OpenSearchEngine:
    """Return the engine in a cluster. Each directory has search indexes of its own there."""
    prefix = f"t{hashlib.sha256(str(directory).encode()).hexdigest()[:12]}"
    address = ClusterAddress((os.environ[CLUSTER],))
    return OpenSearchEngine(directory, address, prefix=prefix)


ENGINES: dict[str, Callable[[Path], Engine]] = {"whoosh": WhooshEngine, "tantivy": TantivyEngine}
"""The engines whose generations are folders."""
ALL_ENGINES: dict[str, Callable[[Path], Engine]] = {**ENGINES, "opensearch": opensearch}
