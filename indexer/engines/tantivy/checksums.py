"""Checking the files of a tantivy index before tantivy reads them.

tantivy ends every file with a checksum and does not look at it. Wrong bytes make it reserve what no
machine has, which ends the process; so they are found here first, when an index is opened.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from indexer.errors import EngineError

META = "meta.json"
"""What says which files a commit consists of; the last file of each commit."""
_PARTS = ("term", "idx", "pos", "fieldnorm", "fast", "store")
_END = struct.Struct("<II")
_MAGIC = 1337
_ATTEMPTS = 20
"""How often the newest commit may be overtaken by another one while it is being checked."""


def check_files(folder: Path) -> None:
    """Check the files of the newest commit; :class:`EngineError` or an error of reading them."""
    for _ in range(_ATTEMPTS):
        meta = (folder / META).read_bytes()
        try:
            for name in _files(meta):
                _check(folder / name)
        except FileNotFoundError:
            # A writer removes what it merged.
            if (folder / META).read_bytes() == meta:
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
