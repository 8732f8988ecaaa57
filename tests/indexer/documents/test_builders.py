"""Documents of both kinds, and text that somebody hostile wrote."""

import json
import random

import pytest

from indexer.documents import (
    NEWEST_TAGS_MAX,
    image_document,
)
from indexer.model.document import DocumentKey, DocumentType, Text, TextField
from indexer.model.names import Digest
from tests import builders
from tests.builders import BuiltManifest
from tests.indexer.documents.made import (
    CREATED_SECONDS,
    FULL,
    OCI,
    PUSHED,
    ROW,
    SYSTEM_TAG,
    described,
    image_of,
    keyed,
    keywords,
    repository_of,
    texts,
)


def test_an_image_s_document_has_every_field() -> None:
    document = image_of(FULL, "1.4.2", "Latest")
    assert document.key == DocumentKey("Default", ROW.name, Digest(FULL.digest))
    assert document.key.type is DocumentType.IMAGE
    assert document.name == "team/web-app"
    assert texts(document, TextField.TAG) == ["1.4.2", "Latest"]
    assert (document.created, document.pushed) == (CREATED_SECONDS, 1_770_091_506)
    assert document.size_bytes == document.result["size_bytes"]
    assert texts(document, TextField.TITLE) == ["Web App"]
    assert keyed(document, TextField.ANNOTATION) == {"com.example.stage": "Prod"}
    assert document.pulls == 0
    assert {"created", "pushed", "size", "layers", "pulls"} == document.numbers.keys()
    assert ("vendor", "Example Ltd") in document.facets
    assert document.prominence > 0


def test_an_image_that_says_nothing_is_found_by_its_name() -> None:
    document = image_of(builders.image(created=""), pushed_at=None)
    result = document.result
    assert (result["title"], result["description"], result["version"]) == ("web-app", "", "")
    assert (result["created_at"], result["pushed_at"]) == (None, None)
    assert (result["labels"], result["annotations"]) == ({}, {})
    assert (document.created, document.pushed) == (0, 0)
    assert document.texts == (Text(TextField.TAG, "latest"),)
    assert document.prominence == 0


def test_an_index_is_one_image_with_all_its_platforms_and_digests() -> None:
    children = [
        builders.image(architecture=architecture, labels={f"{OCI}title": architecture})
        for architecture in ("arm64", "amd64", "s390x")
    ]
    index = builders.index(children, attestations=True)
    document = image_of(index)
    assert document.result["platforms"] == ["linux/arm64", "linux/amd64", "linux/s390x"]
    assert document.result["title"] == "amd64"
    assert document.result["kind"] == "image"
    assert keywords(document, "arch") == {"arm64", "amd64", "s390x"}
    digests = {index.digest, *(child.digest for child in index.children)}
    assert digests <= keywords(document, "digest")
    assert {digest.partition(":")[2] for digest in digests} <= keywords(document, "digest")


def test_an_artifact_tells_its_kind_and_type() -> None:
    document = image_of(builders.artifact("application/vnd.Acme.widget.v1+json", {"a": b"x"}))
    assert document.result["kind"] == "artifact"
    assert document.result["artifact_type"] == "application/vnd.Acme.widget.v1+json"
    assert document.result["platforms"] == []
    assert keywords(document, "kind") == {"artifact", "acme-widget"}
    assert keywords(document, "type") == {"application/vnd.acme.widget.v1+json"}
    assert keywords(document, "platform") == set()


def test_a_chart_is_found_by_each_name_of_its_kind_and_by_what_only_charts_have() -> None:
    chart = builders.helm_chart("web", "1.2.3", "A web chart", app_version="7.0.4")
    document = image_of(chart, "1.2.3")
    result = document.result
    assert (result["title"], result["description"]) == ("web", "A web chart")
    assert (result["kind"], result["version"]) == ("helm-chart", "1.2.3")
    assert result["properties"] == {"app_version": ["7.0.4"], "type": ["application"]}
    assert keywords(document, "kind") == {"helm-chart", "helm", "chart", "artifact"}
    assert keyed(document, TextField.METADATA)["app_version"] == "7.0.4"


def test_an_image_that_is_more_than_one_is_an_image_too() -> None:
    label = {"com.docker.desktop.extension.api.version": "0.3.4"}
    document = image_of(builders.image(labels=label))
    assert document.result["kind"] == "docker-extension"
    assert keywords(document, "kind") == {"docker-extension", "docker", "extension", "image"}


def test_bytes_that_are_no_manifest_are_a_document_too() -> None:
    body = b"\xff\x00 no manifest"
    built = BuiltManifest(builders.digest_of(body), "text/html", body)
    document = image_of(built, "odd")
    assert document.result["kind"] == "artifact"
    assert document.result["tags"] == ["odd"]
    assert keywords(document, "tag") == {"odd"}


