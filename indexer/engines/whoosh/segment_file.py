"""The file of one segment: the columns of Whoosh and our terms, each a part of one compound file.

It is written at once, part after part, from documents or from other segments.
"""

import os
import struct
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.compound import CompoundStorage
from whoosh.filedb.structfile import StructFile

from indexer.engines.local import sync
from indexer.engines.whoosh.postings import Postings, TermsReader, number_code, write_terms
from indexer.engines.whoosh.schema import COLUMNS, INDEX_NAME, TERMS, TEXT, Row

_BLOCK_BYTES = 1 << 20
_SYNC_BYTES = 16 << 20

Columns = Mapping[str, Iterable[bytes | int]]
"""The rows of each column."""
Terms = Mapping[str, Iterable[tuple[str, Postings]]]
"""The terms of each field, in order."""


class SegmentFile:
    """Reads the file of the segment ``entry``; belongs to one thread."""

    def __init__(self, storage: Any, entry: Any) -> None:
        self._size: int = entry.doc_count_all()
        self._parts: Any = entry.open_compound_file(storage)
        self._columns: dict[str, Any] = {}
        self._terms: dict[str, TermsReader] = {}

    def column(self, field: str) -> Any:
        """Return the rows of a column, by document."""
        # Opening a column of bytes adds up the lengths of all its rows, so it is kept open.
        if field not in self._columns:
            length = self._parts.file_length(field)
            file = self._parts.open_file(field)
            self._columns[field] = COLUMNS[field].reader(file, 0, length, self._size)
        return self._columns[field]

    def numbers(self, field: str) -> "array[int]":
        """Return a column of numbers at once; Whoosh reads them one by one."""
        length = self._parts.file_length(field)
        packed = self._parts.open_file(field).get(0, length)
        found = array("q", struct.unpack(f">{length // 8}q", packed))
        # Whoosh leaves out zeros at the end.
        return found + array("q", bytes(8 * (self._size - len(found))))

    def terms(self, field: str) -> TermsReader:
        """Return the terms of a field."""
        if field not in self._terms:
            length = self._parts.file_length(field)
            file = self._parts.open_file(field)
            has_impacts = field == TEXT
            self._terms[field] = TermsReader(file, length, size=self._size, has_impacts=has_impacts)
        return self._terms[field]

    def close(self) -> None:
        """Close the file; nothing of it may be read any more."""
        self._parts.close()


class _SteadyFile(StructFile):  # type: ignore[misc]  # Whoosh carries no types
    """Goes to the disk bit by bit: much at once would hold up the commits beside a merge."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._unwritten = 0

    def write(self, data: bytes) -> None:
        """Write, and have it written to the disk when much has come together."""
        self.file.write(data)
        self._unwritten += len(data)
        if self._unwritten >= _SYNC_BYTES:
            self.file.flush()
            os.fsync(self.file.fileno())
            self._unwritten = 0


def write_segment(folder: Path, size: int, columns: Columns, terms: Terms) -> Any:
    """Write a segment of ``size`` documents durably; return what a table of contents names it by.

    Until one does, the file is a leftover.
    """
    entry = W3Segment(None, INDEX_NAME, doccount=size)
    path = segment_path(folder, entry.segment_id())
    try:
        _write(path, columns, terms)
        entry.checksum = checksum(path)
        sync(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return entry


def segment_path(folder: Path, segment_id: str) -> Path:
    """Return where the file of a segment is."""
    return folder / f"{segment_id}{W3Segment.COMPOUND_EXT}"


def checksum(path: Path) -> int:
    """Return the checksum of a file, for Whoosh itself would not notice wrong bytes."""
    found = 0
    with path.open("rb") as file:
        for block in iter(partial(file.read, _BLOCK_BYTES), b""):
            found = zlib.crc32(block, found)
    return found


def columns_of(rows: Sequence[Row]) -> Columns:
    """Return the columns of new documents."""
    return {field: [row.columns[field] for row in rows] for field in COLUMNS}


def terms_of(rows: Sequence[Row]) -> Terms:
    """Return the terms of new documents."""
    return {field: _inverted(rows, field) for field in TERMS} | {TEXT: _inverted_text(rows)}


def _inverted(rows: Sequence[Row], field: str) -> Iterator[tuple[str, Postings]]:
    code = number_code(len(rows))
    found: defaultdict[str, array[int]] = defaultdict(partial(array, code))
    for number, row in enumerate(rows):
        for term in row.terms[field]:
            found[term].append(number)
    for term in sorted(found):
        yield term, Postings(found[term])


def _inverted_text(rows: Sequence[Row]) -> Iterator[tuple[str, Postings]]:
    code = number_code(len(rows))
    found: defaultdict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        for word, impact in row.impacts.items():
            found[word] += (number, impact)
    for word in sorted(found):
        yield word, Postings(array(code, found[word][::2]), array("H", found[word][1::2]))


def _write(path: Path, columns: Columns, terms: Terms) -> None:
    parts: dict[str, Callable[[Any], None]] = {
        field: partial(_write_column, COLUMNS[field], rows) for field, rows in columns.items()
    }
    parts |= {field: partial(write_terms, terms=found) for field, found in terms.items()}
    with path.open("wb") as raw:
        file = _SteadyFile(raw)
        # Where the directory of the parts will be.
        file.write_long(0)
        file.write_int(0)
        directory = {}
        for name, write in parts.items():
            start = file.tell()
            write(file)
            directory[name] = {"offset": start, "length": file.tell() - start}
        CompoundStorage.write_dir(file, 0, directory)


def _write_column(column: Any, rows: Iterable[bytes | int], file: Any) -> None:
    writer = column.writer(file)
    size = 0
    for size, row in enumerate(rows, start=1):
        writer.add(size - 1, row)
    writer.finish(size)
