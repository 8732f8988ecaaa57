"""The pages of a listing: the ``Link`` header, page sizes, and loops.

Only the query of a link is used. The address stays the same, so no response can send us elsewhere.
The query may be opaque, so only its ``n`` is ever changed.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from indexer.errors import TooLargeError, UnreachableError, UnusableAnswerError
from indexer.model import one_line
from indexer.registry.responses import lasting

PAGE_SIZE = 1_000
PAGE_SIZE_SMALL = 100
NAMES_MAX = 1_000_000
FRUITLESS_PAGES_MAX = 2
QUERY_MAX = 8 * 1_024
NOTED_AT_ONCE = 10_000

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


def next_query(links: Iterable[str], *, asked: str) -> str:
    """Return the query of the link to the next page in all ``Link`` values; "" without one.

    :class:`UnusableAnswerError` if the link to the next page has no query, which would start again
    from the beginning, or a query that no address can have.
    """
    for value in links:
        for target, parameters in _LINK.findall(value):
            relations = {
                word
                for match in _REL.finditer(parameters)
                for word in (match[1] or match[2] or "").lower().split()
            }
            if "next" not in relations:
                continue
            query: str = target.partition("#")[0].partition("?")[2]
            shown = one_line(target, limit=200)
            if not query:
                raise lasting(f"GET {asked}: a Link without a query: {shown}")
            if len(query) > QUERY_MAX or not query.isprintable():
                raise lasting(f"GET {asked}: a Link that is no address: {shown}")
            return query
    return ""


def first_query(size: int | None) -> str:
    """Return the query of a first page of ``size`` names; None: the registry chooses the size."""
    return "" if size is None else f"n={size}"


def query_after(name: str, *, size: int) -> str:
    """Return the query of the page after ``name``, for registries that never send a link."""
    return f"n={size}&last={quote(name, safe='')}"


def page_size(query: str) -> int | None:
    """Return the page size in a query; None if the registry chooses it."""
    for part in query.split("&"):
        if part.startswith("n=") and part[2:].isdecimal():
            return int(part[2:10])
    return None


def with_smaller_page(query: str) -> str | None:
    """Return ``query`` with the next smaller page size; None if there is none.

    After 1000 comes 100, then the choice of the registry: a query without ``n``.
    """
    size = page_size(query)
    if size is None:
        return None
    smaller = [f"n={PAGE_SIZE_SMALL}"] if size > PAGE_SIZE_SMALL else []
    parts = (smaller if part.startswith("n=") else [part] for part in query.split("&"))
    return "&".join(kept for part in parts for kept in part)


class HeldNames:
    """The entries that all listings of one registry hold at the same time."""

    def __init__(self) -> None:
        self.total = 0


class ListingNames:
    """The entries that one listing holds, names or not, as a part of those of its registry."""

    def __init__(self, held: HeldNames, *, asked: str) -> None:
        self.count = 0
        self._held = held
        self._asked = asked

    def add(self, entries: int) -> None:
        """Count entries that arrived.

        :class:`TooLargeError` for more than 1,000,000 in this listing, :class:`UnreachableError`
        for as many in all listings that are read now: this one is to be read later.
        """
        self.drop_to(self.count + entries)
        if self.count > NAMES_MAX:
            raise TooLargeError(f"GET {self._asked}: more than {NAMES_MAX} names")
        if self._held.total > NAMES_MAX:
            raise UnreachableError(
                f"GET {self._asked}: the lists that are read now have more than {NAMES_MAX} names"
                " together; this one is read again later"
            )

    def drop_to(self, count: int) -> None:
        """Hold this number of entries."""
        self._held.total += count - self.count
        self.count = count


class Walk:
    """One pass over a listing from the query ``start`` to its end; it notices circles.

    ``is_first`` is True until a page was read, unless the walk starts in the middle. ``is_guess``
    is True if no link named the page at ``query``.
    """

    def __init__(self, start: str, *, is_first: bool, asked: str) -> None:
        self.query = start
        self.is_first = is_first
        self.is_guess = False
        self._asked = asked
        self._queries = {start}
        self._names: set[int] = set()
        self._fruitless = 0

    async def add(self, names: Sequence[str], *, others: Iterable[int] = ()) -> bool:
        """Note the names of a page; return whether one of them is new.

        ``others`` are the hashes of entries that are no names. Other tasks have their turn.
        """
        before = len(self._names)
        for start in range(0, len(names), NOTED_AT_ONCE):
            self._names.update(map(hash, names[start : start + NOTED_AT_ONCE]))
            await asyncio.sleep(0)
        self._names.update(others)
        self.is_first = False
        is_fruitful = len(self._names) > before
        self._fruitless = 0 if is_fruitful else self._fruitless + 1
        return is_fruitful

    def go_on(self, query: str, *, is_guess: bool) -> None:
        """Go to the next page; :class:`UnusableAnswerError` if the listing goes in circles."""
        shown = one_line(query, limit=200)
        if query in self._queries:
            raise UnusableAnswerError(f"GET {self._asked}: the same Link again: {shown}")
        if self._fruitless >= FRUITLESS_PAGES_MAX:
            raise UnusableAnswerError(f"GET {self._asked}: pages without new names, then {shown}")
        self._queries.add(query)
        self.query = query
        self.is_guess = is_guess
