"""The searchable texts: what they are, and their limits."""

from indexer.documents import (
    TEXT_MAX,
    TEXT_VALUE_MAX,
    image_document,
)
from indexer.model.document import TextField
from tests import builders
from tests.indexer.documents.made import OCI, ROW, described, image_of, keyed, repository_of, texts


def test_searchable_text_has_a_limit_for_each_value_and_each_document() -> None:
    images = [
        described(
            builders.image(
                labels={f"k{n}.{i}": f"{n} {i} " * 4_000 for i in range(60)}, seed=str(n)
            )
        )
        for n in range(3)
    ]
    for document in (image_document(ROW, images[0]), repository_of(*images)):
        labels = texts(document, TextField.LABEL)
        assert {len(text) for text in labels} == {TEXT_VALUE_MAX}
        size = sum(len(text.text) + len(text.key) for text in document.texts)
        assert TEXT_MAX - 2 * TEXT_VALUE_MAX < size <= TEXT_MAX


def test_json_inside_a_label_is_not_searchable_but_its_key_is() -> None:
    built = builders.image(
        labels={"com.example.a": '{"x": 1}', "com.example/b": " [1]", "c": "plain {x}"}
    )
    labels = {"com.example.a": "", "com.example/b": "", "c": "plain {x}"}
    assert keyed(image_of(built), TextField.LABEL) == labels


def test_the_same_text_is_searchable_once() -> None:
    built = builders.image(labels={f"{OCI}title": "same", f"{OCI}description": "same"})
    assert texts(image_of(built), TextField.DESCRIPTION) == ["same"]
    again = builders.image(labels={f"{OCI}title": "same"}, seed="again")
    together = repository_of(described(built), described(again))
    assert texts(together, TextField.TITLE) == ["same"]


def test_files_inside_an_artifact_are_found() -> None:
    files = builders.artifact("application/vnd.acme.report", {"notes.txt": b"x"})
    assert "notes.txt" in texts(image_of(files), TextField.METADATA)
