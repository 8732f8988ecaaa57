"""Names from outside: repositories, tags, digests.

Each has one parsing function. All other code trusts its results.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import NewType

from indexer.errors import InvalidValueError

RepositoryName = NewType("RepositoryName", str)
TagName = NewType("TagName", str)
Digest = NewType("Digest", str)

REPOSITORY_NAME_MAX = 255
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_REPOSITORY = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
_TAG = re.compile(TAG)
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128, "blake3": 64}
"""Hexadecimal digits of a whole digest, by its algorithm."""
_VERIFIABLE = ("sha256", "sha512")
_SUBJECT_TAG = re.compile(r"([a-z0-9]+)-([0-9a-f]{64})(\.[a-z]+)?")
# The tags that tools write to attach things to a digest.
_SYSTEM_TAG = re.compile(
    r"(?:sha256|sha512|blake3)-[0-9a-f]{64}|sha256-[0-9a-f]{64}\.(?:sig|att|sbom)|artifacthub\.io"
)


def parse_repository_name(text: str) -> RepositoryName:
    """Return ``text`` as a repository name; :class:`InvalidValueError` if it is none."""
    if len(text) > REPOSITORY_NAME_MAX or not _REPOSITORY.fullmatch(text):
        raise InvalidValueError(f"not a repository name: {text[:300]!r}")
    return RepositoryName(text)


def parse_tag(text: str) -> TagName:
    """Return ``text`` as a tag; :class:`InvalidValueError` if it is none."""
    if not _TAG.fullmatch(text):
        raise InvalidValueError(f"not a tag: {text[:200]!r}")
    return TagName(text)


def parse_digest(text: str) -> Digest:
    """Return ``text`` as a digest of any algorithm; :class:`InvalidValueError` if it is none."""
    algorithm, _, encoded = text.partition(":")
    expected = HEX_LENGTHS[algorithm] if algorithm in _VERIFIABLE else None
    well_formed = len(text) <= 512 and _DIGEST.fullmatch(text)
    if not well_formed or (expected and not re.fullmatch(f"[0-9a-f]{{{expected}}}", encoded)):
        raise InvalidValueError(f"not a digest: {text[:200]!r}")
    return Digest(text)


def digest_of(body: bytes, *, algorithm: str = "sha256") -> Digest:
    """Return the digest of ``body``; :class:`InvalidValueError` for an unknown algorithm."""
    if algorithm not in _VERIFIABLE:
        raise InvalidValueError(f"cannot compute digests of algorithm {algorithm!r}")
    return Digest(f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}")


def can_verify(digest: Digest) -> bool:
    """Tell whether the algorithm of ``digest`` is known here."""
    return digest.partition(":")[0] in _VERIFIABLE


def is_whole_digest(text: str) -> bool:
    """Tell whether a digest is not only the beginning of one; without an algorithm it is SHA-256.

    Of an algorithm that we do not know it is taken to have as many digits as that.
    """
    algorithm, _, encoded = text.rpartition(":")
    return len(encoded) >= HEX_LENGTHS.get(algorithm or "sha256", HEX_LENGTHS["sha256"])


def is_system_tag(tag: str) -> bool:
    """Tell whether a tool wrote the tag to attach something. Such tags are not shown."""
    return _SYSTEM_TAG.fullmatch(tag) is not None


@dataclass(frozen=True, slots=True)
class TagSubject:
    """The subject of a system tag: a digest, or its beginning if it is too long for a tag.

    ``suffix`` is the suffix of a tag of cosign, "" for a list of referrers.
    """

    digest: Digest
    suffix: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole digest."""
        return is_whole_digest(self.digest)


def subject_of_tag(tag: str) -> TagSubject | None:
    """Return the subject of a system tag; None for any other tag."""
    match = _SUBJECT_TAG.fullmatch(tag) if is_system_tag(tag) else None
    return TagSubject(Digest(f"{match[1]}:{match[2]}"), match[3] or "") if match else None


def referrers_tag(digest: Digest) -> TagName:
    """Return the tag with the list of referrers in a registry without an API for them.

    The algorithm is cut to 32 characters and the rest to 64. Characters that no tag may contain
    become dashes.
    """
    algorithm, _, encoded = digest.partition(":")
    return TagName(re.sub(r"[^a-zA-Z0-9._-]", "-", f"{algorithm[:32]}-{encoded[:64]}"))
