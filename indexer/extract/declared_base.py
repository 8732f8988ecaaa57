"""The base that an image names itself, in annotations or labels. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.extract.lineage import config_labels
from indexer.extract.parts import DEPTH_MAX, Part
from indexer.extract.text import digest as read_digest
from indexer.extract.text import short_text
from indexer.model import Content, Digest, fold

_NAME = "org.opencontainers.image.base.name"
_DIGEST = "org.opencontainers.image.base.digest"


@dataclass(frozen=True, slots=True)
class DeclaredBase:
    """What an image says that it was built on, as it says it; ``""`` where it does not.

    The digest may be that of an index or of one platform, the name is often not a full one.
    """

    name: str
    digest: str


def declared_bases(
    content: Content, inherited: Mapping[Digest, Mapping[str, str]]
) -> dict[Digest, DeclaredBase]:
    """Return the declared base of an image, or of each in an index that declares one.

    Annotations go before labels, those of the index first. ``inherited`` are the labels of each
    manifest that its base has too: they tell what the base was built on.
    """
    return dict(_Walk(inherited).declared(content, (), depth=0))


def declares_base(parts: Iterable[Part]) -> bool:
    """Tell whether any of the parts of an image may declare a base: few images do."""
    sources = (one for part in parts for one in (*part.annotations, part.config.labels))
    return any(_NAME in source or _DIGEST in source for source in sources)


def declared_keywords(name: str, digest: str) -> set[tuple[str, str]]:
    """Return what somebody may call a base that an image names in its labels or annotations.

    Each end of its path, with the tag and without: ``docker.io/library/alpine:3.19`` is also
    ``alpine``.
    """
    reference, _, pinned = fold(name).partition("@")
    path, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        path, tag = reference, ""
    parts = [part for part in path.split("/") if part]
    ends = ["/".join(parts[place:]) for place in range(len(parts))]
    names = {*ends, *(f"{end}:{tag}" for end in ends if tag)}
    return {("base", one) for one in (*names, pinned, fold(digest)) if one}


class _Walk:
    """Looks at each manifest once: indexes of indexes can share their children many times."""

    def __init__(self, inherited: Mapping[Digest, Mapping[str, str]]) -> None:
        self._inherited = inherited
        self._seen: set[Digest] = set()

    def declared(
        self, content: Content, above: Sequence[Mapping[str, str]], *, depth: int
    ) -> Iterator[tuple[Digest, DeclaredBase]]:
        if content.digest in self._seen or depth > DEPTH_MAX:
            return
        self._seen.add(content.digest)
        manifest = content.manifest
        sources = (*above, manifest.annotations)
        stored = {child.digest: child for child in content.children}
        for descriptor in manifest.children:
            if descriptor.digest in stored:
                below = (*sources, descriptor.annotations)
                yield from self.declared(stored[descriptor.digest], below, depth=depth + 1)
        if not manifest.children and (found := self._read(content, sources)):
            yield content.digest, found

    def _read(
        self, content: Content, annotations: Sequence[Mapping[str, str]]
    ) -> DeclaredBase | None:
        labels = config_labels(content.parsed_config.object) if content.parsed_config else {}
        inherited = self._inherited.get(content.digest, {})
        own = {key: value for key, value in labels.items() if key not in inherited}
        sources = (*annotations, own)
        names = (short_text(source.get(_NAME, "")) for source in sources)
        digests = (read_digest(source.get(_DIGEST, "")) for source in sources)
        found = DeclaredBase(next(filter(None, names), ""), next(filter(None, digests), ""))
        return found if found.name or found.digest else None
