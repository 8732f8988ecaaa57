"""The error of each response: the table that decides about removals."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from indexer.errors import (
    AbsentError,
    DeniedError,
    RegistryError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.registry.responses import Response, make_error, read_errors, retry_after

SAMPLES = Path(__file__).parents[2] / "samples" / "registry"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def make_response(
    status: int, body: bytes = b"", *, content_type: str = "", origin: str = ""
) -> Response:
    headers = httpx2.Headers({"Content-Type": content_type} if content_type else {})
    return Response("/v2/a/manifests/1", status, headers, body, origin=origin)


def errors_body(*codes: str, message: str = "") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message} for code in codes]}).encode()


@pytest.mark.parametrize("code", ["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"])
def test_a_404_with_the_registrys_own_code_is_absence(code: str) -> None:
    error = make_error(make_response(404, errors_body(code)), may_be_absent=True)
    assert type(error) is AbsentError
    assert not error.temporary


@pytest.mark.parametrize(
    ("status", "body", "expected", "temporary"),
    [
        (404, b"", UnusableAnswerError, True),
        (404, b"404 page not found\n", UnusableAnswerError, True),
        (404, b"<html><body>Not Found</body></html>", UnusableAnswerError, True),
        (404, b'{"error": "Not Found"}', UnusableAnswerError, True),
        (404, b'{"errors": []}', UnusableAnswerError, True),
        (404, b'{"errors": null}', UnusableAnswerError, True),
        (404, b'{"errors": ["MANIFEST_UNKNOWN"]}', UnusableAnswerError, True),
        (404, b'{"errors": [{"code": 7}]}', UnusableAnswerError, True),
        (404, b'{"errors": [{"code": "manifest_unknown"}]}', UnusableAnswerError, True),
        (404, b"\xff\xfe", UnusableAnswerError, True),
        (404, errors_body("SOMETHING_ELSE"), UnusableAnswerError, True),
        (404, errors_body("MANIFEST_UNKNOWN", "SOMETHING_ELSE"), UnusableAnswerError, True),
        (404, errors_body("UNSUPPORTED"), UnusableAnswerError, False),
        (404, errors_body("DENIED"), DeniedError, False),
        (404, errors_body("MANIFEST_UNKNOWN", "UNAUTHORIZED"), DeniedError, False),
        (401, b"", DeniedError, False),
        (403, errors_body("NAME_UNKNOWN"), DeniedError, False),
        (400, errors_body("DENIED"), DeniedError, False),
        (400, errors_body("MANIFEST_INVALID"), UnusableAnswerError, False),
        (405, errors_body("UNSUPPORTED"), UnusableAnswerError, False),
        (410, errors_body("MANIFEST_UNKNOWN"), UnusableAnswerError, False),
        (412, errors_body("PROJECTPOLICYVIOLATION"), UnusableAnswerError, False),
        (400, errors_body("TOOMANYREQUESTS"), UnreachableError, True),
        (408, b"", UnreachableError, True),
        (429, errors_body("TOOMANYREQUESTS"), UnreachableError, True),
        (499, b"", UnreachableError, True),
        (500, errors_body("MANIFEST_UNKNOWN"), UnreachableError, True),
        (502, b"<html>Bad Gateway</html>", UnreachableError, True),
        (503, b"", UnreachableError, True),
        (504, b"", UnreachableError, True),
        (522, b"", UnreachableError, True),
        (200, b"<html>Sign in</html>", UnusableAnswerError, True),
        (204, b"", UnusableAnswerError, True),
        (304, b"", UnusableAnswerError, False),
    ],
)
def test_nothing_else_is_absence(
    status: int, body: bytes, expected: type[RegistryError], temporary: bool
) -> None:
    error = make_error(make_response(status, body), may_be_absent=True)
    assert type(error) is expected
    assert error.temporary is temporary
    assert str(status) in str(error)
    assert "/v2/a/manifests/1" in str(error)


def test_what_exists_but_cannot_be_read_is_not_absent() -> None:
    body = errors_body(
        "MANIFEST_UNKNOWN",
        message="OCI index found, but accept header does not support OCI indexes",
    )
    error = make_error(make_response(404, body), may_be_absent=True)
    assert type(error) is UnusableAnswerError
    assert not error.temporary
    assert "exists" in str(error)


def test_a_name_with_accept_in_it_does_not_hide_an_absence() -> None:
    body = errors_body("MANIFEST_UNKNOWN", message="manifest accept/acceptance:accepted not found")
    assert type(make_error(make_response(404, body), may_be_absent=True)) is AbsentError


def test_absence_is_the_registrys_own_word_about_one_thing() -> None:
    body = errors_body("BLOB_UNKNOWN")
    elsewhere = make_error(
        make_response(404, body, origin="https://elsewhere.test"), may_be_absent=True
    )
    assert type(elsewhere) is UnusableAnswerError
    assert type(make_error(make_response(404, body))) is UnusableAnswerError


@pytest.mark.parametrize("release", ["2.8.3", "3.1.1"])
def test_recorded_refusals_are_absence_only_where_they_say_so(release: str) -> None:
    cases = json.loads((SAMPLES / f"answers-{release}.json").read_text())["cases"]
    refused = [case for case in cases if case["status"] >= 400]
    assert len(refused) > 20
    for case in refused:
        body = json.dumps(case["json"]).encode() if "json" in case else case["body"].encode()
        error = make_error(make_response(case["status"], body), may_be_absent=True)
        says_so = b"_UNKNOWN" in body and b"accept header" not in body
        assert isinstance(error, AbsentError) is says_so, case["request"]
        assert isinstance(error, AbsentError | UnusableAnswerError), case["request"]


def test_a_message_is_one_short_line() -> None:
    error = make_error(make_response(500, b"a\nb\x1b[31m\t\xe2\x80\xae" + b"x" * 5000))
    assert str(error).startswith("GET /v2/a/manifests/1: 500 a b [31m")
    assert len(str(error)) < 300
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("authorization", "secrets"),
    [
        ("Bearer abc.def.ghi", ["abc.def.ghi"]),
        ("Basic YWxpY2U6c2VjcmV0", ["YWxpY2U6c2VjcmV0", "secret"]),
        ("Basic ####", ["####"]),
        ("Basic abcde", ["abcde"]),
        ("Basic //79", ["//79"]),
        ("Basic YWxpY2U6", ["YWxpY2U6"]),
    ],
)
def test_a_message_never_repeats_credentials(authorization: str, secrets: list[str]) -> None:
    """A server that echoes the request must not bring the password into a log."""
    body = f"{'.' * 150}{' '.join(secrets)}; you sent {authorization}".encode()
    echoed = Response("/v2/", 500, httpx2.Headers(), body, authorization=authorization)
    assert "*** " in str(make_error(echoed)) or "***;" in str(make_error(echoed))
    for secret in secrets:
        assert secret not in str(make_error(echoed))
        assert secret not in repr(echoed)


def test_at_most_a_hundred_errors_of_a_body_are_read() -> None:
    assert len(read_errors(make_response(404, errors_body(*["X"] * 500)))) == 100


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("900", 900.0),
        ("901", 900.0),
        ("9" * 5000, 900.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2027 12:00:00 GMT", 900.0),
        ("Sun, 01 Mar 99999 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:00:30 +99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_15_minutes(
    value: str, seconds: float | None
) -> None:
    assert retry_after(value, now=NOW) == seconds
