"""Values of keyword fields in the spelling that documents have."""

import re

from indexer.model.manifest import normalised_platform
from indexer.model.text import fold

VALUE_MAX = 256
"""Characters of a value; of a label or annotation those of its key, and of what it is set to."""
_PAIRS = {"annotation", "env", "label"}
_SOURCE_SCHEME = re.compile(r"(?:git\+)?(?:https?://)?")
_COMMIT = re.compile(r"[0-9a-f]{7,39}")


def keyword_value(field: str, text: str) -> str:
    """Return a value as the documents of that field carry it, or the beginning of one."""
    if field in _PAIRS:
        key, equals, value = text.partition("=")
        return f"{fold(key)[:VALUE_MAX]}{equals}{fold(value)[:VALUE_MAX]}"
    folded = fold(text)
    if field == "source":
        folded = _SOURCE_SCHEME.sub("", folded, count=1)
    return folded[:VALUE_MAX]


def platform_value(text: str, *, has_os: bool) -> str:
    """Return a folded platform in one spelling: ``linux/x86_64`` is ``linux/amd64``."""
    name, colon, version = text.partition(":")
    parts = name.split("/")
    if not has_os:
        parts.insert(0, "")
    if len(parts) not in {2, 3}:
        return text
    return fold(str(normalised_platform(*parts))) + colon + version


def source_value(value: str) -> str:
    """Return the keyword of a repository of sources without what comes and goes at its end."""
    return value.rstrip("/").removesuffix(".git").rstrip("/")


def is_short_commit(text: str) -> bool:
    """Tell whether a folded revision is the beginning of a commit, as people write it."""
    return _COMMIT.fullmatch(text) is not None
