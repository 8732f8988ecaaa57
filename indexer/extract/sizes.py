"""What content takes in its registry: compressed bytes, as descriptors claim. Pure."""

from collections.abc import Iterable, Sequence

from indexer.model import Digest, Manifest, ManifestKind

SIZE_MAX = 2**63 - 1
"""What a database can hold; sizes in descriptors are claims."""


def weigh(manifests: Sequence[Manifest | None]) -> int | None:
    """Return what the distinct layers and configs of manifests take; None where that is unknown.

    A manifest that is None is not there, and takes nothing while another one is there.
    """
    there = [one for one in manifests if one is not None]
    if (manifests and not there) or any(one.kind is ManifestKind.OPAQUE for one in there):
        return None
    return sum_sizes(read_blob_sizes(there).values())


def read_blob_sizes(manifests: Iterable[Manifest]) -> dict[Digest, int | None]:
    """Return the size of each distinct layer and config of manifests; None for unknown.

    A known size wins over an unknown one, and of two claims the greater, in whatever order.
    """
    sizes: dict[Digest, int | None] = {}
    for manifest in manifests:
        for blob in (*manifest.layers, *((manifest.config,) if manifest.config else ())):
            sizes[blob.digest] = greater_size(sizes.get(blob.digest), blob.size_bytes)
    return sizes


def greater_size(one: int | None, other: int | None) -> int | None:
    """Return the greater of two claims about one blob; None where both are unknown."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def sum_sizes(sizes: Iterable[int | None]) -> int | None:
    """Return what blobs take together; None where the size of one is unknown."""
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return min(total, SIZE_MAX)
