"""The documents of images and repositories."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from indexer.documents.described import DescribedImage
from indexer.documents.facets import merge_facets
from indexer.documents.keywords import (
    image_keywords,
    own_keywords,
    repository_keywords,
    tag_keyword,
)
from indexer.documents.numbers import (
    image_numbers,
    is_made_for_another,
    prominence,
    repository_numbers,
)
from indexer.documents.results import details_of, image_result, repository_result
from indexer.documents.sizes import sum_stored
from indexer.documents.texts import image_texts, repository_texts
from indexer.model import (
    Document,
    DocumentKey,
    Pulls,
    RepositoryRow,
    TagName,
    Text,
    TextField,
    UntaggedImage,
    is_system_tag,
)


def image_document(repository: RepositoryRow, described: DescribedImage) -> Document:
    """Return the document of one image with all its tags."""
    tags = [tag for tag in described.tags if not is_system_tag(tag)]
    result = image_result(repository, described)
    return Document(
        key=DocumentKey(repository.registry, repository.name, described.digest),
        name=repository.name,
        texts=image_texts(described, tags),
        keywords=image_keywords(repository, described),
        numbers=image_numbers(described),
        facets=merge_facets(repository, [described]),
        created=described.created,
        pushed=described.pushed,
        size_bytes=described.extracted.size_bytes,
        pulls=described.pulls.count,
        prominence=prominence(
            pulls=described.pulls.count,
            newest=max(described.created, described.pushed),
            is_made_for_another=is_made_for_another(repository.name, result["description"]),
        ),
        result=result,
    )


def repository_document(
    repository: RepositoryRow,
    images: Sequence[DescribedImage],
    *,
    tags: Sequence[TagName],
    pulls: Pulls,
) -> Document:
    """Return the document of a repository out of its visible images, of which there is one.

    ``tags`` are all its tags, newest first. The image that speaks for the repository is the
    runnable one pushed or created last. A large repository has no keywords and numbers of its
    images: see :attr:`indexer.model.Document.is_met_by_images`.
    """
    newest_first = _sort_newest_first(images)
    face = newest_first[0]
    shown_tags = [tag for tag in tags if not is_system_tag(tag)]
    newest = max(max(one.created, one.pushed) for one in images)
    size_bytes = sum_stored(one.extracted for one in images)
    keywords = repository_keywords(repository, images)
    is_large = keywords is None
    result = repository_result(
        repository, newest_first, tags=shown_tags, pulls=pulls, size_bytes=size_bytes
    )
    return Document(
        key=DocumentKey(repository.registry, repository.name),
        name=repository.name,
        texts=repository_texts(newest_first, shown_tags),
        keywords=own_keywords(repository) if keywords is None else keywords,
        numbers=repository_numbers([] if is_large else map(image_numbers, images), pulls),
        facets=merge_facets(repository, newest_first),
        created=face.created,
        pushed=max(one.pushed for one in images),
        size_bytes=size_bytes,
        pulls=pulls.count,
        prominence=prominence(
            pulls=pulls.count,
            newest=newest,
            tags=len(shown_tags),
            is_made_for_another=is_made_for_another(repository.name, result["description"]),
        ),
        result=result,
        is_met_by_images=is_large,
    )


def repository_details(
    repository: RepositoryRow, images: Sequence[DescribedImage], document: Document
) -> dict[str, Any]:
    """Return what a list of repositories shows beside the result of the document."""
    return details_of(repository, _sort_newest_first(images)[0], document.result)


def untagged_document(
    repository: RepositoryRow, described: DescribedImage, untagged: UntaggedImage
) -> Document:
    """Return the document of an image that had tags and has none now; it is found by those."""
    document = image_document(repository, described)
    last_tags = untagged.last_tags
    return replace(
        document,
        key=replace(document.key, is_untagged=True),
        texts=document.texts + tuple(Text(TextField.TAG, tag) for tag in last_tags),
        keywords=document.keywords | {("is", "untagged"), *map(tag_keyword, last_tags)},
        result={
            **document.result,
            "last_tags": list(last_tags),
            "untagged_since": untagged.since,
        },
    )


def _sort_newest_first(images: Sequence[DescribedImage]) -> list[DescribedImage]:
    return sorted(sorted(images, key=lambda one: one.digest), key=_newness, reverse=True)


def _newness(described: DescribedImage) -> tuple[bool, bool, str, int]:
    return (
        described.extracted.is_content,
        described.extracted.is_image,
        described.pushed_at or "",
        described.created,
    )