def test_a_repository_s_document_gathers_what_its_images_say() -> None:
    other = builders.image(labels={"com.example.team": "Search", f"{OCI}title": "Old Title"})
    images = [described(FULL, "1.4.2"), described(other, "old", pushed_at=None)]
    document = repository_of(*images, tags=("1.4.2", "old"))
    assert document.key == DocumentKey("Default", ROW.name)
    assert document.key.type is DocumentType.REPOSITORY
    assert document.name == "team/web-app"
    assert texts(document, TextField.TAG) == ["1.4.2", "old"]
    assert texts(document, TextField.TITLE) == ["Web App", "Old Title"]
    assert {"Payments", "Search"} <= set(texts(document, TextField.LABEL))
    assert (document.created, document.pushed) == (CREATED_SECONDS, 1_770_091_506)
    apart = [image_document(ROW, one) for one in images]
    assert document.keywords == frozenset().union(*(one.keywords for one in apart))
    assert document.facets == frozenset().union(*(one.facets for one in apart))


def test_the_order_of_the_images_makes_no_difference() -> None:
    images = [
        described(builders.image(seed=str(n), labels={"n": str(n)}), f"t{n}", pushed_at=at)
        for n, at in enumerate(
            [PUSHED, "2026-02-04T00:00:00.000000Z", None, "2026-01-01T00:00:00.000000Z"]
        )
    ]
    first = repository_of(*images)
    for seed in range(5):
        shuffled = random.Random(seed).sample(images, k=len(images))
        assert repository_of(*shuffled) == first


def test_the_newest_runnable_image_speaks_for_the_repository() -> None:
    image = described(builders.image(labels={f"{OCI}title": "Image"}), "1.0", pushed_at=None)
    chart = described(builders.helm_chart("chart", "1", "Chart"), "chart")
    assert repository_of(chart, image).result["title"] == "Image"
    assert repository_of(chart, image).result["kind"] == "image"
    assert repository_of(chart, image).result["pushed_at"] == PUSHED
    assert repository_of(chart).result["kind"] == "helm-chart"


def test_an_attachment_never_speaks_for_a_repository_with_content() -> None:
    sbom = builders.artifact("application/spdx+json", {"bom.json": b"{}"})
    chart = described(builders.helm_chart("chart", "1", "Chart"), "1", pushed_at=None)
    assert repository_of(described(sbom, "bom"), chart).result["title"] == "chart"


def test_without_pushes_the_image_made_last_speaks() -> None:
    images = [
        described(builders.image(created=f"2026-01-0{day}T00:00:00Z"), f"d{day}", pushed_at=None)
        for day in (1, 3, 2)
    ]
    document = repository_of(*images)
    assert document.result["reference"].endswith(":d3")
    assert document.result["created_at"] == "2026-01-03T00:00:00.000000Z"
    assert (document.result["pushed_at"], document.pushed) == (None, 0)


def test_system_tags_are_not_among_a_repository_s_tags() -> None:
    document = repository_of(described(FULL), tags=("latest", SYSTEM_TAG, "1.0"))
    assert texts(document, TextField.TAG) == ["latest", "1.0"]
    assert document.result["newest_tags"] == ["latest", "1.0"]
    assert document.result["tag_count"] == 2


def test_of_many_tags_the_newest_are_shown_and_all_are_counted_and_searchable() -> None:
    tags = tuple(f"v{number}" for number in range(5_000))
    document = repository_of(described(FULL, *tags), tags=tags)
    assert document.result["newest_tags"] == list(tags[:NEWEST_TAGS_MAX])
    assert document.result["tag_count"] == 5_000
    assert texts(document, TextField.TAG) == list(tags)
    assert keywords(document, "tag") == set(tags)
    assert len(json.dumps(document.result)) < 5_000


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07",
        "\u202egnp.exe",
        "<script>alert(1)</script>",
        "a\x00b",
        "\U0001f600" * 100,
        "'; DROP TABLE tags; --",
        "\ufeff\u200b",
        "\ud800",
    ],
)
def test_hostile_text_anywhere_makes_a_document_that_can_be_answered(text: str) -> None:
    names = ("title", "description", "version", "vendor", "authors", "licenses", "url", "created")
    pairs = {**{OCI + name: text for name in names}, text: text}
    built = builders.image(labels=pairs, annotations=pairs, created=text)
    documents = (image_of(built), repository_of(described(built)))
    for document in documents:
        json.dumps(document.result, ensure_ascii=False).encode()
        for one in document.texts:
            f"{one.text}{one.key}".encode()
        for field, value in document.keywords | document.facets:
            f"{field}{value}".encode()
        assert all(value.isprintable() for _, value in document.facets)
        assert document.result["title"].isprintable()
        assert document.result["description"].isprintable()
        assert document.result["created_at"] is None


def test_a_push_before_1970_counts_as_unknown() -> None:
    document = image_of(FULL, pushed_at="0001-01-01T00:00:00.000000Z")
    assert document.pushed == 0
