"""The repositories that an answer may show if their registry lets the caller read them.

Some registries tell only for one image whether it may be read. So before a search, its first
results among all that is undecided are asked for; the search itself then sees what was granted.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec

from indexer.model import LIMIT_MAX, Condition, DocumentType, Or, Query, Rights, fold
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from search_api.search.viewer import AskedImage

Parameters = ParamSpec("Parameters")

PAGES = 2
"""How many pages of results are asked for at a time: some will be refused."""
NAMED_MAX = 20
"""The most repositories that are asked for because a request names them, or what they hold."""
_DIGEST = re.compile(r"\bsha(?:256|384|512):[0-9a-f]{64,128}\b")


def candidates(searcher: Searcher, request: SearchRequest) -> list[AskedImage]:
    """Return the places of the first results of a request, each once."""
    limit = min(LIMIT_MAX, (request.skip + request.limit) * PAGES)
    plain = replace(request, skip=0, limit=limit, facets=(), with_texts=False)
    found = searcher.search(plain).page.hits
    return _each_once(_place(hit.result) for hit in found)


def found_by(
    searcher: Searcher,
    function: Callable[Concatenate[Searcher, Parameters], object],
    /,
    *arguments: Parameters.args,
    **named: Parameters.kwargs,
) -> list[AskedImage]:
    """Return the places of everything that a function finds, each once."""
    with searcher.noting() as results:
        function(searcher, *arguments, **named)
    return _each_once(map(_place, results))


def named_requests(text: str, undecided: Rights) -> list[SearchRequest]:
    """Return the searches for what a text names: undecided repositories, and holders of digests."""
    names = {name for found in undecided.repositories.values() for name in found if name in text}
    # What is named is the longest: `team/web` also contains `web`.
    longest = sorted(names, key=len, reverse=True)[:NAMED_MAX]
    repositories: list[Query] = [Condition("repo", fold(name)) for name in longest]
    digests = dict.fromkeys(_DIGEST.findall(text))
    content: list[Query] = [
        Condition(field, digest) for digest in digests for field in ("digest", "layer")
    ]
    wanted = [
        (DocumentType.REPOSITORY, repositories),
        (DocumentType.IMAGE, content),
        (DocumentType.UNTAGGED, content),
    ]
    return [
        SearchRequest(Order(kind), NAMED_MAX // PAGES, conditions=(Or(tuple(conditions)),))
        for kind, conditions in wanted
        if conditions
    ]


def _each_once(places: Iterable[AskedImage]) -> list[AskedImage]:
    found: dict[tuple[str, str], AskedImage] = {}
    for one in places:
        found.setdefault((one.registry, one.repository), one)
    return list(found.values())


def _place(result: Mapping[str, Any]) -> AskedImage:
    registry, repository = result["registry"], result["repository"]
    reference = result["reference"].rpartition(f"/{repository}")[2][1:]
    return AskedImage(registry, repository, result.get("digest") or reference)
