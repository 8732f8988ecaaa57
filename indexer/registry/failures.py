"""What a failure of reaching a registry means, and what to change, in words for people.

Errors say what happened to a request. This says what an operator does about it, in the same words
wherever a failure is shown. Secrets are in none of them.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx2

from indexer.errors import (
    AddressRefusedError,
    DeniedError,
    RegistryError,
    SettingsError,
    UnreachableError,
)
from indexer.model import one_line

_PROBLEM_MAX = 400
_CAUSES_MAX = 10
_NAME_THEM = '; if it shows its catalog to nobody, set repositories = ["team/app"]'
_IF_RIGHT = "; if that is right, "
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What servers answer who expected TLS: those in Go, nginx, Apache.
_WANTS_TLS = re.compile(
    r"HTTP request (?:was sent )?to (?:an )?HTTPS|plain HTTP to an SSL", re.IGNORECASE
)
_IS_REGSEARCH = "this is a search service, not a registry"
_HTML = re.compile(r"<(?:!doctype )?html", re.IGNORECASE)
# What servers say to a certificate of a client that they do not accept, and to none.
_WANTS_CERTIFICATE = (
    "CERTIFICATE_REQUIRED",
    "HANDSHAKE_FAILURE",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_UNKNOWN_CA",
)
# What people copy of the address of its API.
_API_PATH = re.compile(r"(.*?)(/v[12](?:/.*)?)")
# The numbers of OpenSSL for what is wrong with a certificate.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = frozenset({18, 19})
_OTHER_NAME = frozenset({62, 63, 64})


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong, and what to change; as a text both are one line."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}" if self.remedy else self.problem


def explain(error: RegistryError, *, url: str, username: str = "") -> Failure:
    """Return what an error of the registry at ``url`` means, which is read as ``username``.

    ``username`` is "" for nobody. An error that means nothing special is told as it is.
    """
    if isinstance(error.__cause__, SettingsError):
        # Such as credentials that cannot be read: it names the setting.
        return Failure(str(error), "")
    asked = urlsplit(error.origin or url)
    if isinstance(error, AddressRefusedError) or _IF_RIGHT in str(error):
        problem, _, remedy = str(error).partition(_IF_RIGHT)
        return Failure(problem, f"if that is right, {remedy}" if remedy else "correct the registry")
    if error.location:
        return _explain_redirect(error.location, urlsplit(url))
    if isinstance(error, DeniedError):
        denial = _explain_denial(error, username)
        # Many public registries show their catalog to nobody.
        is_list = "/v2/_catalog" in str(error) and not error.origin
        return Failure(denial.problem, denial.remedy + _NAME_THEM) if is_list else denial
    if error.status == 0 and isinstance(error, UnreachableError):
        return _explain_silence(error, asked)
    return _explain_answer(error, urlsplit(url))


def with_meaning(error: RegistryError, failure: Failure) -> str:
    """Return the text of an error with what it means, unless it says all of that already."""
    text = str(error)
    return text if _IF_RIGHT in text or failure.problem in text else f"{text}; {failure}"


def explain_certificate(error: ssl.SSLCertVerificationError, *, host: str) -> Failure:
    """Return what is wrong with the certificate of a host, for whoever verifies it."""
    number = error.verify_code
    if number == _EXPIRED:
        return Failure(
            f"the certificate of {host} has expired", "renew it, and look at the clock of this host"
        )
    if number == _NOT_YET_VALID:
        return Failure(
            f"the certificate of {host} is not valid yet",
            "set the clock of this host, or wait until the certificate is valid",
        )
    if number in _OTHER_NAME:
        return Failure(
            f"the certificate of {host} is for another name",
            "write the name that is in the certificate, or have one made for this name",
        )
    what = "is self-signed" if number in _SELF_SIGNED else "is of an unknown authority"
    return Failure(
        f"the certificate of {host} {what}",
        "name the file of the authority that signed it (PEM): ca_file of the registry,"
        " or the environment variable SSL_CERT_FILE for everything",
    )


def _explain_silence(error: UnreachableError, asked: SplitResult) -> Failure:
    """Explain why there was no answer at all."""
    where = _where(asked)
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return explain_certificate(cause, host=where)
        if isinstance(cause, ssl.SSLError):
            return _explain_tls(cause, asked)
        if isinstance(cause, socket.gaierror):
            return Failure(
                f"the host {asked.hostname} is not known ({cause.strerror})",
                "correct the host in url, or the name server that this host asks",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Failure(f"nothing listens at {where}", _start_it(asked))
        if isinstance(cause, OSError) and cause.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
            return Failure(
                f"no way leads to {where} ({cause.strerror})",
                "correct the host in url, or the network of this host",
            )
        if isinstance(cause, httpx2.ProxyError):
            return Failure(
                f"the proxy of the environment does not reach {where}",
                f"add {asked.hostname} to NO_PROXY, or correct HTTPS_PROXY and HTTP_PROXY",
            )
    if any(isinstance(cause, httpx2.ConnectTimeout) for cause in causes):
        return Failure(
            f"{where} takes no connection in time",
            "correct host and port in url, or open the firewall between it and this host",
        )
    if any(isinstance(cause, httpx2.TimeoutException) for cause in causes):
        return Failure(
            f"{where} takes connections, but does not answer in time",
            "look at the load and the log of the registry, and of a proxy before it",
        )
    if causes[1:]:
        return Failure(
            f"{where} ends the connection without an answer in {asked.scheme.upper()}",
            "write https:// in url if it speaks TLS, and look at the port"
            if asked.scheme == "http"
            else "look at the log of the registry, and of a proxy before it",
        )
    return _as_it_is(error)


def _explain_tls(error: ssl.SSLError, asked: SplitResult) -> Failure:
    where, reason = _where(asked), error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return Failure(
            f"{where} answers http, not https", "write http:// in url, or correct its port"
        )
    if reason.endswith(_WANTS_CERTIFICATE):
        return Failure(
            f"{where} wants the certificate of a client, and one that it knows ({reason})",
            "set client_cert and client_key of the registry",
        )
    return Failure(
        f"{where} and this host do not agree on TLS ({reason or one_line(str(error), limit=100)})",
        "look at the TLS settings of the registry, or of a proxy before it",
    )


def _explain_redirect(location: str, asked: SplitResult) -> Failure:
    to = urlsplit(location)
    if to.hostname == asked.hostname and (asked.scheme, to.scheme) == ("http", "https"):
        return Failure(
            f"{_where(asked)} redirects http to https",
            f"write {to.scheme}://{to.netloc}{asked.path} in url",
        )
    return Failure(
        f"{_where(asked)} redirects to {location}",
        "write the address of the registry itself in url; requests below /v2/ must not lead to"
        " a page for signing in",
    )


def _explain_denial(error: DeniedError, username: str) -> Failure:
    who = f"{error.origin}, to which the registry leads," if error.origin else "the registry"
    said = _said(error)
    if not username:
        asks = "asks for credentials" if error.status == 401 else "allows this to users alone"
        return Failure(
            f"{who} {asks}, and none are set ({said})",
            "set username and password_file of the registry, or docker_config",
        )
    if error.status == 401:
        return Failure(
            f"{who} refuses the user {username!r} with this password ({said})",
            "correct username and password (password_file, password_env, docker_config)",
        )
    return Failure(
        f"{who} does not allow this to the user {username!r} ({said})",
        "give that user the right to list and to pull at the registry",
    )


def _explain_answer(error: RegistryError, asked: SplitResult) -> Failure:
    """Explain an answer that is not what a registry says."""
    where, text, copied = _where(asked), str(error), _API_PATH.fullmatch(asked.path)
    if _WANTS_TLS.search(text):
        return Failure(f"{where} answers https, not http", "write https:// in url")
    if _IS_REGSEARCH in text:
        return Failure(
            f"{where} is a regsearch, not a registry", "write the address of the registry in url"
        )
    if copied and error.status in {0, 404}:
        return Failure(
            f"url ends in {copied[2]!r}, and requests begin with /v2/ already",
            f"write {asked.scheme}://{asked.netloc}{copied[1]} in url",
        )
    if error.status == 429:
        return Failure(
            f"{where} asks for a pause ({_said(error)})",
            "wait, or set username: many registries let users ask more often; or lower"
            " max_in_flight",
        )
    if error.status in {502, 503, 504}:
        return Failure(
            f"a proxy before {where} does not reach it ({_said(error)})",
            "start the registry, or correct where the proxy passes requests on to",
        )
    if error.status >= 500:
        return Failure(f"{where} fails ({_said(error)})", "look at the log of the registry")
    if _HTML.search(text):
        return Failure(
            f"{where} answers with a page for people ({error.status or 200}), not as a registry",
            "write the address at which the registry answers /v2/ in url",
        )
    if error.status == 404:
        return Failure(
            f"no registry answers at {asked.scheme}://{asked.netloc}{asked.path} ({_said(error)})",
            "write the address of the registry in url: scheme, host and port, and what is before"
            " /v2/",
        )
    return _as_it_is(error)


def _start_it(asked: SplitResult) -> str:
    remedy = "start it, or correct host and port in url"
    if asked.hostname in _LOOPBACK:
        remedy += f"; in a container, {asked.hostname} is that container itself"
    return remedy


def _as_it_is(error: RegistryError) -> Failure:
    return Failure(one_line(str(error), limit=_PROBLEM_MAX), "look at the log of the registry")


def _said(error: RegistryError) -> str:
    """Return what was asked and answered, such as ``GET /v2/: 401``."""
    found = re.match(r".*?: [1-5][0-9]{2}\b", str(error))
    return found[0] if found else one_line(str(error), limit=100)


def _where(asked: SplitResult) -> str:
    """Return host and port, with the port written out."""
    port = asked.port or (443 if asked.scheme == "https" else 80)
    host = asked.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what caused it, and so on."""
    cause: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__
