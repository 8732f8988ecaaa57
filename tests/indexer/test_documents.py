"""Documents: every field of both kinds, the limits, and text that somebody hostile wrote."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from indexer.documents import (
    DESCRIPTION_MAX,
    NEWEST_TAGS_MAX,
    SHOWN_PAIRS_MAX,
    TEXT_MAX,
    TEXT_VALUE_MAX,
    DescribedImage,
    describe,
    image_document,
    repository_document,
)
from indexer.model import media_types
from indexer.model.document import Document, DocumentKey, DocumentType
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.model.stored import Pulls, RepositoryRow, StoredImage, StoredManifest
from tests import builders
from tests.builders import BuiltManifest

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROW = RepositoryRow(1, "Default", "R.example.org:5000", RepositoryName("team/web-app"))
OCI = "org.opencontainers.image."
CREATED = "2026-01-02T03:04:05.000000Z"
CREATED_SECONDS = 1_767_323_045
PUSHED = "2026-02-03T04:05:06.500000Z"
SYSTEM_TAG = TagName("sha256-" + "a" * 64 + ".sig")


def stored(built: BuiltManifest) -> StoredManifest:
    return StoredManifest(
        digest=Digest(built.digest),
        content_type=built.media_type,
        body=built.body,
        config=built.blobs[0].body if built.blobs else None,
        children=tuple(map(stored, built.children)),
    )


NO_PULLS = Pulls()


def described(built: BuiltManifest, *tags: str, pushed_at: str | None = PUSHED) -> DescribedImage:
    names = tuple(map(TagName, tags or ("latest",)))
    return describe(StoredImage(stored(built), names, pushed_at), now=NOW)


def image_of(built: BuiltManifest, *tags: str, pushed_at: str | None = PUSHED) -> Document:
    return image_document(ROW, described(built, *tags, pushed_at=pushed_at))


def repository_of(
    *images: DescribedImage, tags: tuple[str, ...] = ("latest",), pulls: Pulls = NO_PULLS
) -> Document:
    return repository_document(ROW, images, tags=tuple(map(TagName, tags)), pulls=pulls)


def keywords(document: Document, field: str) -> set[str]:
    return {value for name, value in document.keywords if name == field}


FULL = builders.image(
    labels={
        f"{OCI}title": "Web App",
        f"{OCI}description": "Serves\nthe  Café",
        f"{OCI}version": "1.4.2",
        f"{OCI}vendor": "Example Ltd",
        f"{OCI}licenses": "MIT",
        f"{OCI}authors": "Ada",
        "com.example.Team": "Payments",
    },
    annotations={"com.example.stage": "Prod"},
    architecture="arm64",
    variant="v9",
    seed="full",
)


# Images


def test_an_image_s_answer_has_every_field() -> None:
    document = image_of(FULL, "1.4.2", "latest")
    layers = [layer["size"] for layer in FULL.json["layers"]]
    assert document.result == {
        "registry": "Default",
        "repository": "team/web-app",
        "reference": "R.example.org:5000/team/web-app:1.4.2",
        "kind": "image",
        "artifact_type": None,
        "title": "Web App",
        "description": "Serves the Café",
        "digest": FULL.digest,
        "tags": ["1.4.2", "latest"],
        "labels": FULL.config["config"]["Labels"],
        "inherited_labels": [],
        "annotations": {"com.example.stage": "Prod"},
        "version": "1.4.2",
        "licenses": ["MIT"],
        "properties": {},
        "platforms": ["linux/arm64/v9"],
        "created_at": CREATED,
        "pulls": 0,
        "last_pulled_at": None,
        "pushed_at": PUSHED,
        "size_bytes": sum(layers) + FULL.json["config"]["size"],
        "attachments": [],
    }
    json.dumps(document.result)


def test_an_image_s_document_has_every_field() -> None:
    document = image_of(FULL, "1.4.2", "Latest")
    assert document.key == DocumentKey("Default", ROW.name, Digest(FULL.digest))
    assert document.key.type is DocumentType.IMAGE
    assert document.name == "team/web-app"
    assert document.tags == ("1.4.2", "Latest")
    assert (document.created, document.pushed) == (CREATED_SECONDS, 1_770_091_506)
    assert document.size_bytes == document.result["size_bytes"]
    texts = " | ".join(document.description)
    for text in ("Web App", "Café", "1.4.2", "Example Ltd", "Ada", "MIT"):
        assert text in texts
    assert {"Team Payments", "stage Prod"} <= set(document.labels)


def test_conditions_find_an_image_by_its_folded_keywords() -> None:
    document = image_of(FULL, "1.4.2", "Latest")
    encoded = FULL.digest.partition(":")[2]
    assert keywords(document, "registry") == {"default"}
    assert keywords(document, "host") == {"r.example.org:5000"}
    assert keywords(document, "repo") == {"team/web-app"}
    assert keywords(document, "name") == {"team", "web", "app", "team/web-app", "web-app"}
    assert keywords(document, "tag") == {"1.4.2", "latest"}
    assert keywords(document, "digest") == {FULL.digest, encoded}
    assert keywords(document, "os") == {"linux"}
    assert keywords(document, "arch") == {"arm64", "arm64/v9"}
    assert keywords(document, "platform") == {"linux/arm64/v9"}
    assert keywords(document, "kind") == {"image"}
    assert keywords(document, "type") == set()
    assert keywords(document, "license") == {"mit"}
    assert {"com.example.team", "com.example.team=payments"} <= keywords(document, "label")
    assert keywords(document, "annotation") == {"com.example.stage", "com.example.stage=prod"}


def test_an_image_that_says_nothing_is_found_by_its_name() -> None:
    document = image_of(builders.image(created=""), pushed_at=None)
    result = document.result
    assert (result["title"], result["description"], result["version"]) == ("web-app", "", "")
    assert (result["created_at"], result["pushed_at"]) == (None, None)
    assert (result["labels"], result["annotations"]) == ({}, {})
    assert (document.created, document.pushed) == (0, 0)
    assert (document.description, document.labels) == ((), ())


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


def test_an_index_whose_children_are_missing_is_still_found() -> None:
    index = builders.index([builders.image(architecture="arm64"), builders.image()])
    alone = replace(stored(index), children=())
    document = image_document(
        ROW, describe(StoredImage(alone, (TagName("latest"),), None), now=NOW)
    )
    assert document.result["platforms"] == ["linux/arm64", "linux/amd64"]
    assert document.result["size_bytes"] == 0


def test_children_that_are_shared_are_converted_once() -> None:
    """Regression: indexes of indexes took as long as they have paths, which can be millions."""
    level = [stored(builders.image(seed=str(number))) for number in range(30)]
    for depth in range(4):
        built = [
            StoredManifest(
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
        ROW, describe(StoredImage(level[0], (TagName("latest"),), None), now=NOW)
    )
    assert document.result["digest"] == level[0].digest


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
    assert "7.0.4" in document.description


def test_an_image_that_is_more_than_one_is_an_image_too() -> None:
    label = {"com.docker.desktop.extension.api.version": "0.3.4"}
    document = image_of(builders.image(labels=label))
    assert document.result["kind"] == "docker-extension"
    assert keywords(document, "kind") == {"docker-extension", "docker", "extension", "image"}


def test_files_inside_an_artifact_are_found() -> None:
    files = builders.artifact("application/vnd.acme.report", {"notes.txt": b"x"})
    assert "notes.txt" in image_of(files).description


def test_a_tag_tells_the_version_if_nothing_else_does() -> None:
    document = image_of(builders.image(), "latest", "1.27", "1.27.3")
    assert document.result["version"] == "1.27.3"


def test_bytes_that_are_no_manifest_are_a_document_too() -> None:
    body = b"\xff\x00 no manifest"
    built = BuiltManifest(builders.digest_of(body), "text/html", body)
    document = image_of(built, "odd")
    assert document.result["kind"] == "artifact"
    assert document.result["tags"] == ["odd"]
    assert keywords(document, "tag") == {"odd"}


# Repositories


def test_a_repository_s_answer_has_every_field() -> None:
    other = builders.image(labels={"x": "y"}, seed="other")
    document = repository_of(
        described(FULL, "1.4.2"),
        described(other, "old", pushed_at="2026-01-01T00:00:00.000000Z"),
        tags=("1.4.2", "old"),
    )
    assert document.result == {
        "registry": "Default",
        "repository": "team/web-app",
        "reference": "R.example.org:5000/team/web-app:1.4.2",
        "kind": "image",
        "artifact_type": None,
        "title": "Web App",
        "description": "Serves the Café",
        "platforms": ["linux/amd64", "linux/arm64/v9"],
        "created_at": CREATED,
        "pushed_at": PUSHED,
        "size_bytes": image_of(FULL).size_bytes,
        "tag_count": 2,
        "newest_tags": ["1.4.2", "old"],
        "pulls": 0,
        "last_pulled_at": None,
    }
    json.dumps(document.result)


def test_pulls_are_those_of_the_image_and_those_of_the_repository() -> None:
    image = StoredImage(stored(FULL), (TagName("1"),), None, Pulls(3, PUSHED))
    one = describe(image, now=NOW)
    whole = repository_of(one, pulls=Pulls(8, CREATED)).result
    alone = image_document(ROW, one).result
    assert (alone["pulls"], alone["last_pulled_at"]) == (3, PUSHED)
    assert (whole["pulls"], whole["last_pulled_at"]) == (8, CREATED)


def test_a_repository_s_document_gathers_what_its_images_say() -> None:
    other = builders.image(labels={"com.example.team": "Search", f"{OCI}title": "Old Title"})
    images = [described(FULL, "1.4.2"), described(other, "old", pushed_at=None)]
    document = repository_of(*images, tags=("1.4.2", "old"))
    assert document.key == DocumentKey("Default", ROW.name)
    assert document.key.type is DocumentType.REPOSITORY
    assert (document.name, document.tags) == ("team/web-app", ("1.4.2", "old"))
    assert {"Web App", "Old Title"} <= set(document.description)
    assert {"Team Payments", "team Search"} <= set(document.labels)
    assert (document.created, document.pushed) == (CREATED_SECONDS, 1_770_091_506)
    assert document.keywords == frozenset().union(
        *(image_document(ROW, one).keywords for one in images)
    )


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


@pytest.mark.parametrize(
    ("tags", "shown"), [(("1.0", "latest"), "latest"), (("1.1", "1.0"), "1.1")]
)
def test_the_reference_is_latest_where_the_image_has_it(tags: tuple[str, ...], shown: str) -> None:
    document = repository_of(described(FULL, *tags), tags=tags)
    assert document.result["reference"] == f"R.example.org:5000/team/web-app:{shown}"


def test_a_repository_without_a_description_borrows_that_of_its_newest_image_with_one() -> None:
    silent = described(builders.image(), "new", pushed_at="2026-09-01T00:00:00.000000Z")
    older = described(builders.image(labels={f"{OCI}description": "Older"}), "a", pushed_at=None)
    newer = described(builders.image(labels={f"{OCI}description": "Newer"}), "b")
    assert repository_of(older, silent, newer).result["description"] == "Newer"
    assert repository_of(silent).result["description"] == ""
    assert repository_of(silent).result["title"] == "web-app"


def test_system_tags_are_not_among_a_repository_s_tags() -> None:
    document = repository_of(described(FULL), tags=("latest", SYSTEM_TAG, "1.0"))
    assert document.tags == ("latest", "1.0")
    assert document.result["newest_tags"] == ["latest", "1.0"]
    assert document.result["tag_count"] == 2


def test_of_many_tags_the_newest_are_shown_and_all_are_counted_and_searchable() -> None:
    tags = tuple(f"v{number}" for number in range(5_000))
    document = repository_of(described(FULL, *tags), tags=tags)
    assert document.result["newest_tags"] == list(tags[:NEWEST_TAGS_MAX])
    assert document.result["tag_count"] == 5_000
    assert document.tags == tags
    assert keywords(document, "tag") == set(tags)
    assert len(json.dumps(document.result)) < 5_000


# Limits and hostile text


def test_a_description_is_one_line_of_a_limited_length() -> None:
    text = "word \x1b[31m\u202e\x00" + "long " * 2_000
    built = builders.image(labels={f"{OCI}description": text, f"{OCI}title": "t" * 5_000})
    for document in (image_of(built), repository_of(described(built))):
        shown = document.result["description"]
        assert len(shown) <= DESCRIPTION_MAX
        assert len(document.result["title"]) <= 200
        assert shown.isprintable()
        assert shown.startswith("word")


def test_labels_are_shown_up_to_a_number_and_a_length() -> None:
    labels = {f"key.{number:04}": "v" * 10_000 for number in range(150)}
    result = image_of(builders.image(labels=labels)).result
    assert len(result["labels"]) == SHOWN_PAIRS_MAX
    assert {len(value) for value in result["labels"].values()} == {TEXT_VALUE_MAX}


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
        assert {len(text) for text in document.labels} == {TEXT_VALUE_MAX}
        assert sum(map(len, document.labels)) == TEXT_MAX


def test_keywords_of_long_values_are_cut() -> None:
    built = builders.image(labels={"k" * 1_000: "v" * 1_000})
    assert keywords(image_of(built), "label") == {"k" * 256, f"{'k' * 256}={'v' * 256}"}


def test_json_inside_a_label_is_not_searchable_but_its_key_is() -> None:
    built = builders.image(
        labels={"com.example.a": '{"x": 1}', "com.example/b": " [1]", "c": "plain {x}"}
    )
    assert set(image_of(built).labels) == {"a", "b", "c plain {x}"}


def test_the_same_text_is_searchable_once() -> None:
    built = builders.image(labels={f"{OCI}title": "same", f"{OCI}description": "same"})
    assert image_of(built).description.count("same") == 1
    again = builders.image(labels={f"{OCI}title": "same"}, seed="again")
    assert repository_of(described(built), described(again)).description.count("same") == 1


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
        for field in (*document.description, *document.labels):
            field.encode()
        assert document.result["title"].isprintable()
        assert document.result["description"].isprintable()
        assert document.result["created_at"] is None


def test_a_creation_time_that_cannot_be_is_none() -> None:
    for created in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x"):
        document = image_of(builders.image(created=created))
        assert (document.result["created_at"], document.created) == (None, 0)


def test_a_push_before_1970_counts_as_unknown() -> None:
    document = image_of(FULL, pushed_at="0001-01-01T00:00:00.000000Z")
    assert document.pushed == 0
