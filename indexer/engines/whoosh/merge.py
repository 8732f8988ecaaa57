"""Making one segment of several while the index goes on changing.

Segments never change, so a merge reads those it began with, as they were then. What was deleted
from them meanwhile is deleted from the new one when it takes their place.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import chain, compress, count, groupby
from operator import itemgetter
from pathlib import Path
from threading import Event
from typing import Any

from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.index import Storage, View
from indexer.engines.whoosh.postings import Postings, number_code
from indexer.engines.whoosh.schema import COLUMNS, TERMS, TEXT
from indexer.engines.whoosh.segment_file import SegmentFile, write_segment

_GONE = -1


class StoppedError(Exception):
    """A merge was told to stop."""


class Merge:
    """Some segments on their way to become one; ``views`` and ``entries`` are of one commit.

    It opens their files at once, for a later commit may remove them.
    """

    def __init__(self, folder: Path, views: Sequence[View], entries: Sequence[Any]) -> None:
        self._folder = folder
        self._begun = {view.segment.id: view.alive for view in views}
        following = count()
        self._numbers = {
            view.segment.id: [
                next(following) if is_alive else _GONE
                for is_alive in bitmaps.flags(view.alive, size=view.segment.size)
            ]
            for view in views
        }
        """The new numbers of the documents of each segment."""
        self._size = next(following)
        storage = Storage(folder)
        with storage.closing_on_error():
            self._files = [SegmentFile(storage, entry) for entry in entries]

    @property
    def segment_ids(self) -> set[str]:
        """The segments that become one."""
        return set(self._begun)

    def write(self, stop: Event) -> Any:
        """Write the new segment durably and return its entry in a table of contents.

        :class:`StoppedError` soon after ``stop`` is set, and nothing is left then.
        """
        sources = list(zip(self._files, self._numbers.values(), strict=True))
        code = number_code(self._size)
        with ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)
            columns = {field: _stopping(_column(sources, field), stop) for field in COLUMNS}
            terms = {
                field: _stopping(_terms(sources, field, code), stop) for field in (TEXT, *TERMS)
            }
            return write_segment(self._folder, self._size, columns, terms)

    def gone_since(self, alive: Mapping[str, int]) -> Iterator[int]:
        """Yield what is to be deleted from the new segment, given what is alive of each one now."""
        for segment_id, begun in self._begun.items():
            numbers = self._numbers[segment_id]
            for document in bitmaps.documents(begun & ~alive.get(segment_id, 0)):
                yield numbers[document]


_Source = tuple[SegmentFile, list[int]]


def _column(sources: Iterable[_Source], field: str) -> Iterator[bytes | int]:
    return chain.from_iterable(
        compress(file.column(field), (number != _GONE for number in numbers))
        for file, numbers in sources
    )


def _terms(sources: Iterable[_Source], field: str, code: str) -> Iterator[tuple[str, Postings]]:
    by_term = itemgetter(0)
    found = [_renumbered(file.terms(field).items(), numbers) for file, numbers in sources]
    for term, several in groupby(merge(*found, key=by_term), key=by_term):
        documents, impacts = array(code), array("H")
        for _, some, their_impacts in several:
            documents.extend(some)
            impacts.extend(their_impacts)
        if documents:
            yield term, Postings(documents, impacts)


def _renumbered(
    items: Iterable[tuple[str, Postings]], numbers: Sequence[int]
) -> Iterator[tuple[str, Iterable[int], Iterable[int]]]:
    for term, postings in items:
        documents = [numbers[document] for document in postings.documents]
        if _GONE not in documents:
            yield term, documents, postings.impacts
        else:
            kept = [document != _GONE for document in documents]
            yield term, compress(documents, kept), compress(postings.impacts, kept)


def _stopping(items: Iterable[Any], stop: Event) -> Iterator[Any]:
    for item in items:
        if stop.is_set():
            raise StoppedError
        yield item
