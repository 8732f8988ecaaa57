"""``/v2/_oci/ext/…``: the list of extensions, and the proposed search extension.

The proposal (opencontainers/distribution-spec, pull request 504) defines the parameters and their
meaning, but not the form of an answer. Lists have pages as those of tags do: with ``n``, ``last``
and a ``Link``. The content of ``last`` is our choice.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from indexer.errors import InvalidValueError
from indexer.model import LIMIT_MAX, Condition, DocumentType, Hit, Path, Position, Query, Sort, fold
from search_api.access import note_search
from search_api.endpoints.docker_search import asked_host
from search_api.query import plain_query
from search_api.search import (
    API,
    Cursor,
    Order,
    SearchRequest,
    SearchService,
    decode_cursor,
    encode_cursor,
    parse_count,
)
from search_api.server import client_of

LIMIT_DEFAULT = 100
VALUE_MAX = 1_000
"""Characters of a parameter's value."""
_REPOSITORIES = Order(DocumentType.REPOSITORY, Sort.NAME)
_IMAGES = Order(DocumentType.IMAGE, Sort.NAME)
_FIRST = Position("", "")
"""A position before every document, in the order of names."""
_FIELDS = {
    "image": "tag",
    "mediaType": "media",
    "artifactType": "type",
    "annotation": "annotation",
    "digest": "digest",
}
"""The parameters of images, with their conditions."""
_PARAMETERS = {*_FIELDS, "repository", "global", "key", "n", "last"}
_EXTENSIONS = {
    "extensions": [
        {
            "name": "_oci",
            "url": "https://github.com/opencontainers/distribution-spec/pull/504",
            "description": "Search for repositories and images.",
            "endpoints": ["_oci/ext/discover", "_oci/ext/search"],
        },
        {
            "name": "_search",
            "url": f"{API}/docs",
            "description": "The search API for container registries, version 1.",
            "endpoints": [f"{API}/search"],
        },
    ]
}


class OciExtension:
    """The endpoints of the extension."""

    def __init__(self, service: SearchService, *, registry_hosts: frozenset[str]) -> None:
        """Take the hosts of the registries; a search at one of them stays within it."""
        self._service = service
        self._registry_hosts = frozenset(fold(host) for host in registry_hosts)

    def routes(self) -> list[Route]:
        """Return the routes to mount, before all others below ``/v2/``."""
        return [
            Route("/v2/_oci/ext/discover", self.discover),
            Route("/v2/_oci/ext/search", self.search),
        ]

    async def discover(self, _: Request) -> JSONResponse:
        """Answer with the list of extensions."""
        return JSONResponse(_EXTENSIONS)

    async def search(self, request: Request) -> JSONResponse:
        """Answer with repository names or images; with ``global``, names come before images."""
        parameters = _parameters(request)
        orders = _orders(parameters)
        order, cursor = _place(parameters.get("last", ""), orders)
        asked = SearchRequest(
            order=order,
            limit=_limit(parameters.get("n")),
            conditions=tuple(_conditions(parameters)),
            host=asked_host(request, self._registry_hosts),
            cursor=cursor,
        )
        page = (await self._service.search(asked, client=client_of(request))).page
        note_search(str(request.query_params), page.total)
        body: dict[str, Any] = {_name(one): [] for one in orders}
        body[_name(order)] = [_shown(hit, order) for hit in page.hits]
        last = ""
        if page.has_more:
            last = encode_cursor(Cursor(page.hits[-1].position), order)
        elif order != orders[-1]:
            last = encode_cursor(Cursor(_FIRST), orders[-1])
        headers = {"Cache-Control": "no-store"}
        if last:
            following = urlencode({**parameters, "last": last})
            headers["Link"] = f'</v2/_oci/ext/search?{following}>; rel="next"'
        return JSONResponse(body, headers=headers)


def _parameters(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in _PARAMETERS:
            known = ", ".join(sorted(_PARAMETERS))
            raise InvalidValueError(f"unknown parameter {name[:100]!r}; known are {known}")
        if name in found:
            raise InvalidValueError(f"parameter {name!r} is given twice")
        if len(value) > VALUE_MAX and name != "last":
            raise InvalidValueError(f"{name} is longer than {VALUE_MAX} characters")
        found[name] = value
    return found


def _orders(parameters: Mapping[str, str]) -> list[Order]:
    """Return the lists of an answer, in order."""
    if "global" in parameters:
        return [_REPOSITORIES, _IMAGES]
    of_images = parameters.keys() & {*_FIELDS, "key"}
    return [_IMAGES] if of_images else [_REPOSITORIES]


def _conditions(parameters: Mapping[str, str]) -> Iterator[Query]:
    """Yield the conditions of all parameters; an empty parameter has none."""
    if name := fold(parameters.get("repository", "").strip("/")):
        # Alone it searches for names. Beside others it limits them to a repository.
        is_alone = _orders(parameters) == [_REPOSITORIES]
        yield Path(name) if is_alone else Condition("repo", name)
    for parameter, field in _FIELDS.items():
        if value := fold(parameters.get(parameter, "")):
            yield Condition(field, value)
    for parameter in ("global", "key"):
        if parameters.get(parameter):
            yield plain_query(parameters[parameter])


def _place(text: str, orders: list[Order]) -> tuple[Order, Cursor]:
    """Return the list to continue and its position: ``last`` belongs to one of the orders."""
    if not text:
        return orders[0], Cursor(_FIRST)
    for order in orders[:-1]:
        try:
            return order, decode_cursor(text, order)
        except InvalidValueError:
            continue
    return orders[-1], decode_cursor(text, orders[-1])


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    try:
        return parse_count(text, maximum=LIMIT_MAX)
    except ValueError as error:
        raise InvalidValueError(f"n {error}, not {text[:100]!r}") from error


def _name(order: Order) -> str:
    return "repositories" if order == _REPOSITORIES else "images"


def _shown(hit: Hit, order: Order) -> Any:
    result = hit.result
    if order == _REPOSITORIES:
        return result["repository"]
    return {
        "repository": result["repository"],
        "digest": result["digest"],
        "tags": result["tags"],
        "artifactType": result["artifact_type"],
        "annotations": result["annotations"],
    }
