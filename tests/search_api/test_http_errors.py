"""Every error that can reach HTTP has its status, and none tells more than it should."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from indexer import errors
from search_api.http_errors import error_answer, exception_handlers
from tests.search_api.filling import make_client

pytestmark = pytest.mark.anyio

STATUSES = [
    (errors.CredentialError("wrong"), 401, "UNAUTHORIZED"),
    (errors.UnknownRegistryError("none is named 'x'"), 404, "NAME_UNKNOWN"),
    (errors.InvalidValueError("not a tag: 'x'"), 400, "PARAMETER_INVALID"),
    (errors.QueryError("a word is missing here", column=7), 400, "QUERY_INVALID"),
    (errors.NotFoundError("no image 'x'"), 404, "NOT_FOUND"),
    (errors.CursorExpiredError("not kept"), 410, "CURSOR_EXPIRED"),
    (errors.CallerLimitError("5 streams"), 429, "TOOMANYREQUESTS"),
    (errors.GuessLimitError("10 wrong ones", retry_after=1.5), 429, "TOOMANYREQUESTS"),
    (errors.SignInError("a wrong password"), 401, "UNAUTHORIZED"),
    (errors.NotAllowedError("for operators"), 403, "DENIED"),
    (errors.JournalError("it is full"), 503, "UNAVAILABLE"),
    (errors.StoreError("store.db: broken"), 503, "UNAVAILABLE"),
    (errors.OutdatedStoreError("store.db: older"), 503, "UNAVAILABLE"),
    (errors.DamagedRowError("store.db: a row cannot be read"), 503, "UNAVAILABLE"),
    (errors.UnusableFileError("store.db: damaged"), 503, "UNAVAILABLE"),
    (errors.EngineError("it is torn"), 503, "UNAVAILABLE"),
    (errors.EngineAwayError("it is torn"), 503, "UNAVAILABLE"),
    (errors.NodeAwayError("indexer node 'b': away"), 503, "UNAVAILABLE"),
    (errors.CostlyQueryError("17 patterns", column=7), 400, "QUERY_INVALID"),
    (errors.SearchTimeoutError("longer than 10 s"), 503, "SEARCH_TIMEOUT"),
    (errors.BusyError("256 searches wait"), 503, "BUSY"),
    (errors.SearchCancelledError("the client is gone"), 499, "UNAVAILABLE"),
    (HTTPException(404, "Not Found"), 404, "NOT_FOUND"),
    (HTTPException(405, "Method Not Allowed", {"Allow": "GET"}), 405, "UNSUPPORTED"),
    (HTTPException(418, "teapot"), 418, "UNSUPPORTED"),
    (ClientDisconnect(), 400, "PARAMETER_INVALID"),
]
# What only the indexer or the start of a program can raise.
ELSEWHERE = {"RegsearchError", "SettingsError", "IndexerRunningError", "RegistryError"}


class DerivedStoreError(errors.StoreError):
    """An error below one that has a status."""


@asynccontextmanager
async def failing(error: Exception) -> AsyncIterator[httpx2.AsyncClient]:
    async def fail(_: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/x", fail)], exception_handlers=exception_handlers())
    async with make_client(app, raise_errors=False) as client:
        yield client


async def answered(error: Exception) -> tuple[httpx2.Response, dict[str, Any]]:
    async with failing(error) as client:
        response = await client.get("/x")
    body = response.json()
    assert body.keys() == {"errors"}
    (only,) = body["errors"]
    assert only.keys() == {"code", "message", "detail"}
    return response, only


@pytest.mark.parametrize(("error", "status", "code"), STATUSES)
async def test_every_error_has_its_status(error: Exception, status: int, code: str) -> None:
    response, found = await answered(error)
    assert (response.status_code, found["code"]) == (status, code)
    if isinstance(error, errors.RegsearchError):
        assert found["message"] == str(error)
    assert found["detail"] == ({"column": 7} if isinstance(error, errors.QueryError) else {})
    # A search that took too long would take as long again.
    is_worth_retrying = status in {429, 503} and code != "SEARCH_TIMEOUT"
    assert ("Retry-After" in response.headers) == is_worth_retrying
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_no_class_is_forgotten() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    ours = {each.__name__ for each in classes if not issubclass(each, errors.RegistryError)}
    assert ours | {"RegistryError"} == ELSEWHERE | {
        type(error).__name__ for error, _, _ in STATUSES if isinstance(error, errors.RegsearchError)
    }


async def test_a_class_below_another_is_answered_as_that() -> None:
    response, found = await answered(DerivedStoreError("x"))
    assert (response.status_code, found["code"]) == (503, "UNAVAILABLE")


async def test_a_header_that_goes_with_an_error_is_kept() -> None:
    response, _ = await answered(HTTPException(405, headers={"Allow": "GET, HEAD"}))
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("password=hunter2 in /srv/secret"),
        errors.SettingsError("hunter2"),
        errors.UnreachableError("hunter2"),
        ZeroDivisionError(),
    ],
)
async def test_anything_else_is_500_and_tells_nothing(error: Exception) -> None:
    with structlog.testing.capture_logs() as logged:
        response, found = await answered(error)
    assert response.status_code == 500
    assert found == {
        "code": "UNKNOWN",
        "message": "the server has a defect; its log says more",
        "detail": {},
    }
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("request_failed", "error")
    assert line["exc_info"] is error, "the traceback is in the log"


async def test_refusals_are_logged_without_what_was_asked() -> None:
    with structlog.testing.capture_logs() as logged:
        async with failing(errors.StoreError("broken")) as client:
            await client.get("/x?q=secret", headers={"Authorization": "Bearer secret"})
    (line,) = logged
    assert (line["log_level"], line["path"], line["status"]) == ("warning", "/x", 503)
    assert "secret" not in str(line)


async def test_mistakes_of_callers_are_not_logged() -> None:
    with structlog.testing.capture_logs() as logged:
        await answered(errors.QueryError("x", column=1))
        await answered(errors.InvalidValueError("x"))
    assert logged == []


def test_an_error_answer_has_detail_and_headers() -> None:
    answer = error_answer(400, "X", "it", detail={"a": 1}, headers={"Y": "z"})
    assert answer.body == b'{"errors":[{"code":"X","message":"it","detail":{"a":1}}]}'
    assert answer.headers["Y"] == "z"
