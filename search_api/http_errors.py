"""Turning exceptions into HTTP answers: the OCI error list ``{"errors": [{"code", …}]}``."""

import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from indexer.errors import (
    BusyError,
    CallerLimitError,
    CredentialError,
    CursorExpiredError,
    EngineError,
    GuessLimitError,
    InvalidValueError,
    JournalError,
    NodeAwayError,
    NotAllowedError,
    NotFoundError,
    QueryError,
    SearchCancelledError,
    SearchTimeoutError,
    StoreError,
    UnknownRegistryError,
)
from search_api.processes import REQUEST_ID

log = structlog.get_logger()

PATH_MAX = 200

_ANSWERS: Mapping[type[Exception], tuple[int, str]] = {
    CredentialError: (401, "UNAUTHORIZED"),
    NotAllowedError: (403, "DENIED"),
    UnknownRegistryError: (404, "NAME_UNKNOWN"),
    InvalidValueError: (400, "PARAMETER_INVALID"),
    QueryError: (400, "QUERY_INVALID"),
    NotFoundError: (404, "NOT_FOUND"),
    CursorExpiredError: (410, "CURSOR_EXPIRED"),
    CallerLimitError: (429, "TOOMANYREQUESTS"),
    JournalError: (503, "UNAVAILABLE"),
    StoreError: (503, "UNAVAILABLE"),
    EngineError: (503, "UNAVAILABLE"),
    NodeAwayError: (503, "UNAVAILABLE"),
    SearchTimeoutError: (503, "SEARCH_TIMEOUT"),
    BusyError: (503, "BUSY"),
    # Nobody reads it; 499 is what other servers write into their logs.
    SearchCancelledError: (499, "UNAVAILABLE"),
}
KNOWN_ERRORS = tuple(_ANSWERS)
"""Errors that are no defects of the server: each has its status."""
_CODES = {404: "NOT_FOUND", 405: "UNSUPPORTED"}

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]


def exception_handlers() -> dict[int | type[Exception], Handler]:
    """Return the handlers for an application."""
    handlers: dict[int | type[Exception], Handler] = dict.fromkeys(_ANSWERS, _known)
    return {**handlers, HTTPException: _http, ClientDisconnect: _gone, Exception: _unknown}


def inner_exception_handlers() -> dict[int | type[Exception], Handler]:
    """Return the handlers for an application inside another, which logs unknown errors."""
    return {**exception_handlers(), Exception: _unknown_inside}


def error_answer(
    status: int,
    code: str,
    message: str,
    *,
    detail: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an answer with one error in the form of OCI, and the id of the request."""
    error = {"code": code, "message": message, "detail": dict(detail or {})}
    body: dict[str, Any] = {"errors": [error]}
    if request_id := REQUEST_ID.get():
        body["request_id"] = request_id
    return JSONResponse(body, status_code=status, headers=headers)


def answer_to(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to one of ``KNOWN_ERRORS``."""
    status, code = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    detail = {"column": error.column} if isinstance(error, QueryError) else None
    # A search that took too long would take as long again.
    is_worth_retrying = status in {429, 503} and not isinstance(error, SearchTimeoutError)
    headers = {"Retry-After": "1"} if is_worth_retrying else None
    if isinstance(error, CredentialError):
        headers = {"WWW-Authenticate": error.challenge}
    if isinstance(error, GuessLimitError):
        headers = {"Retry-After": str(math.ceil(error.retry_after))}
    # Wrong secrets and crowds of searches are logged where they are counted.
    if status == 503 and not isinstance(error, BusyError | SearchTimeoutError):
        sender = request.client.host if request.client else ""
        log.warning(
            "request_refused",
            path=request.url.path,
            status=status,
            reason=str(error),
            sender=sender,
        )
    return error_answer(status, code, str(error), detail=detail, headers=headers)


async def _known(request: Request, error: Exception) -> Response:
    return answer_to(request, error)


def http_answer(request: Request, error: HTTPException) -> JSONResponse:
    """Return the answer to an error of the router: no such address, no such method."""
    code = _CODES.get(error.status_code, "UNSUPPORTED")
    message = f"{request.method} {request.url.path[:PATH_MAX]}: {error.detail}"
    return error_answer(error.status_code, code, message, headers=error.headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    return http_answer(request, error)


async def _gone(request: Request, _: Exception) -> Response:
    """Answer a sender that went away within its body: no defect, and nobody reads the answer."""
    log.info("sender_gone", path=request.url.path)
    return error_answer(400, "PARAMETER_INVALID", "the body ended too early")


async def _unknown(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return await _unknown_inside(request, error)


async def _unknown_inside(_: Request, __: Exception) -> Response:
    return error_answer(500, "UNKNOWN", "the server has a defect; its log says more")
