"""The keywords of a document: the fields and folded values that conditions ask for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat

from indexer.documents.attachments import attachment_keywords
from indexer.documents.described import DescribedImage
from indexer.extract import Facts
from indexer.model import RepositoryRow, bare_url, fold, words

Pair = tuple[str, str]

VALUE_MAX = 256
"""Characters of a value, folded: of labels, annotations and variables of key and value each."""
KEYWORDS_MAX = 10_000
"""Keywords that one image has out of what it says of itself."""
LARGE_IMAGES = 100
"""A repository of so many images is large: its images answer the conditions on it."""
LARGE_KEYWORDS = 10_000
"""One whose images have so many keywords together is large too."""
_READ_MAX = 4 * 1_024
"""Characters of one text that are folded at all."""


def image_keywords(repository: RepositoryRow, described: DescribedImage) -> frozenset[Pair]:
    """Return the keywords of an image."""
    return frozenset(_of_images([described]).union(own_keywords(repository)))


def repository_keywords(
    repository: RepositoryRow, images: Sequence[DescribedImage]
) -> frozenset[Pair] | None:
    """Return the keywords of a repository: a condition holds for any of its images.

    None if it is large, so that its document is to have its own keywords alone.
    """
    if len(images) >= LARGE_IMAGES:
        return None
    found = _of_images(images)
    if len(images) > 1 and len(found) >= LARGE_KEYWORDS:
        return None
    return frozenset(found.union(own_keywords(repository)))


def own_keywords(repository: RepositoryRow) -> frozenset[Pair]:
    """Return the keywords of a repository whatever its images are."""
    return frozenset(_repository(repository))


def _of_images(images: Sequence[DescribedImage]) -> set[Pair]:
    found: set[Pair] = set()
    for described in images:
        _add(found, described.extracted.keywords)
        _add(found, described.extracted.related)
        found.update(_version(described.tag_version), _identity(described))
    return found


def list_keywords(facts: Facts) -> Iterator[Pair]:
    """Yield what an image says of itself: the first so many, the long texts last."""
    return islice(_all_said(facts), KEYWORDS_MAX)


def tag_keyword(tag: str) -> Pair:
    """Return the keyword of a tag."""
    return "tag", fold(tag)


def _repository(repository: RepositoryRow) -> Iterator[Pair]:
    yield "registry", fold(repository.registry)
    yield "host", fold(repository.registry_host)
    yield "repo", repository.name
    if namespace := repository.name.rpartition("/")[0]:
        yield "namespace", namespace
    yield from (("name", word) for word in words(repository.name))
    yield "name", repository.name
    yield "name", repository.name.rpartition("/")[2]


def _identity(described: DescribedImage) -> Iterator[Pair]:
    """Yield what others know of an image: its tags, digest and attachments."""
    yield from map(tag_keyword, described.tags)
    yield "digest", fold(described.digest)
    yield "digest", fold(described.digest.partition(":")[2])
    is_attachment = described.extracted.is_attachment
    yield from attachment_keywords(described.attached, is_attachment=is_attachment)


def _add(pairs: set[Pair], values: Mapping[str, Sequence[str]]) -> None:
    for name, some in values.items():
        pairs.update(zip(repeat(name), some, strict=False))


def _all_said(facts: Facts) -> Iterator[Pair]:
    yield from _kind(facts)
    yield from _platforms(facts)
    yield from _pairs("label", facts.labels.items())
    yield from _pairs("annotation", facts.annotations.items())
    yield from _described(facts)
    yield from _configuration(facts)


def _kind(facts: Facts) -> Iterator[Pair]:
    yield from (("kind", fold(name)) for name in facts.kind_names)
    if facts.artifact_type:
        yield "type", _value(facts.artifact_type)
    yield from (("media", _value(one)) for one in facts.media_types)
    if facts.deprecated:
        yield "is", "deprecated"


def _platforms(facts: Facts) -> Iterator[Pair]:
    for platform in facts.platforms:
        yield "arch", platform.architecture
        yield "os", platform.os
        if platform.variant:
            yield "arch", fold(f"{platform.architecture}/{platform.variant}")
        yield "platform", fold(str(platform))
    architectures = {(platform.architecture, platform.variant) for platform in facts.platforms}
    if len(architectures) > 1:
        yield "is", "multiarch"


def _described(facts: Facts) -> Iterator[Pair]:
    """Yield the described fields, without those that only the base image fills."""
    of_base = facts.inherited_fields
    yield from _worded("title", facts.title)
    yield from _worded("description", facts.description)
    if "vendor" not in of_base:
        yield from _worded("vendor", facts.vendor)
    for author in facts.authors if "authors" not in of_base else ():
        yield from _worded("author", author)
    for keyword in facts.keywords:
        yield from _worded("keyword", keyword)
    if "licenses" not in of_base:
        licenses = (*facts.licenses, facts.license_expression)
        yield from (("license", _value(one)) for one in licenses if one)
    yield from _version(facts.version)
    if source := bare_url(facts.source[:_READ_MAX])[:VALUE_MAX]:
        yield "source", source
    if revision := _value(facts.revision):
        yield "revision", revision


def _version(text: str) -> Iterator[Pair]:
    if version := _value(text):
        yield "version", version
        if version[0] == "v" and version[1:2].isdigit():
            yield "version", version[1:]


def _configuration(facts: Facts) -> Iterator[Pair]:
    for name in facts.env_names:
        yield "env", _value(name)
    for name, value in facts.env_values.items():
        yield "env", f"{_value(name)}={_value(value)}"
    for port in facts.ports:
        yield "port", _value(port)
        yield "port", _value(port.partition("/")[0])
    if user := _value(facts.user):
        yield "user", user
        yield "user", user.partition(":")[0]
    yield from (("volume", _value(volume)) for volume in facts.volumes)
    yield from _worded("entrypoint", " ".join(facts.entrypoint))
    yield from _worded("cmd", " ".join(facts.cmd))


def _worded(field: str, text: str) -> Iterator[Pair]:
    """Yield the whole of a text and each of its words."""
    if not text:
        return
    yield field, _value(text)
    yield from ((field, word) for word in words(text[:_READ_MAX]))


def _pairs(field: str, pairs: Iterable[Pair]) -> Iterator[Pair]:
    for key, value in pairs:
        folded = _value(key)
        yield field, folded
        yield field, f"{folded}={_value(value)}"


def _value(text: str) -> str:
    """Cut after folding, which makes texts longer or shorter, as a query does it."""
    return fold(text[:_READ_MAX])[:VALUE_MAX]
