"""Values of keyword fields in the form that documents have."""

import re

from indexer.model import bare_url, fold, normalised_platform

VALUE_MAX = 256
"""The most characters of a value; for a label or annotation, of its key and of its value."""
_PAIRS = {"annotation", "env", "label"}
_COMMIT = re.compile(r"[0-9a-f]{7,39}")


def keyword_value(field: str, text: str) -> str:
    """Return a part of a value, or a pattern, in the form of the documents of that field."""
    if field in _PAIRS:
        key, equals, value = text.partition("=")
        return f"{fold(key)[:VALUE_MAX]}{equals}{fold(value)[:VALUE_MAX]}"
    if field == "source":
        # This may be only the beginning of a value; the added sign keeps its end as it is.
        return bare_url(f"{text}|")[:-1][:VALUE_MAX]
    return fold(text)[:VALUE_MAX]


def whole_value(field: str, text: str) -> str:
    """Return a whole value in the form that documents have."""
    match field:
        case "name":
            return keyword_value(field, text).strip("/")
        case "arch" | "platform":
            return _platform(keyword_value(field, text), has_os=field == "platform")
        case "source":
            return bare_url(text)[:VALUE_MAX]
        case _:
            return keyword_value(field, text)


def _platform(text: str, *, has_os: bool) -> str:
    """Return a folded platform in one spelling: ``linux/x86_64`` is ``linux/amd64``."""
    name, colon, version = text.partition(":")
    parts = name.split("/")
    if not has_os:
        parts.insert(0, "")
    if len(parts) not in {2, 3}:
        return text
    return fold(str(normalised_platform(*parts))) + colon + version


def is_short_commit(text: str) -> bool:
    """Tell whether a folded revision is the beginning of the id of a commit."""
    return _COMMIT.fullmatch(text) is not None
