"""An open tantivy index, whose files are checked before tantivy reads them.

tantivy ends every file with a checksum and does not look at it. Wrong bytes make it reserve more
memory than a machine has, which ends the process. So they are found here, when an index is opened.
"""

import json
import struct
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TypeVar

from tantivy import Index

from indexer.engines.local import engine_errors

_META = "meta.json"
"""The list of the files of a commit. It is written last."""
_PARTS = ("term", "idx", "pos", "fieldnorm", "fast", "store")
_END = struct.Struct("<II")
_MAGIC = 1337


_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers that decide how fast an answer is made, and never the answer.

    But for ``expanded_terms``: what stands for more of them may be refused.
    """

    sorted_documents: int = 100
    """So many documents are read at once and then sorted."""
    first_hits: int = 500
    """How many hits are asked for first, beside those of the page."""
    facet_values: int = 65_000
    """How many values of a facet are counted in one pass; tantivy counts no more."""
    single_terms: int = 30
    """So many terms are found faster one by one than as a set."""
    expanded_terms: int = 10_000
    """How many terms a pattern may stand for when they are sought one by one."""
    sought: int = 1_000
    """So many documents are counted by repository before a search with rights."""
    narrowed: int = 200
    """So many repositories are sought faster one by one than all that rights let see."""
    kept: int = 64
    """How many vocabularies, patterns, close spellings and rights are kept for a commit."""


LIMITS = Limits()


class OpenIndex:
    """The newest commit of the index in ``folder``, as of the last refresh."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self._folder = folder
        self.limits = limits
        with engine_errors(folder):
            _check_files(folder)
            self._index = Index.open(str(folder))
            self._index.config_reader("manual")
        self._commit = b""
        self.refresh()

    def refresh(self) -> bool:
        """Go to the newest commit; return whether it is another one, or may be.

        The old one stays when that cannot be read.
        """
        with engine_errors(self._folder):
            commit = (self._folder / _META).read_bytes()
            if commit == self._commit:
                return False
            self._index.reload()
            # Perhaps a newer one by now: then there is one refresh too many, never one too few.
            self._commit = commit
            self.searcher = self._index.searcher()
            self._kept: dict[Hashable, Any] = {}
            return True

    def kept(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return what ``make`` returns; for this commit it is kept, unless others are used more."""
        is_kept = key in self._kept
        made: _Made = self._kept.pop(key) if is_kept else make()
        while len(self._kept) >= self.limits.kept:
            del self._kept[next(iter(self._kept))]
        # Last, because it was used last.
        self._kept[key] = made
        return made


def _check_files(folder: Path) -> None:
    """Check the files of the newest commit; an error if one is missing or has wrong bytes."""
    meta = (folder / _META).read_bytes()
    try:
        for segment in json.loads(meta)["segments"]:
            stem, deletes = segment["segment_id"].replace("-", ""), segment["deletes"]
            for part in (*_PARTS, *([f"{deletes['opstamp']}.del"] if deletes else [])):
                _check(folder / f"{stem}.{part}")
    except FileNotFoundError:
        # A writer removes files that it merged, so a newer commit has others.
        if (folder / _META).read_bytes() == meta:
            raise
        _check_files(folder)


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
