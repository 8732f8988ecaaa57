"""A corpus is the same each time, valid to the last digest, and as varied as its size says."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench.corpus.artifacts import KINDS
from bench.corpus.corpus import Corpus, Made, Tagged
from bench.corpus.layers import Layers
from bench.corpus.plan import CRAWLED_AT, PLATFORMS, WINDOWS, Attached, Plan, Role
from bench.corpus.planning import plan_corpus
from bench.corpus.sizes import ARTIFACT_SHARE, PLATFORMS_PER_INDEX, SIZES, TAGS_PER_DIGEST, Size
from indexer.extract import BUILT_IN, extract
from indexer.model import Content
from indexer.model.manifest import parse_manifest
from indexer.model.names import is_system_tag, parse_repository_name, parse_tag
from tests.bench.corpus.sizes import SHARING, TINY

FINGERPRINT = "459ca2b3e66d9b7d"
"""Of everything in the tiny corpus. Figures of before and after a change of it do not compare."""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(TINY)


def everything(corpus: Corpus) -> Iterator[tuple[Plan, Tagged]]:
    for plan in corpus.repositories:
        for tagged in corpus.content(plan):
            yield plan, tagged


def fingerprint(corpus: Corpus) -> str:
    found = [(plan.name, t.tags, t.manifest.digest) for plan, t in everything(corpus)]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def test_a_seed_gives_the_same_digests_on_every_machine(corpus: Corpus) -> None:
    assert fingerprint(corpus) == FINGERPRINT


def test_another_seed_gives_others(corpus: Corpus) -> None:
    assert fingerprint(Corpus(TINY, seed="2")) != fingerprint(corpus)


def test_a_repository_is_the_same_whatever_was_made_before(corpus: Corpus) -> None:
    for plan in Corpus(TINY).repositories[::-7]:
        alone = [t.manifest.digest for t in Corpus(TINY).content(plan)]
        assert alone == [t.manifest.digest for t in corpus.content(plan)]


@pytest.mark.parametrize("size", [TINY, SHARING], ids=lambda size: str(size.name))
def test_digests_sizes_and_media_types_are_true(size: Size) -> None:
    for _, tagged in everything(Corpus(size)):
        for made in tagged.manifest.all():
            check(made)


def check(made: Made) -> None:
    assert made.digest == f"sha256:{hashlib.sha256(made.body).hexdigest()}"
    manifest = parse_manifest(made.body, content_type=made.media_type)
    assert (manifest.media_type, manifest.warnings) == (made.media_type, ())
    if made.config:
        digest, body = made.config
        assert digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
        assert manifest.config
        assert (manifest.config.digest, manifest.config.size_bytes) == (digest, len(body))
        assert manifest.config.media_type == made.config_type
        json.loads(body)
    listed = [(d.media_type, d.digest, d.size_bytes) for d in manifest.children]
    assert listed == [(m.media_type, m.digest, len(m.body)) for m in made.children]


def test_all_content_is_read_without_warnings(corpus: Corpus) -> None:
    def content(made: Made) -> Content:
        config = made.config[1] if made.config else None
        return Content(
            made.digest, made.media_type, made.body, config, tuple(map(content, made.children))
        )

    for plan, tagged in everything(corpus):
        facts = extract(content(tagged.manifest), now=CRAWLED_AT, kinds=BUILT_IN)
        assert facts.warnings == (), plan
        if not is_system_tag(tagged.tags[0]) and plan.role is not Role.ARTIFACT:
            assert (facts.kind, len(facts.platforms)) == ("image", len(plan.platforms))
            assert facts.created_at


def test_names_and_tags_are_those_that_registries_allow_and_not_twice(corpus: Corpus) -> None:
    names = [parse_repository_name(plan.name) for plan in corpus.repositories]
    assert len(names) == len(set(names)) == 40
    for plan in corpus.repositories:
        tags = [parse_tag(tag) for tagged in corpus.content(plan) for tag in tagged.tags]
        assert len(tags) == len(set(tags))
        assert sum(not is_system_tag(tag) for tag in tags) == plan.tags


def test_an_image_has_the_layers_history_and_labels_of_its_base_first(corpus: Corpus) -> None:
    layers = Layers(corpus.repositories, builds_per_config=1)
    checked = 0
    for plan in corpus.repositories:
        base = layers.base(plan, 0) if plan.role is not Role.ARTIFACT else None
        if base is None:
            continue
        above, below = images(corpus.build(plan, 0)), images(corpus.build(*base))
        for own, under in zip(above, below, strict=False):
            assert (own["architecture"], own["os"]) == (under["architecture"], under["os"])
            count = len(under["rootfs"]["diff_ids"])
            assert own["rootfs"]["diff_ids"][:count] == under["rootfs"]["diff_ids"]
            assert len(own["rootfs"]["diff_ids"]) == count + plan.own_layers
            assert own["history"][: len(under["history"])] == under["history"]
            assert set(under["config"]["Labels"]) <= set(own["config"]["Labels"])
            assert own["config"]["Env"][: len(under["config"]["Env"])] == under["config"]["Env"]
            checked += 1
    assert checked > 20


def images(made: Made) -> list[dict[str, Any]]:
    """Return the configs of an image's platforms."""
    found = [json.loads(one.config[1]) for one in made.all() if one.config]
    return [config for config in found if config["os"] != "unknown"]


