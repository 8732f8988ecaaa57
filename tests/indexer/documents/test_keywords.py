"""What conditions find."""

from tests import builders
from tests.indexer.documents.made import FULL, image_of, keywords


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


def test_keywords_of_long_values_are_cut() -> None:
    built = builders.image(labels={"k" * 1_000: "v" * 1_000})
    assert keywords(image_of(built), "label") == {"k" * 256, f"{'k' * 256}={'v' * 256}"}
