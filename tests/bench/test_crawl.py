"""The figures of a crawl, and the disk of the registry that is crawled."""

from pathlib import Path

import pytest

from bench.content import TAG, built, repository_name
from bench.crawl import Crawl, write_repositories


def test_a_share_of_hey_is_of_requests_a_second() -> None:
    crawl = Crawl("now", "2.8", "tantivy", 2_000, 6_000, 10.0, 1_200.0, {"indexer": 5.0}, 100.0)
    assert crawl.images_per_second == 200
    assert crawl.share_of_hey == pytest.approx(0.5)


def test_a_tag_on_the_disk_leads_to_its_manifest(tmp_path: Path) -> None:
    write_repositories(tmp_path, 2)
    root, image = tmp_path / "docker/registry/v2", built(1)
    tag = root / "repositories" / repository_name(1) / "_manifests/tags" / TAG / "current/link"
    algorithm, _, hexadecimal = tag.read_text().partition(":")
    body = root / "blobs" / algorithm / hexadecimal[:2] / hexadecimal / "data"
    assert body.read_bytes() == image.body
