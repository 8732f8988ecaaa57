"""The application of the API, as the web process mounts it."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from search_api.api.changes import Streams, changes_router
from search_api.api.documentation import documentation_routes
from search_api.api.models import Errors, Status
from search_api.api.operations import Operation
from search_api.api.resources import resources_router
from search_api.api.search import search_router
from search_api.http_errors import inner_exception_handlers
from search_api.search import SearchService, status_json
from search_api.server import Refusals

VERSION = "1"
COMPRESSED_FROM = 1_000
"""Answers are compressed from this size in bytes on."""
COMPRESS_LEVEL = 5
_EVENTS = "text/event-stream"
_EVENT = 'event: tag.pushed\nid: MTI\ndata: {"kind": "tag.pushed", "repository": "team/web"}\n\n'
_DESCRIPTION = """
Search the content of container registries. Answers are JSON objects; each failure is a list of
errors. A parameter that is unknown or given twice is an error. Times are RFC 3339 in UTC, sizes are
bytes. HEAD is answered like GET.
"""
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Errors, "description": "A parameter or the query has a mistake."},
    401: {
        "model": Errors,
        "description": "The user name, the password or the token is wrong.",
        "headers": {
            "WWW-Authenticate": {
                "description": "What can be sent.",
                "schema": {"type": "string"},
            }
        },
    },
    429: {
        "model": Errors,
        "description": "The caller asks for too much; `Retry-After` says when to try again.",
    },
    503: {
        "model": Errors,
        "description": "Not available now; `Retry-After` says when to try again.",
    },
}


_SECURITY_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "A user of this service or of a registry, or any name with a token of this"
        " service as the password.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of this service (`regsearch token create`), or of the issuer that"
        " signs its users in.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-regsearch-session",
        "description": "The cookie of somebody who signed in on the page. Below a path its name"
        " begins with `__Secure-`, and without TLS it is `regsearch-session`.",
    },
}
_SECURITY: Sequence[Mapping[str, Sequence[str]]] = [
    # Without any, an answer tells what everybody may see.
    {},
    *({name: []} for name in _SECURITY_SCHEMES),
]


def make_api(
    service: SearchService,
    *,
    cors_origins: Sequence[str] = (),
    streams: Streams | None = None,
) -> FastAPI:
    """Return the API over ``service``; pages of ``cors_origins`` may read it."""
    api = _Api(
        title="regsearch",
        version=VERSION,
        description=_DESCRIPTION.strip(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_ERRORS,
        # A generated client names its functions by it.
        generate_unique_id_function=lambda route: route.name,
        exception_handlers=inner_exception_handlers(),
        middleware=api_middleware(cors_origins),
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    api.router.route_class = Operation
    api.include_router(search_router(service))
    api.include_router(resources_router(service))
    api.include_router(changes_router(service, streams or Streams(Refusals())))
    api.router.routes.extend(documentation_routes())

    @api.get(
        "/status", summary="The status of the service", tags=["operation"], response_model=Status
    )
    async def get_status() -> JSONResponse:
        """Return registries, crawls, waiting work, the search index, and unusable input.

        Reasons, addresses and what failed are for operators.
        """
        return JSONResponse(status_json(await service.status()))

    return api


def api_middleware(cors_origins: Sequence[str]) -> list[Middleware]:
    """Return what lets pages of these origins read answers, and compresses these."""
    compressing = Middleware(
        GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESS_LEVEL
    )
    return [*sharing_middleware(cors_origins), compressing]


def sharing_middleware(cors_origins: Sequence[str]) -> list[Middleware]:
    """Return what lets pages of these origins read answers; nothing if there are none."""
    if not cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Link", "Retry-After", "X-Request-ID"],
        )
    ]


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI 3.1 document; a wrong parameter is answered with 400, not 422."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path in document["paths"].values():
                for operation in path.values():
                    _correct(operation["responses"])
            document["components"]["securitySchemes"] = _SECURITY_SCHEMES
            document["security"] = _SECURITY
            for name in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(name, None)
        assert self.openapi_schema is not None  # noqa: S101 - the line above made it
        return self.openapi_schema


def _correct(responses: dict[str, Any]) -> None:
    """Drop the 422 that is never answered; errors are JSON even for a stream.

    A stream is text in version 3.1: only 3.2 can say what each event of it has.
    """
    responses.pop("422", None)
    for status, response in responses.items():
        content = response.get("content", {})
        if _EVENTS not in content:
            continue
        if status == "200":
            content[_EVENTS] = {"schema": {"type": "string"}, "example": _EVENT}
        else:
            content["application/json"] = content.pop(_EVENTS)
