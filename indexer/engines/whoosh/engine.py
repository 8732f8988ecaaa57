"""The embedded engine: Whoosh, pure Python, good to about 30,000 documents.

A generation is a folder with one Whoosh index for each type of document, so that searching the few
repositories does not wade through the many images. All that is written is Whoosh's: its schema,
writer, codec, columns, commits and locks. Queries are answered from the postings as bitmaps that
are kept for each segment, because Whoosh's own matchers take a call for each document. Exact
totals and facets need all documents, and that took ten times as long.

The folder must be writable by the service alone: Whoosh keeps part of an index as pickles.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from typing_extensions import override

from indexer.engines.local import GenerationFolders, GenerationReader, GenerationWriter
from indexer.engines.protocol import Engine, go_on
from indexer.engines.ranking import PageWindow, RankedHit, RankingPlan, read_texts
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.facets import facet_counts
from indexer.engines.whoosh.index import OpenSegments, create_index
from indexer.engines.whoosh.rank import Location, Matches, best, in_order, newest
from indexer.engines.whoosh.schema import RESULT, SCHEMA_VERSION, TEXTS, encode
from indexer.engines.whoosh.writer import SegmentedWriter
from indexer.model import FacetCounts, Query, Sort, TextBlock

_READER_CACHE_BYTES = 24 * 1024 * 1024
MANY_DOCUMENTS = 30_000
"""From so many documents on, tantivy serves better."""


class SearchedSegments(OpenSegments):
    """Searches one index; see :class:`indexer.engines.local.FolderReader`."""

    def first(
        self,
        query: Query,
        plan: RankingPlan | None,
        window: PageWindow,
        *,
        sort: Sort,
        facets: Sequence[str],
    ) -> tuple[list[RankedHit[Location]], int, Mapping[str, FacetCounts]]:
        """Return the hits in a window by ``plan``, or else by ``sort``; the total; the facets."""
        matches = self._matches(query)
        hits = best(matches, plan, window) if plan else in_order(matches, sort, window)
        total = sum(match.bit_count() for _, match in matches)
        return hits, total, {facet: facet_counts(matches, facet) for facet in facets}

    def newest(self, query: Query, groups: Sequence[Query]) -> list[Location | None]:
        """Return the newest document in each group that matches."""
        matches = self._matches(query)
        return [
            newest([(one, found & one.matching(group)) for one, found in matches])
            for group in groups
        ]

    def repositories(self, query: Query) -> frozenset[tuple[str, str]]:
        """Return the registries and names of the repositories of all that matches."""
        matches = self._matches(query)
        return frozenset(place for one, found in matches for place in one.places_of(found))

    def stored(
        self, address: Location, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextBlock]]:
        """Return the stored result of a document and, if requested, its searchable texts."""
        segment, document = address
        result = orjson.loads(segment.unpacked(RESULT, document))
        return result, read_texts(segment.unpacked(TEXTS, document)) if with_texts else ()

    def _matches(self, query: Query) -> Matches:
        return [(part, part.matching(query) & part.alive) for part in self.parts]


WhooshReader = GenerationReader[Location]
WhooshWriter = GenerationWriter[SegmentedWriter]


class WhooshEngine(GenerationFolders, Engine):
    """Keeps generations as folders in ``directory``."""

    name = "whoosh"
    schema_version = SCHEMA_VERSION
    batch_documents = 1_000
    encode = staticmethod(encode)

    def __init__(self, directory: Path) -> None:
        about = {"engine": self.name, "schema_version": SCHEMA_VERSION}
        super().__init__(directory, about, create_index)

    @override
    def open_writer(self, generation: str) -> WhooshWriter:
        return WhooshWriter(self.checked(generation), SegmentedWriter)

    @override
    def open_reader(self, generation: str, *, check: Callable[[], None] = go_on) -> WhooshReader:
        cache = SegmentCache(_READER_CACHE_BYTES)
        opening = partial(SearchedSegments, cache=cache, check=check)
        return WhooshReader(self.checked(generation), opening)

    @override
    def advice(self, documents: int) -> str | None:
        if documents < MANY_DOCUMENTS:
            return None
        return (
            f"{documents} documents are many for whoosh: with engine = 'tantivy'"
            " (pip install 'regsearch[tantivy]') searches are faster"
        )
