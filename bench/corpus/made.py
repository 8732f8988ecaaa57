"""Content that was made: bodies with their true digests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.model.names import Digest, TagName
from tests.fakes.content import digest_of


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest or index with its config and, of an index, its children in their order."""

    digest: Digest
    media_type: str
    body: bytes
    config: tuple[Digest, bytes] | None = None
    children: tuple["Made", ...] = ()

    def all(self) -> Iterator["Made"]:
        """Yield this and everything below it, from the top down."""
        yield self
        for child in self.children:
            yield from child.all()


@dataclass(frozen=True, slots=True)
class Tagged:
    """What tags of a repository point at, be they people's or those that tools attach with."""

    tags: tuple[TagName, ...]
    manifest: Made


def made(
    media_type: str,
    body: str | bytes,
    *,
    config: tuple[Digest, bytes] | None = None,
    children: tuple[Made, ...] = (),
) -> Made:
    """Return content with the digest of its body."""
    encoded = body.encode() if isinstance(body, str) else body
    return Made(Digest(digest_of(encoded)), media_type, encoded, config, children)


def blob(body: str | bytes) -> tuple[Digest, bytes]:
    """Return a blob with its digest."""
    encoded = body.encode() if isinstance(body, str) else body
    return Digest(digest_of(encoded)), encoded


def compact(value: object) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
