"""A few thousand broken inputs: nothing raises, and every answer is bounded."""

import json
import random
from dataclasses import asdict
from typing import Any

from indexer.extract import Content, Facts, config_descriptor
from indexer.model import media_types
from indexer.model.manifest import parse_manifest
from indexer.model.names import digest_of
from tests.indexer.extract.samples import SAMPLES, child, facts, image, index, layer, recorded

MULTI = "sha256:87cdfeea69a9e49837d84cc5470f4653567726a928a6026f870ebfe1f42d0114"
LEAVES: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1e308,
    "",
    "\ud800",
    "\x00\x1b[2J\u202e",
    "<p" * 50,
    "sha256:" + "g" * 64,
    "9999-99-99T99:99:99Z",
    "application/vnd.oci.image.index.v1+json",
    [],
    {},
    [[]],
    {"": None},
    ["x"] * 1_200,
    {f"k{number}": "v" for number in range(1_200)},
]
CONTENT_TYPES = [*media_types.MANIFEST_TYPES, "", "text/html; charset=utf-8", "a/b" * 9_000]


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


def mutated_value(chance: random.Random, value: Any) -> Any:
    """Return a JSON value with some part of it replaced, repeated or left out."""
    if chance.random() < 0.12 or not isinstance(value, (dict, list)) or not value:
        return chance.choice(LEAVES)
    if isinstance(value, list):
        items = list(value)
        place = chance.randrange(len(items))
        items[place] = mutated_value(chance, items[place])
        return items * chance.choice((1, 1, 1, 40))
    pairs = dict(value)
    key = chance.choice(list(pairs))
    changed = mutated_value(chance, pairs.pop(key))
    if chance.random() < 0.9:
        pairs[key.swapcase() if chance.random() < 0.1 else key] = changed
    return pairs


def mutated_body(chance: random.Random, body: bytes | None) -> bytes | None:
    """Return a body with bytes or values changed, or not at all."""
    if body is None or chance.random() < 0.3:
        return body
    if chance.random() < 0.3:
        place = chance.randrange(len(body))
        noise = chance.choice((b"", b"\xff", b'"', b"[" * 80, b"{", b"\\ud83d", b"\x00"))
        return body[:place] + noise + body[place + chance.randrange(4) :]
    value = json.loads(body)
    for _ in range(chance.randrange(1, 4)):
        value = mutated_value(chance, value)
    return json.dumps(value).encode()


def mutated(chance: random.Random, content: Content) -> Content:
    """Return ``content`` with its parts changed independently; digests no longer match."""
    is_retyped = chance.random() < 0.3
    return Content(
        digest=content.digest,
        content_type=chance.choice(CONTENT_TYPES) if is_retyped else content.content_type,
        body=mutated_body(chance, content.body) or b"",
        config=mutated_body(chance, content.config),
        children=tuple(mutated(chance, part) for part in content.children if chance.random() < 0.9),
    )


def assert_bounded(found: Facts) -> None:
    """Every text of a field fits its limit, is printable and can be encoded."""
    fields = asdict(found)
    raw = (fields.pop("labels"), fields.pop("annotations"))
    assert all(len(pairs) <= 1_000 for pairs in raw)
    assert all(len(key) <= 1_024 and len(pairs[key]) <= 65_536 for pairs in raw for key in pairs)
    json.dumps([fields, raw], default=str, ensure_ascii=False).encode()
    assert 0 <= found.size_bytes < 2**63
    for name, value in fields.items():
        if isinstance(value, str):
            assert len(value) <= 4_096, name
        elif isinstance(value, tuple):
            assert len(value) <= 1_000, name
    shown = (found.title, found.description, found.summary, found.version, found.artifact_name)
    assert all(text.isprintable() for text in (*shown, *found.keywords, *found.licenses))
    assert all(platform.is_real and str(platform).isascii() for platform in found.platforms)


def test_no_mutation_of_real_content_raises_or_grows() -> None:
    chance = random.Random(20261123)
    valid = seeds()
    kinds = set()
    for _ in range(2_500):
        content = mutated(chance, chance.choice(valid))
        manifest = parse_manifest(content.body, content_type=content.content_type)
        assert len(manifest.warnings) <= 100
        config_descriptor(manifest)
        found = facts(content)
        assert_bounded(found)
        kinds.add(manifest.kind)
    assert len(kinds) == 5, "the mutations no longer reach every shape"


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
