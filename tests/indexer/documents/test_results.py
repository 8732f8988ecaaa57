"""What answers show of images and repositories."""

import json

import pytest

from indexer.documents import (
    DESCRIPTION_MAX,
    SHOWN_PAIRS_MAX,
    TEXT_VALUE_MAX,
    describe,
    image_document,
)
from indexer.extract import BUILT_IN
from indexer.model.names import TagName
from indexer.model.stored import Pulls, StoredImage
from tests import builders
from tests.indexer.documents.made import (
    CREATED,
    FULL,
    NOW,
    OCI,
    PUSHED,
    ROW,
    described,
    image_of,
    repository_of,
    stored,
)


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
        "vendor": "Example Ltd",
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
        "licenses": ["MIT"],
        "vendor": "Example Ltd",
        "platforms": ["linux/amd64", "linux/arm64/v9"],
        "created_at": CREATED,
        "pushed_at": PUSHED,
        "size_bytes": (image_of(FULL).size_bytes or 0) + (image_of(other).size_bytes or 0),
        "tag_count": 2,
        "newest_tags": ["1.4.2", "old"],
        "pulls": 0,
        "last_pulled_at": None,
    }
    json.dumps(document.result)


def test_pulls_are_those_of_the_image_and_those_of_the_repository() -> None:
    image = StoredImage(stored(FULL), (TagName("1"),), None, Pulls(3, PUSHED))
    one = describe(image, now=NOW, kinds=BUILT_IN)
    whole = repository_of(one, pulls=Pulls(8, CREATED)).result
    alone = image_document(ROW, one).result
    assert (alone["pulls"], alone["last_pulled_at"]) == (3, PUSHED)
    assert (whole["pulls"], whole["last_pulled_at"]) == (8, CREATED)


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        (("dev-ann", "1.0", "latest"), "latest"),
        (("1.9", "1.10", "1.10-alpine", "2.0-rc1"), "1.10"),
        (("17", "17.2", "v16.9"), "17.2"),
        (("20260301", "3.20"), "3.20"),
        (("20260301", "20260401", "edge"), "20260401"),
        (("dev-ann", "dev-bob"), "dev-ann"),
    ],
)
def test_the_reference_is_latest_else_the_newest_release_else_the_newest(
    tags: tuple[str, ...], shown: str
) -> None:
    """The image that was pushed last is not what people pull."""
    images = [
        described(builders.image(seed=tag), tag, pushed_at=f"2026-01-{20 - n:02}T00:00:00.000000Z")
        for n, tag in enumerate(tags)
    ]
    document = repository_of(*images, tags=tags)
    assert document.result["reference"] == f"R.example.org:5000/team/web-app:{shown}"


def test_the_reference_of_a_repository_is_no_attachment() -> None:
    sbom = builders.artifact("application/spdx+json", {"bom.json": b"{}"})
    image = described(builders.image(), "1.0", pushed_at=None)
    found = repository_of(described(sbom, "latest"), image).result["reference"]
    assert found == "R.example.org:5000/team/web-app:1.0"


def test_a_repository_without_a_description_borrows_that_of_its_newest_image_with_one() -> None:
    silent = described(builders.image(), "new", pushed_at="2026-09-01T00:00:00.000000Z")
    older = described(builders.image(labels={f"{OCI}description": "Older"}), "a", pushed_at=None)
    newer = described(builders.image(labels={f"{OCI}description": "Newer"}), "b")
    assert repository_of(older, silent, newer).result["description"] == "Newer"
    assert repository_of(silent).result["description"] == ""
    assert repository_of(silent).result["title"] == "web-app"


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


def test_a_tag_tells_the_version_if_nothing_else_does() -> None:
    document = image_of(builders.image(), "latest", "1.27", "1.27.3")
    assert document.result["version"] == "1.27.3"


def test_a_creation_time_that_cannot_be_is_none() -> None:
    for created in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x"):
        document = image_of(builders.image(created=created))
        assert (document.result["created_at"], document.created) == (None, 0)
