"""``search``: the query language over HTTP."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from indexer.model import DocumentType
from search_api.access import note_search
from search_api.api.models import Completions, Errors, SearchAnswer
from search_api.api.operations import Operation
from search_api.api.parameters import (
    COMPLETIONS_DEFAULT,
    LIMIT_DEFAULT,
    CompletionLimit,
    CursorText,
    Facets,
    InRegistry,
    Limit,
    QueryText,
    SortBy,
    Type,
)
from search_api.api.resources import base_of, next_link
from search_api.search import (
    Order,
    SearchRequest,
    SearchService,
    completion_json,
    completions,
    decode_cursor,
    parse_facets,
    parse_order,
    search_bytes,
)
from search_api.server import client_of

_NOT_KEPT = {"Cache-Control": "no-store"}


def search_router(service: SearchService) -> APIRouter:
    """Return the operations that search."""
    router = APIRouter(route_class=Operation, tags=["search"])

    @router.get(
        "/search",
        summary="Search",
        response_model=SearchAnswer,
        responses={404: {"model": Errors, "description": "There is no such registry."}},
    )
    async def search(
        request: Request,
        *,
        q: QueryText = "",
        type: Type = "repository",  # noqa: A002 - the parameter's name
        registry: InRegistry = "",
        facets: Facets = "",
        sort: SortBy = "relevance",
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = "",
    ) -> Response:
        """Return the repositories or images that match a query, page by page."""
        by, is_reversed = parse_order(sort)
        order = Order(DocumentType(type), by, is_reversed)
        asked = SearchRequest(
            text=q,
            order=order,
            limit=limit,
            registry=registry,
            facets=parse_facets(facets),
            cursor=decode_cursor(cursor, order) if cursor else None,
            with_texts=True,
        )
        body, following, total = await service.call_for(
            client_of(request), search_bytes, asked, base_of(request)
        )
        note_search(q, total)
        headers = _NOT_KEPT | next_link(request, following)
        return Response(body, media_type="application/json", headers=headers)

    @router.get("/suggest", summary="Suggestions while typing", response_model=Completions)
    async def suggest(
        request: Request,
        *,
        q: QueryText = "",
        type: Type = "repository",  # noqa: A002 - the parameter's name
        limit: CompletionLimit = COMPLETIONS_DEFAULT,
    ) -> JSONResponse:
        """Return completions of the last word of a query: names, fields, or values of a field."""
        found = await service.call_for(
            client_of(request), completions, q, document_type=DocumentType(type), limit=limit
        )
        body = {"suggestions": [completion_json(one) for one in found]}
        return JSONResponse(body, headers=_NOT_KEPT)

    return router
