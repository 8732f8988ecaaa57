"""Reading the list of referrers of a manifest, if a registry has the API for that.

Many have no such API, and say so in many ways. A list does not prove that something is absent.
"""

from functools import partial

import structlog

from indexer.errors import AbsentError, UnusableAnswerError
from indexer.model import (
    Descriptor,
    Digest,
    Manifest,
    ManifestKind,
    RepositoryName,
    media_types,
    parse_manifest,
)
from indexer.registry.auth import pull_scope
from indexer.registry.bodies import without_holding
from indexer.registry.http import Exchange, Request
from indexer.registry.pagination import next_query
from indexer.registry.responses import Response, make_error

PAGE_MAX_BYTES = 4 * 1_024 * 1_024
REFERRERS_MAX = 1_000
"""The most referrers of one manifest that are read."""
PAGES_MAX = 100

_HEADERS = ((b"Accept", media_types.OCI_INDEX.encode()),)
_NOT_THERE = frozenset({400, 404, 405, 406})
_log = structlog.get_logger(__name__)


async def read_referrers(
    exchange: Exchange, repository: RepositoryName, digest: Digest
) -> tuple[Descriptor, ...] | None:
    """Return the referrers of ``digest`` as the registry lists them; None without such an API.

    All types are requested, so there is nothing to filter.
    """
    path = f"/v2/{repository}/referrers/{digest}"
    found: dict[Digest, Descriptor] = {}
    query = ""
    for number in range(PAGES_MAX):
        response = await _page(exchange, path, query, repository=repository)
        if response is None:
            if number:
                raise UnusableAnswerError(f"GET {path}: the list broke off")
            return None
        page = await without_holding(response.body, partial(_parse, response.body))
        if page.kind is not ManifestKind.INDEX:
            raise UnusableAnswerError(f"no list of referrers: {response}")
        found.update((one.digest, one) for one in page.children)
        query = next_query(response.headers.get_list("link"), asked=path)
        if not query or len(found) > REFERRERS_MAX:
            break
    if query:
        _log.warning("referrers_cut", repository=repository, digest=digest, kept=REFERRERS_MAX)
    return tuple(found.values())[:REFERRERS_MAX]


def _parse(body: bytes) -> Manifest:
    return parse_manifest(body, media_type=media_types.OCI_INDEX)


async def _page(
    exchange: Exchange, path: str, query: str, *, repository: RepositoryName
) -> Response | None:
    request = Request(
        path=f"{path}?{query}" if query else path,
        scope=pull_scope(repository),
        headers=_HEADERS,
        limit=PAGE_MAX_BYTES,
        # A redirect means that there is no API here: that of GHCR leads to a page for people.
        redirects=0,
    )
    try:
        response = await exchange.get(request)
    except UnusableAnswerError as error:
        if error.temporary:
            raise
        return None
    if response.status == 200:
        return response if response.content_type == media_types.OCI_INDEX else None
    refused = make_error(response, may_be_absent=True)
    is_not_there = response.status in _NOT_THERE or 300 <= response.status < 400
    if is_not_there and not isinstance(refused, AbsentError):
        return None
    raise refused
