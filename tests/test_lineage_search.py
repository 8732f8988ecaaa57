"""Searching by lineage, and inherited labels, through the whole indexer and any kill."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.errors import QueryError
from indexer.extract import EXTRACT_VERSION
from indexer.model.document import DocumentType
from indexer.model.event import Command
from indexer.store import KEYS_MAX
from search_api.search.rewrite import resolve_lineage
from tests.builders import BuiltManifest, image, index
from tests.indexer.stepping import KilledError, Stepping
from tests.indexer.store.lineage.test_related import (
    AGAIN,
    BASE,
    BASE_AMD,
    BASE_ARM,
    LEAF,
    LEAF2,
    LEAF_AMD,
    MIDDLE,
    SINGLE,
)
from tests.lineage_builders import diff_ids, layer_digests, relabelled
from tests.search_api.query.asking import parsed
from tests.series import series

pytestmark = pytest.mark.anyio

LATER = timedelta(days=2)
OTHER = image(
    seed="other", labels={"org.opencontainers.image.base.name": "docker.io/library/Alpine:3"}
)
PLACES: list[tuple[str, str, str, BuiltManifest]] = [
    ("hub", "team/leaf", "1", LEAF),
    ("hub", "team/leaf2", "1", LEAF2),
    ("hub", "team/middle", "1", MIDDLE),
    ("hub", "team/middle", "again", AGAIN),
    ("hub", "base", "1.0", BASE),
    ("hub", "base", "latest", BASE),
    ("hub", "other", "1", OTHER),
    ("mirror", "copies/leaf", "one", LEAF),
    ("mirror", "single", "x", SINGLE),
]
ABOVE_MIDDLE = {"team/leaf", "team/leaf2", "copies/leaf"}
ABOVE_BASE = ABOVE_MIDDLE | {"team/middle", "single"}


@pytest.fixture
async def family(tmp_path: Path) -> AsyncIterator[Stepping]:
    """The family in two registries, crawled and indexed."""
    async with Stepping(tmp_path, "hub", "mirror") as opened:
        for registry, repository, tag, built in PLACES:
            opened.registries[registry].put(repository, built, tag=tag)
        await bring_up_to_date(opened)
        yield opened


async def bring_up_to_date(stepping: Stepping) -> None:
    for name in stepping.registries:
        await stepping.crawl(name)
    await stepping.index()


def ask(stepping: Stepping, text: str, kind: DocumentType = DocumentType.IMAGE) -> set[str]:
    """Return the repositories of all hits."""
    live = stepping.store.search_index.live()
    assert live is not None
    query = resolve_lineage(parsed(text), stepping.store.lineage_keys)
    reader = stepping.engine.open_reader(live.generation)
    try:
        page = reader.search(query, document_type=kind, limit=100)
        return {hit.result["repository"] for hit in page.hits}
    finally:
        reader.close()


MIDDLE_LAYER, LEAF_LAYER = layer_digests(AGAIN)[-1], layer_digests(LEAF_AMD)[-1]
QUESTIONS = [
    ("base:base", ABOVE_BASE),
    ("base:BASE", ABOVE_BASE),
    ("base:r.example/base", set()),
    ("base:hub.test/base", ABOVE_BASE),
    ("base:mirror.test/base", set()),
    ("base:base:1.0", ABOVE_BASE),
    ("base:base:LATEST", ABOVE_BASE),
    ("base:base:2", set()),
    ("base:middle", ABOVE_MIDDLE),
    ("base:team/middle:again", ABOVE_MIDDLE),
    ("base:team/*", ABOVE_MIDDLE),
    ("base:team/leaf", set()),
    (f"base:{BASE.digest}", ABOVE_BASE),
    (f"base:{BASE_ARM.digest}", ABOVE_BASE - {"team/leaf2"}),
    (f"base:{BASE_AMD.digest[:19]}", ABOVE_BASE - {"single"}),
    (f"base:base@{BASE.digest}", ABOVE_BASE),
    (f"base:{OTHER.digest}", set()),
    ("base:alpine", {"other"}),
    ("base:library/alpine:3", {"other"}),
    ("base:alp*", {"other"}),
    ("base:ubuntu", set()),
    ("baseof:team/leaf", {"base", "team/middle"}),
    ("baseof:leaf2:1", {"base", "team/middle"}),
    ("baseof:mirror.test/copies/leaf:one", {"base", "team/middle"}),
    (f"baseof:{LEAF2.digest}", {"base", "team/middle"}),
    ("baseof:single", {"base"}),
    ("baseof:base", set()),
    ("baseof:nowhere:1", set()),
    (f"layer:{layer_digests(BASE_AMD)[0]}", {"base", "team/leaf", "team/middle", "copies/leaf"}),
    (f"layer:{diff_ids(BASE_AMD)[0]}", (ABOVE_BASE | {"base"}) - {"single"}),
    (f"layer:{layer_digests(AGAIN)[0]}", {"team/middle", "team/leaf2"}),
    (f"layer:{LEAF_LAYER[7:19]}", {"team/leaf", "copies/leaf"}),
    (f"layer:{'0' * 64}", set()),
    # Together with others
    ("base:base registry:mirror", {"copies/leaf", "single"}),
    ("base:base -base:middle", {"team/middle", "single"}),
    ("base:middle OR base:alpine", ABOVE_MIDDLE | {"other"}),
    (f"base:base layer:{MIDDLE_LAYER} -leaf", {"team/middle"}),
    ("base:base arch:arm64 NOT arch:amd64", {"single"}),
]


@pytest.mark.parametrize("kind", [DocumentType.REPOSITORY, DocumentType.IMAGE])
async def test_questions_have_the_answers_listed_by_hand(
    family: Stepping, kind: DocumentType
) -> None:
    for text, expected in QUESTIONS:
        # What is not to match means no image of a repository may: its tags differ.
        if kind is DocumentType.IMAGE or "NOT" not in text:
            assert ask(family, text, kind) == expected, text


async def test_rebuilding_changes_no_answer(family: Stepping) -> None:
    documents = family.documents()
    await family.rebuild()
    assert family.documents() == documents
    for text, expected in QUESTIONS:
        assert ask(family, text) == expected, text


async def test_a_base_that_is_tagged_anew_is_another_base_at_once(family: Stepping) -> None:
    """No document of a derived image has to be made again for that."""
    newer = index([image(seed="newer"), image(seed="newer", architecture="arm64")])
    new_leaf = image(seed="on newer", layers=1, base=newer.children[0])
    family.registries["hub"].put("base", newer, tag="latest")
    family.registries["hub"].put("new", new_leaf, tag="1")
    await bring_up_to_date(family)
    assert ask(family, "base:base:latest") == {"new"}
    assert ask(family, "base:base:1.0") == ABOVE_BASE
    assert ask(family, "base:base") == ABOVE_BASE | {"new"}
    assert ask(family, "baseof:new") == {"base"}


async def test_a_hidden_base_is_no_base_by_name_and_is_by_digest(family: Stepping) -> None:
    for tag in ("1.0", "latest"):
        family.registries["hub"].delete_tag("base", tag, notify=False)
    await bring_up_to_date(family)
    assert ask(family, "base:base") == set()
    assert ask(family, f"base:{BASE.digest}") == ABOVE_BASE
    assert ask(family, "baseof:leaf2") == {"team/middle"}


async def test_a_condition_that_means_too_much_is_refused(family: Stepping) -> None:
    class Many(type(family.store.lineage_keys)):  # type: ignore[misc]
        def find_bases(self, *_: object, **__: object) -> list[str]:
            return [str(number) for number in range(KEYS_MAX + 1)]

    with pytest.raises(QueryError, match="base:x means more than"):
        resolve_lineage(parsed("a (base:x OR b)"), Many(family.store._database, {}))


# What is inherited


LABELS = {
    "org.opencontainers.image.title": "Groundwork",
    "org.opencontainers.image.vendor": "Example Ltd",
    "org.opencontainers.image.version": "22.04",
}
GROUND = relabelled(BASE_AMD, LABELS)
SHOP = relabelled(LEAF_AMD, LABELS | {"org.opencontainers.image.description": "The shop"})


def result(stepping: Stepping, repository: str) -> dict[str, object]:
    [found] = [
        hit.result
        for hit in stepping.hits(DocumentType.IMAGE)
        if hit.result["repository"] == repository
    ]
    return dict(found)


@pytest.mark.parametrize("base_first", [True, False])
async def test_inherited_labels_are_marked_and_found_as_conditions_only(
    tmp_path: Path, base_first: bool
) -> None:
    async with Stepping(tmp_path) as stepping:
        order = [("ground", GROUND), ("shop", SHOP)]
        for repository, built in order if base_first else order[::-1]:
            stepping.registry.put(repository, built, tag="stable")
            await bring_up_to_date(stepping)
        shop = result(stepping, "shop")
        assert (shop["title"], shop["version"]) == ("shop", "")
        assert shop["inherited_labels"] == list(LABELS)
        assert shop["labels"] == SHOP.config["config"]["Labels"]
        assert ask(stepping, "groundwork") == {"ground"}
        assert ask(stepping, "22.04") == {"ground"}
        assert ask(stepping, '"example ltd"') == {"ground"}
        assert ask(stepping, "label:org.opencontainers.image.version=22.04") == {"ground", "shop"}
        documents = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == documents


async def test_a_hundred_derived_images_follow_their_base_in_steps(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        for number in range(100):
            leaf = image(seed=f"leaf {number}", layers=1, base=GROUND, labels=LABELS)
            stepping.registry.put(f"leaf{number % 10}", leaf, tag=f"v{number}")
        await bring_up_to_date(stepping)
        assert len(ask(stepping, "groundwork")) == 10
        stepping.registry.put("ground", GROUND, tag="1")
        await bring_up_to_date(stepping)
        assert ask(stepping, "groundwork") == {"ground"}
        documents = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == documents


@pytest.mark.parametrize("seed", series(range(6), short=2))
async def test_in_whatever_order_a_family_comes_and_goes_live_is_as_rebuilt(
    tmp_path: Path, seed: int
) -> None:
    some = random.Random(seed)
    content = [GROUND, SHOP, BASE, MIDDLE, LEAF, LEAF2, relabelled(AGAIN, LABELS), SINGLE]
    async with Stepping(tmp_path, interval=LATER) as stepping:
        repositories = stepping.registry.content.repositories
        for _ in range(14):
            repository = f"r{some.randrange(4)}"
            tag = some.choice("ab")
            if some.random() < 0.7:
                stepping.registry.put(repository, some.choice(content), tag=tag)
            elif (held := repositories.get(repository)) and tag in held.tags:
                stepping.registry.delete_tag(repository, tag, notify=False)
            if some.random() < 0.3:
                stepping.forget(hidden_retention=LATER)
                stepping.clock.advance(2 * LATER.total_seconds())
                stepping.forget(hidden_retention=LATER)
            await bring_up_to_date(stepping)
        documents = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == documents


# Deriving again


async def test_extracting_again_reads_nothing_and_changes_nothing(family: Stepping) -> None:
    documents = family.documents()
    requests = {name: len(one.requests) for name, one in family.registries.items()}
    before = family.store.search_index.live()
    family.deliver(Command.EXTRACT)
    await family.enqueue_refreshes()
    assert family.store.extraction.progress() is not None
    await family.index()
    assert family.documents() == documents
    assert {name: len(one.requests) for name, one in family.registries.items()} == requests
    assert family.store.extraction.progress() is None
    assert family.store.search_index.rebuild() is None
    after = family.store.search_index.live()
    assert after is not None
    assert before is not None
    assert after.generation != before.generation


def spoil(stepping: Stepping) -> None:
    """Make a store as an older version would have left it: nothing derived but children."""
    with stepping.store.transaction():
        execute = stepping.store._database.execute
        execute("UPDATE extraction SET version = ?", [EXTRACT_VERSION - 1])
        for table in ("manifest_chains", "diff_chains", "diff_prefixes", "blob_chains"):
            execute(f"DELETE FROM {table}")
        execute("DELETE FROM blob_prefixes")


async def test_after_an_upgrade_it_happens_by_itself(family: Stepping) -> None:
    documents = family.documents()
    spoil(family)
    await family.reopen()
    await family.indexing.generations.open()
    family._is_healed = True
    assert family.store.extraction.progress() is not None
    assert family.documents() == documents, "what is there is served meanwhile"
    await family.index()
    assert family.store.extraction.is_current()
    assert family.documents() == documents
    for text, expected in QUESTIONS:
        assert ask(family, text) == expected, text


async def test_a_kill_before_any_transaction_of_it_is_made_good(family: Stepping) -> None:
    documents = family.documents()
    deaths, number = 0, 0
    while True:
        number += 1
        spoil(family)
        await family.reopen(dies_at=number)
        try:
            await family.index()
            died = False
        except KilledError:
            died = True
        await family.reopen()
        await family.index()
        assert family.documents() == documents
        assert family.store.extraction.is_current()
        assert family.store.extraction.progress() is None
        assert family.store.search_index.rebuild() is None
        for text, expected in QUESTIONS[:12]:
            assert ask(family, text) == expected, text
        if not died:
            break
        deaths += 1
    assert deaths >= 4, "asking, deriving, rebuilding, swapping"
