"""Reading the catalog and the lists of tags, page by page.

A listing never proves that something is absent; it only says what to read.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from indexer.errors import DeniedError, NoCatalogError, UnreachableError, UnusableAnswerError
from indexer.model import (
    RepositoryName,
    TagName,
    one_line,
    parse_repository_name,
    parse_tag,
)
from indexer.registry.auth import CATALOG_SCOPE, pull_scope
from indexer.registry.http import READ_SECONDS, Exchange, Request, timed_out
from indexer.registry.listings.page import PageReader
from indexer.registry.pagination import (
    PAGE_SIZE,
    HeldNames,
    ListingNames,
    Walk,
    first_query,
    next_query,
    page_size,
    query_after,
    with_smaller_page,
)
from indexer.registry.responses import Response, has_code, make_error
from indexer.registry.support import SUPPORT

CATALOG_PAGE_MAX_BYTES = 16 * 1_024 * 1_024
TAGS_PAGE_MAX_BYTES = 64 * 1_024 * 1_024
CATALOG_READ_SECONDS = 300.0
RESTARTS_MAX = 3
AT_ONCE = 1_000
"""Names that are handed on at once. A transaction of a million would hold up everybody else."""
NO_QUERY = "n="
"""Stands for the first page of a registry that takes no page size: a position is never empty."""

_HEADERS = ((b"Accept", b"application/json"),)
_NO_CATALOG = frozenset({404, 405, 501})
_log = structlog.get_logger(__name__)
_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """Some names of the catalog, at most 1,000.

    ``resume`` is the position after these, "" after the last ones. Inside of a page of the registry
    it is that page. ``skipped`` counts the entries that are no repository names. ``is_chosen``: the
    settings name these, and there may be others.
    """

    names: tuple[RepositoryName, ...]
    resume: str
    skipped: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class _Listing(Generic[_Name]):
    """One of the two lists: its path, the key of its entries, and its limits."""

    path: str
    key: str
    parse: Callable[[str], _Name]
    scope: str
    limit: int
    read_seconds: float
    is_of_repository: bool


@dataclass(frozen=True, slots=True)
class _Names(Generic[_Name]):
    names: tuple[_Name, ...]
    resume: str
    skipped: int = 0


class Lister:
    """Reads the lists of one registry, and remembers the page sizes that it accepts.

    ``chosen`` are the repositories that are read in place of those of the catalog.
    """

    def __init__(self, exchange: Exchange, *, chosen: Sequence[RepositoryName] = ()) -> None:
        self._exchange = exchange
        self._chosen = tuple(chosen)
        self._sizes: dict[str, int | None] = {}
        self._sends_links = False
        self._held = HeldNames()

    async def repositories(self, resume: str) -> AsyncIterator[CatalogPage]:
        """Yield the pages of the catalog from ``resume`` on; "" is the beginning.

        Chosen repositories come as one page, once the registry answers.
        """
        if self._chosen:
            response = await self._ask_support()
            if response.status != 200:
                raise make_error(response)
            yield CatalogPage(self._chosen, "", 0, is_chosen=True)
            return
        listing = _Listing(
            path="/v2/_catalog",
            key="repositories",
            parse=parse_repository_name,
            scope=CATALOG_SCOPE,
            limit=CATALOG_PAGE_MAX_BYTES,
            read_seconds=CATALOG_READ_SECONDS,
            is_of_repository=False,
        )
        async with aclosing(self._names(listing, resume)) as pages:
            async for page in pages:
                yield CatalogPage(page.names, page.resume, page.skipped)

    async def tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        """Yield the tags of one repository, at most 1,000 at once."""
        listing = _Listing(
            path=f"/v2/{repository}/tags/list",
            key="tags",
            parse=parse_tag,
            scope=pull_scope(repository),
            limit=TAGS_PAGE_MAX_BYTES,
            read_seconds=READ_SECONDS,
            is_of_repository=True,
        )
        async with aclosing(self._names(listing, "")) as pages:
            async for page in pages:
                yield page.names

    async def _names(
        self, listing: _Listing[_Name], resume: str
    ) -> AsyncGenerator[_Names[_Name], None]:
        """Yield the names of all pages, a few at once, so that nobody has to take in many."""
        held = ListingNames(self._held, asked=listing.path)
        try:
            async with aclosing(self._pages(listing, resume, held)) as pages:
                async for page, here, following in pages:
                    names = page.names
                    for start in range(0, len(names) - AT_ONCE, AT_ONCE):
                        yield _Names(tuple(names[start : start + AT_ONCE]), here)
                    rest = (len(names) - 1) // AT_ONCE * AT_ONCE if names else 0
                    yield _Names(tuple(names[rest:]), following, page.skipped)
        finally:
            held.drop_to(0)

    async def _pages(
        self, listing: _Listing[_Name], resume: str, held: ListingNames
    ) -> AsyncGenerator[tuple[PageReader[_Name], str, str], None]:
        """Yield each page with its own query and that of the next one, "" after the last."""
        walk = self._walk(listing, resume)
        restarts = 0
        while True:
            response, page, size = await self._get_page(listing, walk.query, held)
            if walk.is_guess and response.status in {400, 404, 405}:
                yield PageReader(listing.key, listing.parse), "", ""
                return
            if not walk.is_first and response.status in {400, 404}:
                # The last name of the page before was deleted meanwhile.
                restarts += 1
                if restarts > RESTARTS_MAX:
                    raise UnusableAnswerError(f"the listing broke off {restarts} times: {response}")
                walk = self._walk(listing, "")
                continue
            if not listing.is_of_repository and walk.is_first:
                await self._check_catalog(response)
            _check(response, page, listing)
            is_fruitful = await walk.add(page.names, others=page.others)
            if walk.is_guess and not is_fruitful:
                yield PageReader(listing.key, listing.parse), "", ""
                return
            link = next_query(response.headers.get_list("link"), asked=listing.path)
            self._sends_links = self._sends_links or bool(link)
            query = link or self._guess(page, size)
            yield page, walk.query or NO_QUERY, query
            if not query:
                return
            walk.go_on(query, is_guess=not link)

    async def _check_catalog(self, response: Response) -> None:
        """Raise :class:`NoCatalogError` if the registry answers, but has no catalog.

        It then has the error that the answer means for a registry that is known to have one.
        """
        if response.status == 200:
            return
        is_refused = response.status in _NO_CATALOG or (
            response.status == 400 and has_code(response, "UNSUPPORTED")
        )
        error = make_error(response)
        if not is_refused or isinstance(error, DeniedError):
            return
        if (await self._ask_support()).status == 200:
            raise NoCatalogError(f"{response}, although the registry answers") from error

    async def _ask_support(self) -> Response:
        """Return the answer of the address by which a registry says that it is one."""
        return await self._exchange.get(SUPPORT)

    def _walk(self, listing: _Listing[_Name], resume: str) -> Walk:
        size = self._sizes.get(listing.key, PAGE_SIZE)
        start = resume or first_query(size)
        return Walk(start, is_first=not resume, asked=listing.path)

    def _guess(self, page: PageReader[_Name], size: int | None) -> str:
        """Return the next query after a full page of a registry that never sent a link."""
        if self._sends_links or size is None or page.entries != size or not page.last:
            return ""
        return query_after(page.last, size=size)

    async def _get_page(
        self, listing: _Listing[_Name], query: str, held: ListingNames
    ) -> tuple[Response, PageReader[_Name], int | None]:
        """Return the page at ``query`` and its size, smaller if the registry wants that."""
        before = held.count
        page: PageReader[_Name]

        def begin() -> PageReader[_Name]:
            nonlocal page
            held.drop_to(before)
            page = PageReader(listing.key, listing.parse, add=held.add)
            return page

        asked = query
        while True:
            page = begin()
            smaller = with_smaller_page(asked)
            request = _request(listing, asked, retries_timeouts=smaller is None, sink=begin)
            try:
                response = await self._exchange.get(request)
            except UnreachableError as error:
                if smaller is None or not timed_out(error):
                    raise
            else:
                if smaller is None or not _wants_smaller_page(response):
                    size = page_size(asked)
                    if asked != query and response.status == 200:
                        self._sizes[listing.key] = size
                    return response, page, size
            asked = smaller


def _request(
    listing: _Listing[_Name],
    query: str,
    *,
    retries_timeouts: bool,
    sink: Callable[[], PageReader[_Name]],
) -> Request:
    return Request(
        path=f"{listing.path}?{query}" if query else listing.path,
        scope=listing.scope,
        headers=_HEADERS,
        limit=listing.limit,
        read_seconds=listing.read_seconds,
        retries_timeouts=retries_timeouts,
        sink=sink,
    )


def _wants_smaller_page(response: Response) -> bool:
    if response.status == 400:
        return has_code(response, "PAGINATION_NUMBER_INVALID", "UNSUPPORTED")
    return response.status in {502, 504}


def _check(response: Response, page: PageReader[_Name], listing: _Listing[_Name]) -> None:
    """Raise :class:`RegistryError` if the response is no page; say which entries are no names."""
    if response.status != 200:
        raise make_error(response, may_be_absent=listing.is_of_repository)
    if page.error:
        raise UnusableAnswerError(f"{response}: {page.error}")
    if page.skipped:
        _log.warning(
            "illegal_names_skipped",
            listing=listing.path,
            count=page.skipped,
            first=one_line(page.illegal, limit=100),
        )
