"""Content to what is kept of it, and to what its document is made from. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from indexer.documents.attachments import Attached, list_attached
from indexer.documents.base_labels import merge_base_labels
from indexer.documents.described import DescribedImage
from indexer.documents.extracted import (
    ExtractedAttachment,
    ExtractedImage,
    Pair,
    TextGroups,
    unpack_attachment,
    write_moments,
)
from indexer.documents.facets import list_facets
from indexer.documents.keywords import list_keywords
from indexer.documents.results import result_fields
from indexer.documents.sizes import write_blobs
from indexer.documents.texts import list_descriptions, list_others, list_titles
from indexer.extract import (
    Claim,
    ClaimType,
    Facts,
    KindTable,
    Role,
    attachment_moments,
    chain_keywords,
    config_descriptor,
    declared_keywords,
    read_attachment,
    read_blob_sizes,
    read_facts,
    take_apart,
)
from indexer.model import Content, Digest, StoredImage, fold


def extract_image(
    content: Content, *, now: datetime, kinds: KindTable, tags: Sequence[str] = ()
) -> ExtractedImage:
    """Return what documents take from the bytes of an image.

    ``tags`` are given where they alone tell what kind it is of.
    """
    base_labels = merge_base_labels(content)
    anatomy = take_apart(content, tags=tags, kinds=kinds)
    facts = read_facts(anatomy, now=now, base_labels=base_labels)
    weighed = [part.manifest for part in anatomy.parts if part.manifest is not None]
    return ExtractedImage(
        is_content=facts.role is Role.CONTENT,
        is_attachment=facts.role is Role.ATTACHMENT,
        is_image=facts.is_image,
        keywords=_by_field(list_keywords(facts)),
        related=_by_field(_related(content, facts)),
        texts=TextGroups(
            tuple(list_titles(facts)), tuple(list_descriptions(facts)), tuple(list_others(facts))
        ),
        facets=list(dict.fromkeys(list_facets(facts))),
        moments=write_moments(facts.moments),
        size_bytes=facts.size_bytes,
        blobs=write_blobs(read_blob_sizes(weighed)),
        layer_counts=list(facts.layer_counts),
        result=result_fields(facts),
    )


def extract_attachment(
    content: Content, tag: str, *, now: datetime, kinds: KindTable
) -> ExtractedAttachment:
    """Return what an attachment claims, which is read by a tag of a tool or by none."""
    found = read_attachment(content.manifest, tag or None, kinds=kinds)
    return ExtractedAttachment(
        claims=found.claims if found else (Claim(ClaimType.OTHER),),
        artifact_type=content.manifest.artifact_type,
        moments=write_moments(attachment_moments(content.manifest, now=now)),
    )


def is_whole(content: Content, *, kinds: KindTable) -> bool:
    """Tell whether all bytes of an image are there: its config and, below it, all manifests."""
    waiting, seen = [content], {content.digest}
    while waiting:
        one = waiting.pop()
        if config_descriptor(one.manifest, kinds=kinds) and one.parsed_config is None:
            return False
        children = {child.digest: child for child in one.children}
        if any(child.digest not in children for child in one.manifest.children):
            return False
        waiting += [child for digest, child in children.items() if digest not in seen]
        seen.update(children)
    return True


def describe(image: StoredImage, *, now: datetime, kinds: KindTable) -> DescribedImage:
    """Return an image with what is extracted from its bytes now."""
    tags = image.tags if kinds.is_named_by(image.tags) else ()
    extracted = extract_image(image.content, now=now, kinds=kinds, tags=tags)
    return DescribedImage(
        digest=image.content.digest,
        tags=image.tags,
        pushed_at=image.pushed_at,
        pulls=image.pulls,
        extracted=extracted,
        created_at=extracted.created_at(now=now),
        attached=attach(image, now=now, kinds=kinds),
    )


def attach(image: StoredImage, *, now: datetime, kinds: KindTable) -> tuple[Attached, ...]:
    """Return what is claimed of an image and those below it, and of that in turn."""
    found = [
        (
            one,
            unpack_attachment(one.kept)
            if one.kept
            else extract_attachment(one.content, one.tag, now=now, kinds=kinds),
        )
        for one in image.attachments
    ]
    return list_attached(found, now=now)


def _related(content: Content, facts: Facts) -> Iterable[Pair]:
    for digest in (*facts.children, *_image_ids(content)):
        yield "digest", fold(digest)
        yield "digest", fold(digest.partition(":")[2])
    yield from sorted(chain_keywords(content))
    yield from sorted(declared_keywords(facts.base_name, facts.base_digest))


def _image_ids(content: Content) -> Iterator[Digest]:
    """Yield the digests of the configs of an image and of its platforms.

    Docker calls such a digest the id of an image.
    """
    if content.manifest.is_image and content.manifest.config is not None:
        yield content.manifest.config.digest
    for child in content.children:
        yield from _image_ids(child)


def _by_field(pairs: Iterable[Pair]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in dict.fromkeys(pairs):
        found.setdefault(name, []).append(value)
    return found
