"""A few thousand broken inputs: nothing raises, and every answer is bounded."""

import json
from dataclasses import asdict

from indexer.extract import Facts
from indexer.model import Content, media_types
from indexer.model.manifest import parse_manifest
from indexer.model.names import digest_of
from tests import fuzz_extract
from tests.content_samples import all_samples
from tests.fuzz_extract import exercise
from tests.indexer.extract.samples import SAMPLES, child, facts, image, index, layer, recorded
from tests.mutations import LEAVES, Mutator

MULTI = "sha256:87cdfeea69a9e49837d84cc5470f4653567726a928a6026f870ebfe1f42d0114"


def seeds() -> list[Content]:
    """Return one valid content of each shape."""
    part = image(
        {
            "os": "linux",
            "architecture": "amd64",
            "created": "2024-01-01T00:00:00Z",
            "config": {
                "Labels": {
                    "description": "<p>x</p>",
                    "maintainer": "a, b",
                    "license": "MIT OR ISC",
                },
                "Env": ["APP_VERSION=1"],
                "ExposedPorts": {"80/tcp": {}},
            },
            "history": [{"created": "2024-01-01T00:00:00Z"}],
        },
        layers=[layer("a", 1)],
        annotations={"org.opencontainers.image.title": "t"},
    )
    old = (SAMPLES / "schema1" / "webapp.json").read_bytes()
    return [
        part,
        index([child(part, "linux/amd64"), child(part)], [part], annotations={"a": "b"}),
        recorded("multi", MULTI, media_types.OCI_INDEX),
        Content(digest_of(old), media_types.SCHEMA1_SIGNED, old),
    ]


def assert_bounded(found: Facts) -> None:
    """Every text of a field fits its limit, is printable and can be encoded."""
    fields = asdict(found)
    raw = (fields.pop("labels"), fields.pop("annotations"))
    assert all(len(values) <= 100 for values in found.properties.values())
    assert all(len(one) <= 256 for values in found.properties.values() for one in values)
    assert all(len(one) <= 256 for one in found.contents)
    assert len(found.inherited_labels) <= 1_000
    assert all(len(pairs) <= 1_000 for pairs in raw)
    assert all(len(key) <= 1_024 and len(pairs[key]) <= 65_536 for pairs in raw for key in pairs)
    json.dumps([fields, raw], default=str, ensure_ascii=False).encode()
    assert found.size_bytes is None or 0 <= found.size_bytes < 2**63
    for name, value in fields.items():
        if isinstance(value, str):
            assert len(value) <= 4_096, name
        elif isinstance(value, tuple):
            assert len(value) <= 1_000, name
    shown = (found.title, found.description, found.summary, found.version, found.artifact_name)
    assert all(text.isprintable() for text in (*shown, *found.keywords, *found.licenses))
    assert all(platform.is_real and str(platform).isascii() for platform in found.platforms)


def test_no_mutation_of_real_content_raises_or_grows() -> None:
    mutator = Mutator(seeds())
    kinds = set()
    for seed in range(2_000):
        content = mutator.content(seed)
        manifest = parse_manifest(content.body, content_type=content.content_type)
        assert len(manifest.warnings) <= 100
        assert_bounded(exercise(content, seed))
        kinds.add(manifest.kind)
    assert len(kinds) == 5, "the mutations no longer reach every shape"


def test_no_mutation_of_a_sample_of_any_kind_raises_or_grows() -> None:
    """A short run of ``python -m tests.fuzz_extract``."""
    mutator = Mutator([sample.content for sample in all_samples()])
    found = set()
    for seed in range(3_000):
        facts_found = exercise(mutator.content(seed), seed)
        assert_bounded(facts_found)
        found.add(facts_found.kind)
    assert len(found) >= 45, "the mutations no longer reach every kind"


def test_the_fuzzer_counts_and_names_the_slowest() -> None:
    ((done, spent, slowest),) = fuzz_extract.run(20, seed=5)
    assert done == 20
    assert 0 < slowest.seconds <= spent
    assert slowest.seed in range(5, 25)


def test_the_valid_contents_have_no_warnings() -> None:
    """Or the mutations would start from something broken already."""
    assert [facts(content).warnings for content in seeds()] == [(), (), (), ()]


def test_every_leaf_under_every_key_of_a_label_that_fills_a_field() -> None:
    keys = [
        "org.opencontainers.image.title",
        "org.opencontainers.image.description",
        "org.opencontainers.image.source",
        "org.opencontainers.image.licenses",
        "org.opencontainers.image.base.digest",
        "org.opencontainers.image.created",
        "io.artifacthub.package.maintainers",
        "io.cnab.keywords",
        "io.openshift.tags",
    ]
    for leaf in LEAVES:
        for text in (leaf, json.dumps(leaf), json.dumps(leaf) * 200):
            assert_bounded(facts(image({"config": {"Labels": dict.fromkeys(keys, text)}})))
