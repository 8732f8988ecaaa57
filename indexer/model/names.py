"""Names from outside: repositories, tags, digests, registries.

Each has one parsing function; what it returned is trusted everywhere else.
"""

import hashlib
import re
from typing import NewType

from indexer.errors import InvalidValueError

RepositoryName = NewType("RepositoryName", str)
TagName = NewType("TagName", str)
Digest = NewType("Digest", str)

REPOSITORY_NAME_MAX = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_HEX_LENGTHS = {"sha256": 64, "sha512": 128}
# The tags that tools write to attach things to a digest.
_SYSTEM_TAG = re.compile(
    r"(?:sha256|sha512|blake3)-[0-9a-f]{64}|sha256-[0-9a-f]{64}\.(?:sig|att|sbom)|artifacthub\.io"
)


def parse_repository_name(text: str) -> RepositoryName:
    """Return ``text`` as a repository name; :class:`InvalidValueError` where it is none."""
    if len(text) > REPOSITORY_NAME_MAX or not _REPOSITORY.fullmatch(text):
        raise InvalidValueError(f"not a repository name: {text[:300]!r}")
    return RepositoryName(text)


def parse_tag(text: str) -> TagName:
    """Return ``text`` as a tag; :class:`InvalidValueError` where it is none."""
    if not _TAG.fullmatch(text):
        raise InvalidValueError(f"not a tag: {text[:200]!r}")
    return TagName(text)


def parse_digest(text: str) -> Digest:
    """Return ``text`` as a digest of any algorithm; :class:`InvalidValueError` where it is none."""
    algorithm, _, encoded = text.partition(":")
    expected = _HEX_LENGTHS.get(algorithm)
    well_formed = len(text) <= 512 and _DIGEST.fullmatch(text)
    if not well_formed or (expected and not re.fullmatch(f"[0-9a-f]{{{expected}}}", encoded)):
        raise InvalidValueError(f"not a digest: {text[:200]!r}")
    return Digest(text)


def digest_of(body: bytes, *, algorithm: str = "sha256") -> Digest:
    """Return the digest of ``body``; :class:`InvalidValueError` for an unknown algorithm."""
    if algorithm not in _HEX_LENGTHS:
        raise InvalidValueError(f"cannot compute digests of algorithm {algorithm!r}")
    return Digest(f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}")


def can_verify(digest: Digest) -> bool:
    """Tell whether we know the algorithm of ``digest``."""
    return digest.partition(":")[0] in _HEX_LENGTHS


def is_system_tag(tag: str) -> bool:
    """Tell whether a tag is one that tools write to attach things, hidden from results."""
    return _SYSTEM_TAG.fullmatch(tag) is not None
