"""The facets of a document: what the documents that match are counted by, as it is shown."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from indexer.documents.shares import ImageShare, Pair
from indexer.extract import Facts
from indexer.model import LABEL_FACET, RepositoryRow, one_line

FACET_VALUE_MAX = 128
"""Characters of a value: a longer label is no facet, other values are cut."""
LABEL_FACETS_MAX = 50
"""Labels of one image that are facets."""
VALUES_MAX = 50
"""Values that one document has of one facet."""
PAIRS_MAX = 2_000
"""Facets and values that one document has."""


def merge_facets(repository: RepositoryRow, images: Iterable[ImageShare]) -> frozenset[Pair]:
    """Return the facets of an image, or of a repository: those of its images, newest first."""
    found: dict[Pair, None] = dict.fromkeys(_repository(repository))
    counts = Counter(name for name, _ in found)
    for pair in (pair for one in images for pair in one.facets):
        if pair in found or not pair[1] or counts[pair[0]] == VALUES_MAX:
            continue
        if len(found) == PAIRS_MAX:
            break
        found[pair] = None
        counts[pair[0]] += 1
    return frozenset(found)


def _repository(repository: RepositoryRow) -> Iterator[Pair]:
    yield "registry", repository.registry
    if namespace := repository.name.rpartition("/")[0]:
        yield "namespace", namespace


def list_facets(facts: Facts) -> Iterator[Pair]:
    """Yield the facets of what an image says of itself."""
    yield "kind", facts.kind
    for platform in facts.platforms:
        yield "platform", _shown(str(platform))
        yield "arch", _shown(platform.architecture)
        yield "os", _shown(platform.os)
    if "licenses" not in facts.inherited_fields:
        for one in facts.licenses:
            yield "license", _shown(one)
    if "vendor" not in facts.inherited_fields:
        yield "vendor", _shown(facts.vendor)
    yield from islice(_labels(facts), LABEL_FACETS_MAX)


def _labels(facts: Facts) -> Iterator[Pair]:
    inherited = set(facts.inherited_labels)
    for key, value in facts.labels.items():
        if key in inherited or max(len(key), len(value)) > FACET_VALUE_MAX:
            continue
        if shown := _shown(value):
            yield LABEL_FACET + _shown(key), shown


def _shown(text: str) -> str:
    return one_line(text, limit=FACET_VALUE_MAX)
