"""Realistic content of every kind, and every field that is extracted from it."""

import json
from collections import Counter

import pytest

from indexer.extract import BUILT_IN, Facts, extract
from indexer.model import Content, media_types
from indexer.model.manifest import parse_manifest
from indexer.model.names import digest_of
from tests.content_samples import FACTS, FOLDER, Sample, all_samples, shown
from tests.indexer.extract.samples import NOW

SAMPLES = all_samples()
EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: f"{one.kind}/{one.name}")


def facts(sample: Sample) -> Facts:
    return extract(sample.content, now=NOW, tags=sample.tags, kinds=BUILT_IN)


@EACH
def test_every_field(sample: Sample) -> None:
    assert shown(facts(sample)) == json.loads(sample.expected_path.read_text())


@EACH
def test_the_kind_is_that_of_the_folder(sample: Sample) -> None:
    found = facts(sample)
    assert found.kind == sample.kind
    assert found.kind in found.kind_names
    assert found.is_image == ("image" in found.kind_names) == ("artifact" not in found.kind_names)


def test_there_are_two_samples_of_every_kind() -> None:
    counts = Counter(sample.kind for sample in SAMPLES)
    assert counts.keys() == {*BUILT_IN.by_name, "image", "artifact"}
    assert min(counts.values()) >= 2


def test_every_file_of_facts_belongs_to_a_sample() -> None:
    expected = {sample.expected_path for sample in SAMPLES}
    assert set(FOLDER.glob(f"*/*{FACTS}")) == expected


@EACH
def test_the_samples_are_true(sample: Sample) -> None:
    """Sizes and digests fit, or they would be of content that no registry can hold."""
    pending: list[Content] = [sample.content]
    while pending:
        content = pending.pop()
        manifest = parse_manifest(content.body, content_type=content.content_type)
        assert manifest.warnings == ()
        if manifest.config is not None and manifest.config.media_type != media_types.EMPTY:
            body = content.config if content.config is not None else b"{}"
            size = manifest.config.size_bytes
            assert (manifest.config.digest, size) == (digest_of(body), len(body))
        known = {child.digest: child.size_bytes for child in manifest.children}
        for child in content.children:
            assert known[child.digest] == len(child.body)
            pending.append(child)
