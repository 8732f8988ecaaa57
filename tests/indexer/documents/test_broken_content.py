"""Broken content: whatever it is, both documents of it can be written and answered."""

import json

import pytest

from indexer.documents import (
    KEYWORDS_MAX,
    TEXT_MAX,
    VALUE_MAX,
    describe,
    image_document,
    repository_document,
)
from indexer.extract import BUILT_IN
from indexer.model import Content
from indexer.model.document import NUMBERS, PROMINENCE_MAX, Document
from indexer.model.names import TagName
from indexer.model.stored import Pulls, StoredImage
from indexer.model.text import fold
from tests.content_samples import all_samples
from tests.indexer.documents.made import NOW, PUSHED, ROW
from tests.mutations import Mutator

MUTATOR = Mutator([sample.content for sample in all_samples()])
INTEGER_MAX = 2**63 - 1


def stored(content: Content) -> Content:
    children = tuple(map(stored, content.children))
    return Content(content.digest, content.content_type, content.body, content.config, children)


@pytest.mark.parametrize("hundred", range(5))
def test_broken_content_makes_documents_that_can_be_written(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        content = MUTATOR.content(seed)
        described = describe(
            StoredImage(stored(content), (TagName("latest"),), PUSHED, Pulls(seed)),
            now=NOW,
            kinds=BUILT_IN,
        )
        check(image_document(ROW, described))
        check(repository_document(ROW, [described], tags=[TagName("latest")], pulls=Pulls(seed)))


def check(document: Document) -> None:
    json.dumps(document.result, ensure_ascii=False).encode()
    for text in document.texts:
        f"{text.key}{text.text}".encode()
    assert sum(len(text.key) + len(text.text) for text in document.texts) <= TEXT_MAX
    assert len(document.keywords) <= KEYWORDS_MAX + 10_000
    for field, value in document.keywords:
        value.encode()
        assert value, f"{field}: is empty"
        assert fold(value) == value, f"{field}:{value} is not folded"
        assert len(value) <= 2 * VALUE_MAX + 1, field
    for name, value in document.facets:
        assert f"{name}{value}".encode()
        assert value.isprintable()
    for name, numbers in document.numbers.items():
        assert name in NUMBERS
        assert list(numbers) == sorted(set(numbers))
        assert all(0 <= number <= INTEGER_MAX for number in numbers)
    assert 0 <= document.prominence <= PROMINENCE_MAX
