"""The searchable texts: what they are, and their limits."""

from indexer.documents import (
    TAGS_MAX,
    TEXT_MAX,
    TEXT_VALUE_MAX,
    image_document,
)
from indexer.model.document import TextField
from tests import builders
from tests.indexer.documents.made import (
    FULL,
    OCI,
    ROW,
    described,
    image_of,
    keyed,
    on_base,
    repository_of,
    texts,
)


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


def test_each_text_tells_what_it_is() -> None:
    document = image_of(FULL)
    assert texts(document, TextField.TITLE) == ["Web App"]
    assert texts(document, TextField.DESCRIPTION) == ["Serves the Café"]
    assert keyed(document, TextField.METADATA) == {
        "version": "1.4.2",
        "vendor": "Example Ltd",
        "author": "Ada",
        "license": "MIT",
    }
    assert keyed(document, TextField.LABEL)["com.example.Team"] == "Payments"
    assert keyed(document, TextField.ANNOTATION) == {"com.example.stage": "Prod"}
    assert texts(document, TextField.TAG) == ["latest"]


def test_what_only_the_base_says_is_not_searchable() -> None:
    labels = {f"{OCI}vendor": "Distro", f"{OCI}licenses": "MIT", f"{OCI}authors": "Base"}
    built = builders.image(labels={**labels, "own": "word"})
    document = image_document(ROW, on_base(built, labels))
    assert texts(document, TextField.METADATA) == []
    assert keyed(document, TextField.LABEL) == {"own": "word"}


def test_labels_do_not_crowd_titles_and_tags_out() -> None:
    images = [
        described(
            builders.image(
                labels={f"{OCI}title": f"Title {n}", **{f"k{i}": "x" * 4_096 for i in range(60)}},
                seed=str(n),
            ),
            f"t{n}",
        )
        for n in range(5)
    ]
    tags = tuple(f"release-{number}" for number in range(20_000))
    found = repository_of(*images, tags=tags)
    assert len(texts(found, TextField.TITLE)) == 5
    kept = texts(found, TextField.TAG)
    assert kept == list(tags[: len(kept)])
    assert TAGS_MAX - 20 < sum(map(len, kept)) <= TAGS_MAX
    assert texts(found, TextField.LABEL)


def test_a_long_key_is_cut() -> None:
    document = image_of(builders.image(labels={"k" * 1_000: "value"}))
    assert keyed(document, TextField.LABEL) == {"k" * 256: "value"}


def test_a_summary_of_its_own_is_searchable_and_one_out_of_the_description_only_there() -> None:
    labels = {"description": "Serves pages. Fast.", "summary": "A web server"}
    both = image_of(builders.image(labels=labels))
    assert texts(both, TextField.DESCRIPTION) == ["Serves pages. Fast.", "A web server"]
    alone = image_of(builders.image(labels={"description": "Serves pages. Fast."}))
    assert texts(alone, TextField.DESCRIPTION) == ["Serves pages. Fast."]
