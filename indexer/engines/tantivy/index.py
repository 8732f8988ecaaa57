"""An open tantivy index."""

import ctypes
from pathlib import Path

from tantivy import Index, IndexWriter

from indexer.engines.local import engine_errors
from indexer.engines.tantivy.checksums import META, check_files
from indexer.engines.tantivy.limits import LIMITS, Limits
from indexer.engines.tantivy.match import QueryMatcher
from indexer.engines.tantivy.schema import schema
from indexer.engines.tantivy.view import View
from indexer.engines.tantivy.words import KnownWords

_HEAP_BYTES = 32 * 1024 * 1024
"""What a writer may gather in memory before it makes a segment of it."""
_M_ARENA_MAX = -8
"""The number of that setting of the C library."""


class OpenIndex:
    """The newest commit of the index in ``folder``, as of the last refresh."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self._folder = folder
        self._limits = limits
        with engine_errors(folder):
            check_files(folder)
            self._index = Index.open(str(folder))
            self._index.config_reader("manual")
        self._schema = schema()
        self._words = KnownWords(folder)
        self._commit = b""
        self.refresh()

    def refresh(self) -> None:
        """Go to the newest commit; the old one stays when that cannot be read."""
        with engine_errors(self._folder):
            commit = (self._folder / META).read_bytes()
            if commit == self._commit:
                return
            self._index.reload()
            # Perhaps a newer one by now: then there is one refresh too many, never one too few.
            self._commit = commit
            searcher = self._index.searcher()
            matcher = QueryMatcher(self._schema, searcher, self._words, self._limits)
            self.view = View(searcher, matcher, self._limits)

    def writer(self) -> IndexWriter:
        """Return what changes this index; :class:`EngineError` when another one does."""
        _share_freed_memory()
        with engine_errors(self._folder):
            return self._index.writer(_HEAP_BYTES, 1)


def _share_freed_memory() -> None:
    """Have what one thread frees used by all of them.

    The C library keeps it for each thread otherwise, and tantivy has many that write: half of the
    memory of an indexer would be what none of them needs. Only GNU's library can be told so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_ARENA_MAX, 2)
