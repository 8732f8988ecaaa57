"""The response of a registry, and the error that it means.

The status decides, and the error codes of the registry refine it. Only one response says that
content does not exist: a 404 of the registry itself, with an error code that means exactly that.
After any other error it may exist or not.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from indexer.errors import (
    AbsentError,
    DeniedError,
    InvalidValueError,
    RegistryError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.model import one_line, parse_json_object

RETRY_AFTER_MAX_SECONDS = 15 * 60.0
ERROR_BODY_MAX_BYTES = 64 * 1_024
EXCERPT_CHARACTERS = 200
ERRORS_MAX = 100

_ABSENT_CODES = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})
_DENIED_CODES = frozenset({"UNAUTHORIZED", "DENIED"})
# With a space in it, which no repository or tag that a message names can have.
_ABOUT_ACCEPT = re.compile(r"accept header|not accept", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response of any status.

    ``asked`` is the requested path, for messages. ``origin`` is the other host that answered, after
    a redirect or as a token service: it cannot speak for the registry, and what it says is not
    shown. ``authorization`` is the header that was sent, so that messages can leave it out.
    ``retry_after`` is in seconds.
    """

    asked: str
    status: int
    headers: httpx2.Headers
    body: bytes = field(repr=False)
    origin: str = ""
    authorization: str = field(default="", repr=False)
    retry_after: float | None = None

    @property
    def is_own(self) -> bool:
        """Whether the registry itself answered."""
        return not self.origin

    @property
    def is_transient(self) -> bool:
        """Whether a retry may soon succeed."""
        return is_transient(self.status)

    @property
    def is_redirect(self) -> bool:
        """Whether the response is a redirect."""
        return self.status in _REDIRECTS

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people: a login form, an error page of a proxy."""
        if self.content_type in {"text/html", "application/xhtml+xml"}:
            return True
        return self.body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    def __str__(self) -> str:
        """Return request and response in one line without credentials."""
        if self.origin:
            return f"GET {self.asked}: {self.status} from {self.origin}"
        # More than is shown, so that no secret is cut before it is found.
        start = self.body[: 2 * ERROR_BODY_MAX_BYTES].decode("utf-8", "replace")
        for secret in _secrets(self.authorization):
            start = start.replace(secret, "***")
        excerpt = one_line(start[:EXCERPT_CHARACTERS], limit=EXCERPT_CHARACTERS)
        return f"GET {self.asked}: {self.status}" + (f" {excerpt}" if excerpt else "")


@dataclass(frozen=True, slots=True)
class ResponseError:
    """One entry in the error body of a registry."""

    code: str
    message: str


def is_transient(status: int) -> bool:
    """Tell whether a retry may soon succeed."""
    return status >= 500 or status in {408, 429, 499}


def read_errors(response: Response) -> tuple[ResponseError, ...]:
    """Return the entries of the error body of a registry; empty for any other body."""
    try:
        entries = parse_json_object(response.body).get("errors")
    except InvalidValueError:
        return ()
    if not isinstance(entries, list):
        return ()
    return tuple(_read_error(entry) for entry in entries[:ERRORS_MAX] if isinstance(entry, dict))


def has_code(response: Response, *codes: str) -> bool:
    """Tell whether the error body of a registry contains one of these codes."""
    return any(error.code in codes for error in read_errors(response))


def make_error(response: Response, *, may_be_absent: bool = False) -> RegistryError:
    """Return the error of a response that should have been the content with status 200.

    ``may_be_absent``: the request was for one repository, manifest or blob, so a definite no is
    :class:`AbsentError`.
    """
    error = _make_error(response, may_be_absent=may_be_absent)
    error.status, error.origin = response.status, response.origin
    return error


def _make_error(response: Response, *, may_be_absent: bool) -> RegistryError:
    if response.status in {401, 403}:
        return DeniedError(str(response))
    if response.is_transient:
        # Only content is elsewhere: a token service speaks for its registry.
        is_elsewhere = may_be_absent and not response.is_own
        return UnreachableError(
            str(response), retry_after=response.retry_after, is_elsewhere=is_elsewhere
        )
    if not 400 <= response.status < 500:
        return (
            lasting(str(response)) if response.status >= 300 else UnusableAnswerError(str(response))
        )
    errors = read_errors(response) if response.is_own else ()
    codes = {error.code for error in errors}
    if codes & _DENIED_CODES:
        return DeniedError(str(response))
    if "TOOMANYREQUESTS" in codes:
        return UnreachableError(str(response), retry_after=response.retry_after)
    if response.status != 404 or "UNSUPPORTED" in codes:
        return lasting(str(response))
    if not codes or not codes <= _ABSENT_CODES:
        return UnusableAnswerError(str(response))
    if any(_ABOUT_ACCEPT.search(error.message) for error in errors):
        return lasting(f"exists, cannot be read: {response}")
    return AbsentError(str(response)) if may_be_absent else UnusableAnswerError(str(response))


def lasting(message: str) -> UnusableAnswerError:
    """Return an :class:`UnusableAnswerError` that a retry will not change."""
    error = UnusableAnswerError(message)
    error.temporary = False
    return error


def retry_after(value: str, *, now: datetime) -> float | None:
    """Return the seconds of a ``Retry-After``, at most 15 minutes; None without one.

    The value is a number of seconds or a date; anything else counts as absent.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:10])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        # A date without a time zone is in UTC by definition.
        seconds = (moment.replace(tzinfo=moment.tzinfo or now.tzinfo) - now).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)


def _read_error(entry: dict[str, Any]) -> ResponseError:
    code, message = entry.get("code"), entry.get("message")
    return ResponseError(
        code=code if isinstance(code, str) else "",
        message=message if isinstance(message, str) else "",
    )


def _secrets(authorization: str) -> list[str]:
    """Return the secrets in an ``Authorization`` header that was sent."""
    scheme, _, value = authorization.partition(" ")
    if not value:
        return []
    if scheme != "Basic":
        return [value]
    try:
        password = base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return [value]
    return [value, password] if password else [value]
