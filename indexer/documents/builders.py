"""The documents of images and repositories."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from indexer.documents.described import DescribedImage, parse_seconds
from indexer.documents.facets import merge_facets
from indexer.documents.keywords import (
    image_keywords,
    own_keywords,
    repository_keywords,
    tag_keyword,
)
from indexer.documents.numbers import (
    Numbers,
    image_numbers,
    is_made_for_another,
    prominence,
    repository_numbers,
)
from indexer.documents.parts import RepositoryPart, undated_tag
from indexer.documents.results import details_of, image_result, repository_result
from indexer.documents.shares import ImageShare, share_of, sort_newest_first
from indexer.documents.sizes import sum_stored
from indexer.documents.texts import repository_texts
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
    share = share_of(described)
    return Document(
        key=DocumentKey(repository.registry, repository.name, described.digest),
        name=repository.name,
        texts=repository_texts([share], tags),
        keywords=image_keywords(repository, described),
        numbers=image_numbers(described),
        facets=merge_facets(repository, [share]),
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
    shown_tags = [tag for tag in tags if not is_system_tag(tag)]
    keywords = repository_keywords(repository, images)
    is_large = keywords is None
    newest_first = sort_newest_first(list(map(share_of, images)))
    return _repository_document(
        repository,
        newest_first,
        face=next(one for one in images if one.digest == newest_first[0].digest),
        tags=shown_tags,
        tag_count=len(shown_tags),
        pulls=pulls,
        created=max(one.created for one in images),
        pushed=max(one.pushed for one in images),
        size_bytes=sum_stored([one.extracted for one in images]),
        keywords=keywords,
        numbers=repository_numbers([] if is_large else map(image_numbers, images), pulls),
    )


def large_document(
    repository: RepositoryRow,
    part: RepositoryPart,
    *,
    face: DescribedImage,
    pulls: Pulls,
    size_bytes: int | None,
) -> Document:
    """Return the same of a repository with :data:`LARGE_IMAGES` or more, out of its one part.

    ``face`` is the image of its first share. ``size_bytes`` are those of all its images together.
    """
    return _repository_document(
        repository,
        part.shares,
        face=face,
        tags=list(map(undated_tag, part.tags)),
        tag_count=part.tag_count,
        pulls=pulls,
        created=part.created,
        pushed=parse_seconds(part.pushed_at),
        size_bytes=size_bytes,
        keywords=None,
        numbers=repository_numbers([], pulls),
    )


def newest_image(images: Sequence[DescribedImage]) -> DescribedImage:
    """Return the image that speaks for its repository, out of all its images."""
    by_digest = {one.digest: one for one in images}
    return by_digest[sort_newest_first(list(map(share_of, images)))[0].digest]


def _repository_document(
    repository: RepositoryRow,
    newest_first: Sequence[ImageShare],
    *,
    face: DescribedImage,
    tags: Sequence[TagName],
    tag_count: int,
    pulls: Pulls,
    created: int,
    pushed: int,
    size_bytes: int | None,
    keywords: frozenset[tuple[str, str]] | None,
    numbers: Numbers,
) -> Document:
    result = repository_result(
        repository,
        newest_first,
        face=face,
        tags=tags,
        tag_count=tag_count,
        pulls=pulls,
        size_bytes=size_bytes,
    )
    return Document(
        key=DocumentKey(repository.registry, repository.name),
        name=repository.name,
        texts=repository_texts(newest_first, tags),
        keywords=own_keywords(repository) if keywords is None else keywords,
        numbers=numbers,
        facets=merge_facets(repository, newest_first),
        created=face.created,
        pushed=pushed,
        size_bytes=size_bytes,
        pulls=pulls.count,
        prominence=prominence(
            pulls=pulls.count,
            newest=max(created, pushed),
            tags=tag_count,
            is_made_for_another=is_made_for_another(repository.name, result["description"]),
        ),
        result=result,
        is_met_by_images=keywords is None,
    )


def repository_details(
    repository: RepositoryRow, face: DescribedImage, document: Document
) -> dict[str, Any]:
    """Return what a list of repositories shows beside the result of the document."""
    return details_of(repository, face, document.result)


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
