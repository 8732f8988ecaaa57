"""What a reason of the indexer means for a reader, and what to do about it. Pure."""

import re
from dataclasses import dataclass

_REQUEST = re.compile(r"(?:\w+: )?(?:GET|HEAD) \S+: (?P<rest>.*)", re.DOTALL)
_STATUS = re.compile(r"(?P<status>\d{3})\b")
_CHECK_URL = "Check its url in the settings: another program may answer there."
_CHECK_PLACE = "If it stays so, push it again, or delete it."
_SETTING = "as the reason itself says"
_OTHER_REALM = "its token service is at a place where it may not be"
_REACH = "Check that it runs, that its url is right, and that this machine can reach it."


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason in words; ``words`` is empty if nothing is known but its exact text."""

    words: str
    remedy: str
    exact: str


# What a message about a request goes on with, and what that means: the first that fits.
_FAILURES = (
    (r"no answer in time", "it does not answer in time", _REACH),
    (
        r"ConnectError .*CERTIFICATE_VERIFY_FAILED.*expired",
        "its certificate has expired",
        "Give the registry a new certificate.",
    ),
    (
        r"ConnectError .*CERTIFICATE_VERIFY_FAILED.*mismatch",
        "its certificate is for another name",
        "Use the name in its url that is in the certificate.",
    ),
    (
        r"ConnectError .*CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted",
        "Set ca_file of this registry to a file with the certificate of its authority.",
    ),
    (
        r"ConnectError .*(Name or service|name resolution|nodename|No address|has no address)",
        "the name of its host is not known",
        "Check its url, and that this machine can look the name up.",
    ),
    (
        r"ConnectError .*SSL",
        "it does not speak TLS as it should",
        "Check whether its url begins with https:// or http://.",
    ),
    (r"Connect\w+", "nothing answers at its address", _REACH),
    (
        r"(Remote|Local)ProtocolError|(Read|Write|Close)Error",
        "it closed the connection instead of an answer",
        "Check whether its url begins with https:// or http://, and look at its log.",
    ),
    (
        r"more than \d+ bytes",
        "its answer is larger than the limit",
        "Nothing: such content is not read.",
    ),
    (
        r"no end of the body",
        "its answer broke off",
        "Look at its log, and at that of a proxy before it.",
    ),
    (r"redirected", "it leads to an address that it may not lead to", _SETTING),
    (r"the token service", _OTHER_REALM, _SETTING),
    (
        r"\d+, but no token",
        "its token service gives no token",
        "Check username, password and token_realm of this registry in the settings.",
    ),
)
_NO_REQUEST = (
    (
        r"many events wait",
        "many events of this repository wait",
        "Nothing: it is read when they are taken in.",
    ),
    (
        r"the (name of the registry leads|registry moved) to",
        "its name leads to another place than before",
        _SETTING,
    ),
    (r"the (realm of a challenge|token service was)", _OTHER_REALM, _SETTING),
)


def explain(reason: str, *, is_place: bool = False) -> Trouble:
    """Return what the reason of a failure means; ``is_place``: of one place, not of a registry.

    What a registry answered may be part of it, so of an answer only the status is looked at.
    """
    found = _REQUEST.match(reason)
    rest = found["rest"] if found else reason
    for pattern, words, remedy in _FAILURES if found else _NO_REQUEST:
        if re.match(pattern, rest):
            return Trouble(words, _setting(reason) if remedy == _SETTING else remedy, reason)
    if found and (status := _STATUS.match(rest)):
        return Trouble(*_of_status(int(status["status"]), is_place=is_place), reason)
    return Trouble("", "", reason)


def _setting(reason: str) -> str:
    """Return what the reason itself says is to be set."""
    setting = reason.rpartition("; if that is right, ")[2]
    return f"If that is right, {setting}." if setting != reason else _CHECK_URL


def _of_status(status: int, *, is_place: bool) -> tuple[str, str]:
    if status == 401:
        remedy = "Check username and password of this registry in the settings."
        return "it does not accept our account (401)", remedy
    if status == 403:
        remedy = "Give the account the right to read, or leave places out with include and exclude."
        return "our account may not read this (403)", remedy
    if status == 429:
        remedy = "Nothing: it is asked again later. A lower max_in_flight sends fewer requests."
        return "it asks for fewer requests (429)", remedy
    if status == 408 or status >= 500:
        remedy = "Look at its log, and at that of a proxy before it."
        return f"it has an error of its own ({status})", remedy
    remedy = _CHECK_PLACE if is_place else _CHECK_URL
    if status == 404:
        return "it says that there is nothing (404)", remedy
    return f"its answer cannot be used ({status})", remedy
