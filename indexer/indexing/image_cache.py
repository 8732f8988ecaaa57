"""What images are, found again for as long as nothing of them changes.

Each change in a repository makes its document anew, out of all its images. Finding out what an
image is takes some milliseconds, most of that parsing, so one of thousands of images would hold up
all other changes for seconds. What was found is kept in memory, packed.
"""

import pickle
import zlib
from collections import OrderedDict
from hashlib import blake2b

from indexer.clock import Clock
from indexer.documents import DescribedImage, describe
from indexer.extract import KindTable
from indexer.model import Digest, StoredImage

KEPT = 10_000
"""So many images, of some 7 KB each."""


class DescribedImages:
    """Describes images, and remembers those that were asked for last."""

    def __init__(self, *, clock: Clock, kinds: KindTable, kept: int = KEPT) -> None:
        self._clock = clock
        self._kinds = kinds
        self._size = kept
        self._kept = OrderedDict[tuple[int, Digest], tuple[bytes, bytes]]()

    def describe(self, image: StoredImage) -> DescribedImage:
        """Return what an image is."""
        return describe(image, now=self._clock.now(), kinds=self._kinds)

    def recall(self, repository_id: int, image: StoredImage) -> DescribedImage:
        """Return the same, as found before if nothing that is stored of it is another now."""
        key = (repository_id, image.content.digest)
        state = blake2b(pickle.dumps(image)).digest()
        known, packed = self._kept.pop(key, (b"", b""))
        if known != state:
            packed = zlib.compress(pickle.dumps(self.describe(image)), level=1)
        self._kept[key] = (state, packed)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        described: DescribedImage = pickle.loads(zlib.decompress(packed))  # noqa: S301 - ours
        return described
