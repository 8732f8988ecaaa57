"""Content that was made: bodies with their true digests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.model import media_types
from indexer.model.names import Digest, TagName
from tests.fakes.content import digest_of


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest or index with its config and, of an index, its children in their order.

    ``config_type`` is the media type of the config, if there is one.
    """

    digest: Digest
    media_type: str
    body: bytes
    config: tuple[Digest, bytes] | None = None
    children: tuple["Made", ...] = ()
    config_type: str = media_types.OCI_CONFIG

    def all(self) -> Iterator["Made"]:
        """Yield this and everything below it, from the top down."""
        yield self
        for child in self.children:
            yield from child.all()


@dataclass(frozen=True, slots=True)
class Tagged:
    """The target of tags: those of people, or those of tools for attachments."""

    tags: tuple[TagName, ...]
    manifest: Made


def made(
    media_type: str,
    body: str | bytes,
    *,
    config: tuple[Digest, bytes] | None = None,
    children: tuple[Made, ...] = (),
    config_type: str = media_types.OCI_CONFIG,
) -> Made:
    """Return content with the digest of its body."""
    encoded = body.encode() if isinstance(body, str) else body
    return Made(Digest(digest_of(encoded)), media_type, encoded, config, children, config_type)


def blob(body: str | bytes) -> tuple[Digest, bytes]:
    """Return a blob with its digest."""
    encoded = body.encode() if isinstance(body, str) else body
    return Digest(digest_of(encoded)), encoded


def compact(value: object) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
