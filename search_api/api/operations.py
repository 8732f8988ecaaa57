"""The common base of all operations: strict parameters, HEAD beside GET, and our errors.

An unknown or repeated parameter is an error that names it, and so is a wrong value. The errors of
FastAPI become those of :mod:`search_api.http_errors`.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, get_args

from fastapi import HTTPException, Request, Response, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from indexer.errors import InvalidValueError
from search_api.api.models import Errors

VALUE_SHOWN = 100
"""Characters of a wrong value in an error."""
IS_HEAD = "regsearch_is_head"
KEPT: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client's copy, named by `If-None-Match`, is current."},
    404: {"model": Errors, "description": "It does not exist, or it is not shown."},
}
"""For operations on a named resource; their answers have an `ETag`."""
_METHODS = {"Allow": "GET, HEAD"}

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class Operation(APIRoute):
    """A route for GET and HEAD that refuses unknown parameters."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this operation; HEAD counts as GET."""
        return super().matches(_as_get(scope))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope = _as_get(scope)
        if scope["method"] != "GET":
            raise HTTPException(405, headers=_METHODS)
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Endpoint:
        """Return the endpoint, with our errors and with a check of all parameters."""
        answer = super().get_route_handler()
        known = set(_query_names(self.endpoint))

        async def checked(request: Request) -> Response:
            _check_names(request, known)
            try:
                return await answer(request)
            except RequestValidationError as error:
                raise InvalidValueError(_explained(error)) from error

        return checked


def _as_get(scope: Scope) -> Scope:
    if scope["type"] != "http" or scope["method"] != "HEAD":
        return scope
    return {**scope, "method": "GET", IS_HEAD: True}


def _query_names(call: Callable[..., Any]) -> Iterator[str]:
    """Yield the names of the query parameters of a function and of what it depends on.

    They are read as they are declared, ``Annotated[…, Query(…)]``: FastAPI tells what it made of
    them in modules that are not for others.
    """
    for parameter in inspect.signature(call).parameters.values():
        kind, *notes = get_args(parameter.annotation) or (parameter.annotation,)
        for note in notes:
            if isinstance(note, params.Query):
                yield note.alias or parameter.name
            elif isinstance(note, params.Depends):
                yield from _query_names(note.dependency or kind)


def _check_names(request: Request, known: set[str]) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            listed = f"known are {', '.join(sorted(known))}" if known else "there are none here"
            raise InvalidValueError(f"unknown parameter {name[:VALUE_SHOWN]!r}; {listed}")
        if names.count(name) > 1:
            raise InvalidValueError(f"parameter {name!r} is given twice")


def _explained(error: RequestValidationError) -> str:
    """Return one line about the first mistake."""
    first = error.errors()[0]
    name = first["loc"][-1]
    if first["type"] == "missing":
        return f"parameter {name!r} is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    message = message.replace("String should", "should")
    return f"{name} {message}, not {str(first['input'])[:VALUE_SHOWN]!r}"