def test_builds_share_their_first_layers_and_every_history_fits_its_layers(corpus: Corpus) -> None:
    plan = max(corpus.repositories, key=lambda plan: plan.builds * (plan.own_layers > 3))
    newest, before = (parse_manifest(first_image(corpus, plan, n).body) for n in (0, 1))
    shared = {layer.digest for layer in newest.layers} & {layer.digest for layer in before.layers}
    assert 0 < len(shared) < len(newest.layers)
    for _, tagged in everything(corpus):
        for made in tagged.manifest.all():
            config = json.loads(made.config[1]) if made.config else {}
            if config.get("history") and config["architecture"]:
                layered = [h for h in config["history"] if not h.get("empty_layer")]
                layers = parse_manifest(made.body).layers
                assert len(layered) == len(config["rootfs"]["diff_ids"]) == len(layers)


def first_image(corpus: Corpus, plan: Plan, build: int) -> Made:
    made = corpus.build(plan, build)
    return made.children[0] if made.children else made


def test_bodies_are_about_as_large_as_real_ones() -> None:
    """A manifest of 8 layers has 1.5 KB, its config of 8 layers and 16 entries 7.6 KB."""
    corpus = Corpus("small")
    sizes = []
    for plan in corpus.repositories:
        made = first_image(corpus, plan, 0)
        if plan.role is Role.LEAF and len(parse_manifest(made.body).layers) == 8 and made.config:
            sizes.append((len(made.body), len(made.config[1])))
    manifests, configs = zip(*sizes, strict=True)
    assert 1_300 < sum(manifests) / len(sizes) < 1_900
    assert 5_500 < sum(configs) / len(sizes) < 9_500


@pytest.mark.parametrize("name", ["small", "primary"])
def test_what_is_planned_has_the_shares_that_are_asked_for(name: str) -> None:
    size = SIZES[name]
    plans = plan_corpus(size, "1").repositories
    builds = sum(plan.builds for plan in plans)
    assert sum(plan.tags for plan in plans) / builds == pytest.approx(TAGS_PER_DIGEST, rel=0.01)
    indexes = [plan for plan in plans if plan.is_index]
    children = sum(plan.builds * len(plan.platforms) for plan in indexes)
    mean = children / sum(plan.builds for plan in indexes)
    assert mean == pytest.approx(PLATFORMS_PER_INDEX, rel=0.02)
    artifacts = sum(plan.builds for plan in plans if plan.role is Role.ARTIFACT) / builds
    assert artifacts == pytest.approx(ARTIFACT_SHARE, abs=0.005)
    signed = Counter(plan.attached for plan in plans)
    assert signed[Attached.COSIGN]
    assert signed[Attached.REFERRERS]
    attested = sum(plan.builds * len(plan.platforms) for plan in plans if plan.is_attested)
    assert attested > builds


def test_a_base_offers_every_platform_that_is_built_on_it() -> None:
    plans = plan_corpus(SIZES["primary"], "1").repositories
    for plan in plans:
        if plan.parent is not None:
            parent = plans[plan.parent]
            assert parent.number < plan.number
            assert set(plan.platforms) <= set(parent.platforms)
    assert {platform for plan in plans for platform in plan.platforms} == {*PLATFORMS, *WINDOWS}
    assert {plan.kind for plan in plans if plan.role is Role.ARTIFACT} == set(range(len(KINDS)))


def test_rebuilds_that_share_a_config_are_manifests_of_their_own() -> None:
    corpus = Corpus(SHARING)
    plan = max(
        (plan for plan in corpus.repositories if plan.role is Role.LEAF and not plan.is_docker),
        key=lambda plan: plan.builds,
    )
    made = [first_image(corpus, plan, build) for build in range(8)]
    assert len({one.digest for one in made}) == 8
    assert len({one.config for one in made}) == 2
