"""What extraction found in the bytes of an image or an attachment, as the store keeps it.

Three things make a document, and only the first is kept:

- what follows from the bytes alone: the manifest, its config and the manifests below it, and with
  them the labels of the base that it was built on. The store forgets it when that base changes;
  it is not kept while any of those bytes is missing, in the repository or in the store.
- what the repository says: tags, pushes, pulls, and what is attached. A version that only tags
  tell is among this, and a kind that only tags tell is extracted each time.
- the time: a moment that is in the future now may be believed later, so all are kept up to the
  first that can be believed.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from indexer.clock import parse_rfc3339, rfc3339
from indexer.extract import Claim, ClaimType, pick_created
from indexer.model import Text, TextField

Pair = tuple[str, str]
_LEVEL = 1
_TEXT_FIELDS = {str(one): one for one in TextField}


class TextGroups(NamedTuple):
    """The searchable texts of an image; a version that tags tell stands between the last two."""

    titles: tuple[Text, ...]
    descriptions: tuple[Text, ...]
    others: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class ExtractedImage:
    """What the documents of an image and of its repository take from its bytes.

    ``keywords`` are the values of each field that it says of itself, ``related`` those that follow
    from what it is made of and built on. ``moments`` say when it was made, RFC 3339, the most
    trusted first. ``blobs`` are the sizes of what it is made of (see
    :mod:`indexer.documents.sizes`). ``result`` is what an answer shows.
    """

    is_content: bool
    is_attachment: bool
    is_image: bool
    keywords: Mapping[str, Sequence[str]]
    related: Mapping[str, Sequence[str]]
    texts: TextGroups
    facets: Sequence[Pair]
    moments: Sequence[str]
    size_bytes: int | None
    blobs: str
    layer_counts: Sequence[int]
    result: Mapping[str, Any]

    def created_at(self, *, now: datetime) -> datetime | None:
        """Return when it was made; None where it says nothing to be believed now."""
        return pick_created(map(parse_rfc3339, self.moments), now=now)


@dataclass(frozen=True, slots=True)
class ExtractedAttachment:
    """What an attachment claims of whatever it is attached to."""

    claims: tuple[Claim, ...]
    artifact_type: str
    moments: Sequence[str]

    def created_at(self, *, now: datetime) -> datetime | None:
        """Return when it was made; None where it says nothing to be believed now."""
        return pick_created(map(parse_rfc3339, self.moments), now=now)


def write_moments(moments: Sequence[datetime]) -> list[str]:
    """Return times as they are kept."""
    return list(map(rfc3339, moments))


def pack_image(image: ExtractedImage) -> bytes:
    """Return what the store keeps of an image."""
    return _pack([getattr(image, name) for name in ExtractedImage.__slots__])


def unpack_image(packed: bytes) -> ExtractedImage:
    """Return an image out of what the store keeps."""
    values = dict(zip(ExtractedImage.__slots__, _unpack(packed), strict=True))
    values["texts"] = TextGroups(*(tuple(map(_read_text, group)) for group in values["texts"]))
    values["facets"] = list(map(tuple, values["facets"]))
    return ExtractedImage(**values)


def pack_attachment(attachment: ExtractedAttachment) -> bytes:
    """Return what the store keeps of an attachment."""
    claims = list(map(astuple, attachment.claims))
    return _pack([claims, attachment.artifact_type, attachment.moments])


def unpack_attachment(packed: bytes) -> ExtractedAttachment:
    """Return an attachment out of what the store keeps."""
    claims, artifact_type, moments = _unpack(packed)
    read = tuple(Claim(ClaimType(claim), sort, predicate) for claim, sort, predicate in claims)
    return ExtractedAttachment(read, artifact_type, moments)


def _read_text(row: Sequence[str]) -> Text:
    field, text, key = row
    return Text(_TEXT_FIELDS[field], text, key)


def _pack(value: object) -> bytes:
    # Named tuples are lists.
    return zlib.compress(orjson.dumps(value, default=list), _LEVEL)


def _unpack(packed: bytes) -> Any:
    return orjson.loads(zlib.decompress(packed))
