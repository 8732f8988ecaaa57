"""References: the names, tags and digests by which people and builders mean an image."""

import re
from dataclasses import dataclass

from indexer.errors import InvalidValueError

HEX_MIN = 12
"""Hexadecimal digits of a digest at least: fewer would stand for too much."""


REFERENCE = re.compile(
    r"(?P<path>[a-z0-9][a-z0-9._/-]*|[a-z0-9.-]+:[0-9]+/[a-z0-9._/-]+)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{12,64}))?",
    re.ASCII | re.IGNORECASE,
)


_DIGEST = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{12,64})", re.ASCII | re.IGNORECASE)


def digest_range(text: str) -> tuple[str, str] | None:
    """Return the first and the last digest that begin with a text; None where it is none."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        return None
    digits = match["hex"].lower()
    return f"sha256:{digits:0<64}", f"sha256:{digits:f<64}"


def is_digest(text: str) -> bool:
    """Tell whether a text is a SHA-256 digest, or at least twelve digits that begin one."""
    return _DIGEST.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Tell whether a text can name an image: by its repository, tag or digest."""
    return bool(_DIGEST.fullmatch(text) or REFERENCE.fullmatch(text))


SHOWN_MAX = 300


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as clients write it; its path may begin with a registry's host or name."""

    path: str
    tag: str = ""
    digest: str = ""


def parse_reference(text: str) -> Reference:
    """Return the parts of a reference; :class:`InvalidValueError` where it names nothing."""
    rest, _, digest = text.strip().partition("@")
    if rest.partition(":")[0] in {"sha256", "sha512"}:
        rest, digest = "", rest
    # A colon in the first component belongs to a host with a port, if something follows it.
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    path = f"{head}{slash}{name}".strip("/")
    if not path and not digest:
        raise InvalidValueError(f"not a reference: {text[:SHOWN_MAX]!r}")
    return Reference(path, tag, digest)
