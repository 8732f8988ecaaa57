"""Reading the catalog and the lists of tags, page by page.

A listing never proves that something is absent; it only says what to read.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from indexer.errors import InvalidValueError, UnreachableError, UnusableAnswerError
from indexer.model import (
    RepositoryName,
    TagName,
    one_line,
    parse_json_object,
    parse_repository_name,
    parse_tag,
)
from indexer.registry.auth import CATALOG_SCOPE, pull_scope
from indexer.registry.http import READ_SECONDS, Exchange, Request, timed_out
from indexer.registry.pagination import (
    PAGE_SIZE,
    Walk,
    first_query,
    next_query,
    page_size,
    query_after,
    with_smaller_page,
)
from indexer.registry.responses import Response, has_code, make_error

CATALOG_PAGE_MAX_BYTES = 16 * 1_024 * 1_024
TAGS_PAGE_MAX_BYTES = 64 * 1_024 * 1_024
CATALOG_READ_SECONDS = 300.0
RESTARTS_MAX = 3

_HEADERS = ((b"Accept", b"application/json"),)
_log = structlog.get_logger(__name__)
_Name = TypeVar("_Name")


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """Some names of the catalog.

    ``resume`` is the position after this page, "" after the last one. ``skipped`` counts the
    entries that are no repository names.
    """

    names: tuple[RepositoryName, ...]
    resume: str
    skipped: int


@dataclass(frozen=True, slots=True)
class _Listing:
    """One of the two lists: its path, the key of its entries, and its limits."""

    path: str
    key: str
    scope: str
    limit: int
    read_seconds: float
    is_of_repository: bool


@dataclass(frozen=True, slots=True)
class _Page:
    entries: tuple[object, ...]
    resume: str


_LAST_PAGE = _Page((), resume="")


class Lister:
    """Reads the lists of one registry, and remembers the page sizes that it accepts."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._sizes: dict[str, int | None] = {}
        self._sends_links = False

    async def repositories(self, resume: str) -> AsyncIterator[CatalogPage]:
        """Yield the pages of the catalog from ``resume`` on; "" is the beginning."""
        listing = _Listing(
            path="/v2/_catalog",
            key="repositories",
            scope=CATALOG_SCOPE,
            limit=CATALOG_PAGE_MAX_BYTES,
            read_seconds=CATALOG_READ_SECONDS,
            is_of_repository=False,
        )
        async for page in self._pages(listing, resume):
            names, skipped = _parsed(page, parse_repository_name, listing)
            yield CatalogPage(names=names, resume=page.resume, skipped=skipped)

    async def tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        """Yield the pages of the tags of one repository."""
        listing = _Listing(
            path=f"/v2/{repository}/tags/list",
            key="tags",
            scope=pull_scope(repository),
            limit=TAGS_PAGE_MAX_BYTES,
            read_seconds=READ_SECONDS,
            is_of_repository=True,
        )
        async for page in self._pages(listing, ""):
            names, _ = _parsed(page, parse_tag, listing)
            yield names

    async def _pages(self, listing: _Listing, resume: str) -> AsyncIterator[_Page]:
        walk = self._walk(listing, resume)
        restarts = 0
        while True:
            response, size = await self._get_page(listing, walk.query)
            if walk.is_guess and response.status in {400, 404, 405}:
                yield _LAST_PAGE
                return
            if not walk.is_first and response.status in {400, 404}:
                # The last name of the page before was deleted meanwhile.
                restarts += 1
                if restarts > RESTARTS_MAX:
                    raise UnusableAnswerError(f"the listing broke off {restarts} times: {response}")
                walk = self._walk(listing, "")
                continue
            entries = _entries(response, listing)
            is_fruitful = walk.add(entry for entry in entries if isinstance(entry, str))
            if walk.is_guess and not is_fruitful:
                yield _LAST_PAGE
                return
            link = next_query(response.headers.get_list("link"), asked=listing.path)
            self._sends_links = self._sends_links or bool(link)
            query = link or self._guess(entries, size)
            yield _Page(entries, resume=query)
            if not query:
                return
            walk.go_on(query, is_guess=not link)

    def _walk(self, listing: _Listing, resume: str) -> Walk:
        size = self._sizes.get(listing.key, PAGE_SIZE)
        start = resume or first_query(size)
        return Walk(start, is_first=not resume, asked=listing.path)

    def _guess(self, entries: Sequence[object], size: int | None) -> str:
        """Return the next query after a full page of a registry that never sent a link."""
        if self._sends_links or not entries or len(entries) != size:
            return ""
        return query_after(str(entries[-1]), size=size)

    async def _get_page(self, listing: _Listing, query: str) -> tuple[Response, int | None]:
        """Return the page at ``query`` and its size, smaller if the registry wants that."""
        asked = query
        while True:
            smaller = with_smaller_page(asked)
            request = _request(listing, asked, retries_timeouts=smaller is None)
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
                    return response, size
            asked = smaller


def _request(listing: _Listing, query: str, *, retries_timeouts: bool) -> Request:
    return Request(
        path=f"{listing.path}?{query}" if query else listing.path,
        scope=listing.scope,
        headers=_HEADERS,
        limit=listing.limit,
        read_seconds=listing.read_seconds,
        retries_timeouts=retries_timeouts,
    )


def _wants_smaller_page(response: Response) -> bool:
    if response.status == 400:
        return has_code(response, "PAGINATION_NUMBER_INVALID", "UNSUPPORTED")
    return response.status in {502, 504}


def _entries(response: Response, listing: _Listing) -> tuple[object, ...]:
    """Return the entries of a page; :class:`RegistryError` if the response is no page."""
    if response.status != 200:
        raise make_error(response, may_be_absent=listing.is_of_repository)
    try:
        data = parse_json_object(response.body)
    except InvalidValueError as error:
        raise UnusableAnswerError(f"{response}: {error}") from error
    entries = data.get(listing.key, "missing")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise UnusableAnswerError(f"{response}: no list of {listing.key}")
    return tuple(entries)


def _parsed(
    page: _Page, parse: Callable[[str], _Name], listing: _Listing
) -> tuple[tuple[_Name, ...], int]:
    """Return the valid names of a page, and the number of other entries."""
    names: list[_Name] = []
    illegal: list[object] = []
    for entry in page.entries:
        try:
            names.append(parse(entry if isinstance(entry, str) else ""))
        except InvalidValueError:
            illegal.append(entry)
    if illegal:
        _log.warning(
            "illegal_names_skipped",
            listing=listing.path,
            count=len(illegal),
            first=one_line(str(illegal[0])[:400], limit=100),
        )
    return tuple(names), len(illegal)
