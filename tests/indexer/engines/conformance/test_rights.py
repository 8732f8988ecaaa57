"""Rights in queries: answers are those of an index that holds only what may be seen."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.engines import Engine
from indexer.model import (
    ALL_RIGHTS,
    NO_RIGHTS,
    And,
    Document,
    DocumentType,
    Everything,
    Not,
    Or,
    Query,
    Rights,
    Sort,
    Visible,
    Word,
    make_rights,
)
from tests.indexer.engines.conformance.comparison import (
    GROUPS,
    Search,
    check,
    random_search,
    read_page,
)
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.conformance.generator import document, random_document
from tests.indexer.engines.conformance.index import REPOSITORY, Index
from tests.indexer.engines.conformance.rights import random_rights

ALIKE = ["web", "Web", "wéb", "ｗeb", "web/api", "web-api", "we", "webs"]
"""Names of which the first four fold to the same."""
REGISTRIES = ["main", "Main", "other"]


def placed(documents: Sequence[Document]) -> list[tuple[str, str]]:
    return sorted((one.key.registry, one.key.repository) for one in documents)


def seen(index: Index, rights: Rights, *queries: Query) -> list[tuple[str, str]]:
    """The registries and repositories that a search finds."""
    page = index.reader.search(
        And((*queries, Visible(rights))), document_type=REPOSITORY, limit=1000
    )
    return placed([index.documents[hit.id] for hit in page.hits])


@contextmanager
def holding(engine: Engine, documents: Sequence[Document]) -> Iterator[Index]:
    """A generation with some documents and nothing else."""
    engine.create("one")
    with closing(Index(engine)) as index:
        index.apply(documents)
        yield index


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_an_index_without_what_may_not_be_seen(
    index: Index, tmp_path: FilePath, seed: int
) -> None:
    random = Random(seed)
    for _ in range(4):
        index.apply([random_document(random) for _ in range(40)])
    for number in range(6):
        documents = list(index.documents.values())
        rights = random_rights(random, documents)
        visible = [one for one in documents if rights.sees(one.key.registry, one.key.repository)]
        engine = ALL_ENGINES[index.engine.name](tmp_path / f"other{number}")
        with holding(engine, visible) as other:
            for _ in range(8):
                search = random_search(random)
                restricted = replace(search, query=And((search.query, Visible(rights))))
                assert read_page(index, restricted) == read_page(other, search)
                assert index.reader.newest(
                    restricted.query, GROUPS, document_type=REPOSITORY
                ) == other.reader.newest(search.query, GROUPS, document_type=REPOSITORY)
            for word in ("ngnix", "weeb", "postgers"):
                assert index.reader.spellings(
                    word, document_type=REPOSITORY, limit=9, within=Visible(rights)
                ) == other.reader.spellings(word, document_type=REPOSITORY, limit=9)


def test_names_that_fold_alike_are_seen_apart(index: Index) -> None:
    index.apply(
        [
            document(name, registry=registry, description=("proxy",))
            for registry in REGISTRIES
            for name in ALIKE
        ]
    )
    for registry in REGISTRIES:
        for name in ALIKE:
            assert seen(index, make_rights([], {registry: [name]})) == [(registry, name)]
        everything = make_rights([registry])
        assert seen(index, everything) == sorted((registry, name) for name in ALIKE)
    rights = make_rights([], {"main": ["Web"], "Main": ["web"]})
    assert seen(index, rights, Word("web")) == [("Main", "web"), ("main", "Web")]
    page = index.reader.search(
        And((Not(Word("web")), Visible(rights))), document_type=REPOSITORY, limit=9
    )
    assert page.total == 0


PLACES = st.tuples(st.sampled_from(REGISTRIES), st.sampled_from(ALIKE))


@pytest.mark.parametrize("engine_name", ALL_ENGINES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    held=st.lists(st.sets(PLACES), min_size=1, max_size=3),
    removed=st.sets(PLACES),
    whole=st.sets(st.sampled_from([*REGISTRIES, "gone"])),
    single=st.dictionaries(
        st.sampled_from([*REGISTRIES, "gone"]), st.sets(st.sampled_from([*ALIKE, "", "\n", "x y"]))
    ),
)
def test_any_rights_see_their_repositories_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    engine_name: str,
    held: list[set[tuple[str, str]]],
    removed: set[tuple[str, str]],
    whole: set[str],
    single: dict[str, set[str]],
) -> None:
    """Whatever the batches in which repositories come, and some of them go again."""
    rights = make_rights(whole, single)
    with holding(ALL_ENGINES[engine_name](tmp_path_factory.mktemp("index")), []) as index:
        for batch in held:
            index.apply([document(name, registry=registry) for registry, name in batch])
        index.apply([], [document(name, registry=one).key.id for one, name in removed])
        places = set().union(*held) - removed
        expected = sorted(place for place in places if rights.sees(*place))
        assert seen(index, rights) == expected
        assert index.reader.count(REPOSITORY, Visible(rights)) == len(expected)
        hidden = index.reader.count(REPOSITORY, Not(Visible(rights)))
        assert hidden == len(places) - len(expected)


def test_what_comes_later_is_seen_as_soon_as_it_is_searchable(index: Index) -> None:
    """Rights are kept for a commit only: the next one may hold what they name."""
    rights = make_rights(["main"], {"other": ["web", "not/yet"]})
    most = make_rights([], {"other": ["web", "api", "proxy"]})
    index.apply([document(name, registry="other") for name in ("web", "api", "proxy", "db")])
    assert seen(index, rights) == [("other", "web")]
    assert seen(index, most) == [("other", "api"), ("other", "proxy"), ("other", "web")]
    index.apply([document("new", registry="main"), document("not/yet", registry="other")])
    assert seen(index, rights) == [("main", "new"), ("other", "not/yet"), ("other", "web")]
    assert seen(index, most) == [("other", "api"), ("other", "proxy"), ("other", "web")]
    index.apply([], ["db other", "api other", "not/yet other"])
    assert seen(index, rights) == [("main", "new"), ("other", "web")]
    assert seen(index, most) == [("other", "proxy"), ("other", "web")]


def test_all_documents_of_a_repository_are_seen_images_too(index: Index) -> None:
    random = Random(4)
    images = [random_document(random, is_image=True) for _ in range(60)]
    index.writer.apply(DocumentType.IMAGE, images, [])
    index.reader.refresh()
    chosen = images[0].key
    rights = make_rights([], {chosen.registry: [chosen.repository]})
    page = index.reader.search(Visible(rights), document_type=DocumentType.IMAGE, limit=100)
    assert {hit.id for hit in page.hits} == {
        one.key.id
        for one in images
        if (one.key.registry, one.key.repository) == (chosen.registry, chosen.repository)
    }


def test_rights_beside_a_query_change_no_score(index: Index) -> None:
    index.apply([random_document(Random(6)) for _ in range(80)])
    for query in (Word("nginx"), Or((Word("web"), Word("nginx"))), Everything()):
        for rights in (ALL_RIGHTS, make_rights(["one.example", "two.example", "Two.example"])):
            restricted = And((query, Visible(rights)))
            for sort in Sort:
                assert read_page(index, Search(restricted, 40, sort)) == read_page(
                    index, Search(query, 40, sort)
                )
        check(index, Search(And((query, Visible(NO_RIGHTS))), limit=3))
