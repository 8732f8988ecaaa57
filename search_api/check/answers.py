"""What an answer of a proxy means that is not the expected one, and what to change in the proxy."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from indexer.errors import InvalidValueError
from indexer.model import one_line, parse_json_object
from indexer.registry import Failure, explain_certificate

_SHOWN_MAX = 150
_TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)
_VALUES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer over HTTP; ``status`` is 0 and ``problem`` says why if there was none."""

    path: str
    status: int = 0
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)
    body: bytes = field(default=b"", repr=False)
    problem: str = ""
    own_port: int = 0
    """The port from which the request was sent."""

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people."""
        is_page = self.headers.get("content-type", "").startswith("text/html")
        return is_page or self.body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    @property
    def is_ours(self) -> bool:
        """Whether a regsearch sent it."""
        return "x-request-id" in self.headers

    @property
    def json(self) -> Mapping[str, Any]:
        """The JSON object that it is; empty if it is none."""
        try:
            return parse_json_object(self.body, values_max=_VALUES_MAX)
        except InvalidValueError:
            return {}


def explain_answer(answer: Answer, *, wanted: str, to: str) -> Failure:
    """Return what is wrong with an answer that is not the expected one.

    ``wanted`` is the path to pass on, such as ``/v1/search``, and ``to`` names what it is to be
    passed on to.
    """
    asked = f"GET {answer.path}"
    pass_on = f"let the proxy pass {wanted} on to {to}"
    if answer.status == 0:
        return Failure(f"{asked}: no answer: {answer.problem}", f"{pass_on}, and look into its log")
    if 300 <= answer.status < 400:
        return _explain_redirect(answer, asked, wanted)
    if answer.status in {401, 403} and not answer.is_ours:
        return Failure(
            f"{asked}: {answer.status}, the proxy asks for a password before /v1/",
            "take auth_basic and its like away from /v1/ (nginx: auth_basic off): docker and podman"
            " send no password there, and regsearch itself knows who may see what",
        )
    if answer.is_html and answer.status < 400:
        return _explain_page(answer, asked, wanted, to)
    if answer.status == 429 or (answer.status == 503 and not answer.is_ours):
        return Failure(
            f"{asked}: {answer.status}, the proxy refuses requests that come fast",
            f"take limits such as limit_req away from {wanted}; regsearch has limits of its own,"
            " caller_requests_per_second",
        )
    if answer.status in {500, 502, 504} and not answer.is_ours:
        return Failure(
            f"{asked}: {answer.status}, the proxy does not reach {to}",
            f"start {to}, or correct where the proxy passes {wanted} on to (nginx: proxy_pass)",
        )
    if answer.status == 404 and answer.is_ours:
        return Failure(
            f"{asked}: 404 of regsearch: the proxy changes the path",
            f"let the proxy pass {wanted} on as it is (nginx: proxy_pass without a path behind the"
            " port)",
        )
    if answer.status == 404:
        return Failure(
            f"{asked}: 404 of something else than {to}: {_excerpt(answer)}".rstrip(": "), pass_on
        )
    return Failure(f"{asked}: {answer.status} {_excerpt(answer)}".rstrip(), pass_on)


def explain_distrust(error: Exception, *, host: str) -> Failure | None:
    """Return what is wrong with the certificate of a host; None for any other error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return explain_certificate(cause, host=host)
        cause = cause.__cause__ or cause.__context__
    return None


def _explain_redirect(answer: Answer, asked: str, wanted: str) -> Failure:
    location = one_line(answer.headers.get("location", ""), limit=_SHOWN_MAX)
    to = urlsplit(location)
    problem = f"{asked}: {answer.status}, a redirect to {location}"
    if to.scheme == "https" and to.path.rstrip("/") == wanted.rstrip("/"):
        return Failure(
            f"{problem}: docker drops its credentials there",
            "write https:// in public_url and --host, and have users type the host without http://",
        )
    if to.path.rstrip("/") == wanted.rstrip("/"):
        return Failure(
            f"{problem}: docker drops its credentials there",
            f"let the proxy answer {wanted} without a slash behind it, and without a redirect",
        )
    return Failure(
        f"{problem}: clients cannot sign in on a page",
        "leave /v1/ and /v2/ out of signing in at the proxy: docker and podman have no browser",
    )


def _explain_page(answer: Answer, asked: str, wanted: str, to: str) -> Failure:
    if answer.is_ours:
        return Failure(
            f"{asked}: a page of regsearch: the proxy cuts the path off",
            f"let the proxy pass {wanted} on as it is (nginx: proxy_pass without a path behind the"
            " port, also without /)",
        )
    return Failure(
        f"{asked}: {answer.status}, a page for people (HTML), not JSON",
        f"let the proxy pass {wanted} on to {to} before it sends everything else to a web page",
    )


def _excerpt(answer: Answer) -> str:
    text = answer.body[:1_000].decode("utf-8", "replace")
    # Of a page for people, only its title is read by any.
    title = _TITLE.search(text)
    return one_line(title[1] if title else text, limit=_SHOWN_MAX)
