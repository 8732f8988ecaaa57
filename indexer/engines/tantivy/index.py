"""An open tantivy index, whose files are checked before tantivy reads them.

tantivy ends every file with a checksum and does not look at it. Wrong bytes make it reserve more
memory than a machine has, which ends the process. So they are found here, when an index is opened.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from tantivy import Index

from indexer.engines.local import engine_errors
from indexer.engines.tantivy.limits import LIMITS, Limits
from indexer.engines.tantivy.match import QueryMatcher
from indexer.engines.tantivy.view import View
from indexer.engines.tantivy.words import KnownWords
from indexer.errors import EngineError

_META = "meta.json"
"""The list of the files of a commit. It is written last."""
_PARTS = ("term", "idx", "pos", "fieldnorm", "fast", "store")
_END = struct.Struct("<II")
_MAGIC = 1337
_ATTEMPTS = 20
"""The most times that another commit may come while the newest one is checked."""


class OpenIndex:
    """The newest commit of the index in ``folder``, as of the last refresh."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self._folder = folder
        self._limits = limits
        with engine_errors(folder):
            _check_files(folder)
            self._index = Index.open(str(folder))
            self._index.config_reader("manual")
        self._words = KnownWords(folder)
        self._commit = b""
        self.refresh()

    def refresh(self) -> None:
        """Go to the newest commit; the old one stays when that cannot be read."""
        with engine_errors(self._folder):
            commit = (self._folder / _META).read_bytes()
            if commit == self._commit:
                return
            self._index.reload()
            # Perhaps a newer one by now: then there is one refresh too many, never one too few.
            self._commit = commit
            searcher = self._index.searcher()
            matcher = QueryMatcher(self._index.schema, searcher, self._words, self._limits)
            self.view = View(searcher, matcher, self._limits)


def _check_files(folder: Path) -> None:
    """Check the files of the newest commit; :class:`EngineError` or an error of reading them."""
    for _ in range(_ATTEMPTS):
        meta = (folder / _META).read_bytes()
        try:
            for name in _files(meta):
                _check(folder / name)
        except FileNotFoundError:
            # A writer removes what it merged.
            if (folder / _META).read_bytes() == meta:
                raise
        else:
            return
    raise EngineError(f"search index {folder} changes too fast to be opened")


def _files(meta: bytes) -> Iterator[str]:
    for segment in json.loads(meta)["segments"]:
        stem = segment["segment_id"].replace("-", "")
        yield from (f"{stem}.{part}" for part in _PARTS)
        if segment["deletes"]:
            yield f"{stem}.{segment['deletes']['opstamp']}.del"


def _check(path: Path) -> None:
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        length, magic = _END.unpack(content[-_END.size :])
        start = len(content) - _END.size - length
        if magic != _MAGIC or start < 0:
            raise ValueError(f"{path.name} is cut short")
        expected = json.loads(content[start : start + length])["crc"]
        # In no variable, because a view keeps the file open.
        if zlib.crc32(memoryview(content)[:start]) != expected:
            raise ValueError(f"{path.name} has wrong bytes")
