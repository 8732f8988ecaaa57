"""Checksums beside the segments of a Whoosh index, for Whoosh itself would not notice wrong bytes.

They are looked at when a writer opens: a whole read then is cheap beside what follows, and what is
refused is filled anew. Whoosh removes them with their segments, by the beginning of the name.
"""

import zlib
from collections.abc import Iterable, Set
from functools import partial
from pathlib import Path

from indexer.engines.generations import sync

_SEGMENT = ".seg"
_CHECKSUM = ".crc"
_BLOCK_BYTES = 1 << 20


def check_segments(folder: Path, segment_ids: Iterable[str]) -> None:
    """Compare segments with their checksums; one may have none yet.

    ``ValueError`` for a segment with other bytes than it was written with.
    """
    for segment_id in segment_ids:
        checksum = folder / f"{segment_id}{_CHECKSUM}"
        segment = folder / f"{segment_id}{_SEGMENT}"
        if checksum.exists() and _checksum(segment) != checksum.read_text():
            raise ValueError(f"{segment.name} has wrong bytes")


def add_checksums(folder: Path, names: Set[str]) -> set[str]:
    """Write the checksums that segments among the files ``names`` lack; return their names.

    Each is written whole or not at all, and durably but for its name. One that a killed writer did
    not come to is made behind the next commit: no kill damages what is written already.
    """
    stems = {name.removesuffix(_SEGMENT) for name in names if name.endswith(_SEGMENT)}
    lacking = {f"{stem}{_CHECKSUM}" for stem in stems} - names
    for name in lacking:
        unfinished = folder / f"{name}.new"
        unfinished.write_text(_checksum((folder / name).with_suffix(_SEGMENT)))
        sync(unfinished)
        unfinished.replace(folder / name)
    return lacking


def _checksum(path: Path) -> str:
    checksum = 0
    with path.open("rb") as file:
        for block in iter(partial(file.read, _BLOCK_BYTES), b""):
            checksum = zlib.crc32(block, checksum)
    return f"{checksum:08x}"
