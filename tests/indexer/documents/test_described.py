"""Stored content to facts."""

from dataclasses import replace

from indexer.documents import (
    describe,
    image_document,
)
from indexer.extract import BUILT_IN
from indexer.model import Content, media_types
from indexer.model.names import Digest, TagName
from indexer.model.stored import StoredImage
from tests import builders
from tests.indexer.documents.made import NOW, ROW, stored


def test_children_that_are_shared_are_converted_once() -> None:
    """Regression: indexes of indexes took as long as they have paths, which can be millions."""
    level = [stored(builders.image(seed=str(number))) for number in range(30)]
    for depth in range(4):
        built = [
            Content(
                Digest(f"sha256:{depth:032x}{number:032x}"),
                media_types.OCI_INDEX,
                b'{"manifests":[]}',
                None,
                tuple(level),
            )
            for number in range(30)
        ]
        level = built
    document = image_document(
        ROW, describe(StoredImage(level[0], (TagName("latest"),), None), now=NOW, kinds=BUILT_IN)
    )
    assert document.result["digest"] == level[0].digest


def test_an_index_whose_children_are_missing_is_still_found() -> None:
    index = builders.index([builders.image(architecture="arm64"), builders.image()])
    alone = replace(stored(index), children=())
    document = image_document(
        ROW, describe(StoredImage(alone, (TagName("latest"),), None), now=NOW, kinds=BUILT_IN)
    )
    assert document.result["platforms"] == ["linux/arm64", "linux/amd64"]
    assert document.result["size_bytes"] is None
