"""What a repository takes in its registry: the sum over the distinct blobs of all its images. Pure.

The sizes of the blobs of one image are kept as one short text, for a repository may have thousands
of images, and all of them are in memory when its document is made. Only what the images
of one repository say counts, so that nobody changes the sum of another's.
"""

from collections.abc import Iterable, Mapping, Sequence

from indexer.documents.extracted import ExtractedImage
from indexer.extract import greater_size, sum_sizes
from indexer.model import Digest

KEY_DIGITS = 24
"""Characters of a digest that tell blobs apart: 96 bits do not meet by chance."""


def write_blobs(sizes: Mapping[Digest, int | None]) -> str:
    """Return the sizes of blobs as a text: ``KEY:BYTES`` each, without bytes where unknown."""
    return " ".join(
        f"{digest.partition(':')[2][:KEY_DIGITS]}:{'' if size is None else size}"
        for digest, size in sizes.items()
    )


def is_unreadable(image: ExtractedImage) -> bool:
    """Tell whether something of an image cannot be read at all.

    Then others cannot know its size either, unlike that of a blob which is unknown.
    """
    return image.size_bytes is None and not any(b.endswith(":") for b in image.blobs.split())


def join_blobs(images: Iterable[ExtractedImage]) -> str:
    """Return the distinct blobs of images, as those of one image are written."""
    return " ".join(sorted({blob for image in images for blob in image.blobs.split()}))


def sum_stored(images: Sequence[ExtractedImage]) -> int | None:
    """Return what the distinct blobs of images take; None where the size of one is unknown.

    It is known where one of the images knows it.
    """
    if any(map(is_unreadable, images)):
        return None
    distinct = {blob for image in images for blob in image.blobs.split()}
    sizes: dict[str, int | None] = {}
    for blob in distinct:
        key, _, size = blob.partition(":")
        sizes[key] = greater_size(sizes.get(key), int(size) if size else None)
    return sum_sizes(sizes.values())
