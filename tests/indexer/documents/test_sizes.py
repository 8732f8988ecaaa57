"""What a repository takes: each blob of all its images once, and what is not known."""

import itertools
import json
from collections.abc import Sequence

import pytest

from indexer.documents import DescribedImage, image_document
from indexer.model import media_types
from tests import builders
from tests.builders import Blob, BuiltManifest, digest_of
from tests.indexer.documents.made import ROW, described, repository_of

BASE = builders.image(seed="base", layers=2)
APP = builders.image(seed="app", layers=1, base=BASE)
ARM = builders.image(seed="arm", architecture="arm64")
MULTI = builders.index([APP, ARM], attestations=True)


def schema1(of: BuiltManifest) -> BuiltManifest:
    """Return an image of schema 1 with the layers of another one; it tells no sizes."""
    layers = [{"blobSum": blob.digest} for blob in reversed(of.blobs[1:])]
    history = [{"v1Compatibility": json.dumps({"id": "x"})} for _ in layers]
    body = {"schemaVersion": 1, "fsLayers": layers, "history": history}
    encoded = json.dumps(body).encode()
    return BuiltManifest(digest_of(encoded), media_types.SCHEMA1, encoded)


def opaque() -> BuiltManifest:
    return BuiltManifest(digest_of(b"no"), "application/vnd.acme.picture", b"no")


def bytes_of(*built: BuiltManifest) -> int:
    """Return what the distinct blobs of images take."""
    blobs: set[Blob] = {blob for one in built for blob in one.blobs}
    return sum(len(blob.body) for blob in blobs)


def size_of(images: Sequence[DescribedImage]) -> int | None:
    document = repository_of(*images)
    assert document.result["size_bytes"] == document.size_bytes
    return document.size_bytes


def test_a_shared_layer_counts_once_for_a_repository() -> None:
    images = [described(BASE, "1"), described(APP, "2")]
    assert size_of(images) == bytes_of(BASE, APP) < sum(bytes_of(one) for one in (BASE, APP))
    assert size_of(images[:1]) == bytes_of(BASE)


def test_the_platforms_of_an_index_count_and_attestations_do_not() -> None:
    images = [described(MULTI, "1"), described(BASE, "2")]
    assert size_of(images) == bytes_of(APP, ARM, BASE)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_one_image_knows_wins_in_whatever_order(order: tuple[int, ...]) -> None:
    """Regression: a size that schema 1 does not tell counted as 0 where it came first."""
    images = [described(one) for one in (schema1(BASE), BASE, APP)]
    assert size_of([images[n] for n in order]) == bytes_of(BASE, APP)


@pytest.mark.parametrize("unknown", [schema1(ARM), opaque()])
def test_a_repository_with_something_unknown_is_of_unknown_size(unknown: BuiltManifest) -> None:
    images = [described(BASE), described(unknown)]
    assert size_of(images) is None
    alone = image_document(ROW, images[1])
    assert (alone.size_bytes, alone.result["size_bytes"]) == (None, None)


def test_an_unknown_size_is_no_number_and_none_at_all_is_one() -> None:
    assert "size" not in image_document(ROW, described(schema1(BASE))).numbers
    body = b'{"schemaVersion":2,"manifests":[]}'
    empty = BuiltManifest(digest_of(body), media_types.OCI_INDEX, body)
    assert image_document(ROW, described(empty)).numbers["size"] == (0,)


def test_a_range_asks_for_what_one_image_of_a_repository_weighs() -> None:
    document = repository_of(described(BASE, "1"), described(APP, "2"))
    assert document.numbers["size"] == tuple(sorted((bytes_of(BASE), bytes_of(APP))))
    assert document.size_bytes not in document.numbers["size"]
