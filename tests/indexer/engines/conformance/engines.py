"""The engines there are, by name."""

from collections.abc import Callable
from pathlib import Path

from indexer.engines import Engine
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.whoosh.engine import WhooshEngine

ENGINES: dict[str, Callable[[Path], Engine]] = {"whoosh": WhooshEngine, "tantivy": TantivyEngine}
