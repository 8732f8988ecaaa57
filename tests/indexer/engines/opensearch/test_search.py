"""Searching in a cluster where its limits come near: many names, values, words and wildcards."""

from contextlib import closing

import orjson
import pytest

from indexer.engines.opensearch import OpenSearchEngine
from indexer.engines.opensearch.engine import OpenSearchReader
from indexer.engines.opensearch.match import RemoteView, RightsSets
from indexer.engines.opensearch.rank import scored
from indexer.engines.ranking import make_plan
from indexer.errors import QueryError
from indexer.model import (
    And,
    Everything,
    Not,
    Or,
    Phrase,
    Visible,
    Wildcard,
    Word,
    make_rights,
)
from tests.indexer.engines.conformance.comparison import Search, check
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.conformance.index import REPOSITORY, Index


@pytest.fixture
def index(engine: OpenSearchEngine) -> "Index":
    return Index(engine)


def test_rights_to_more_names_than_one_set_has_are_several_sets(index: Index) -> None:
    names = [f"team/app{n}" for n in range(70_000)]
    rights = make_rights([], {"registry.example": names})
    with closing(index):
        index.apply([document(name) for name in ("team/app0", "team/app69999", "other")])
        assert len(RightsSets().get(rights)) == 2
        for query in (Visible(rights), And((Word("app"), Visible(rights)))):
            check(index, Search(query, limit=5))
        assert index.found(Not(Visible(rights))) == ["other"]


def test_rights_that_were_not_used_for_long_are_forgotten() -> None:
    sets = RightsSets(most_bytes=4_000)
    rights = [make_rights([], {"main": [f"team{n}/{'x' * 1_000}"]}) for n in range(9)]
    for one in (*rights, *rights[::-1]):
        assert len(sets.get(one)) == 1
    assert sum(len(text) for kept in sets._kept.values() for text in kept) <= 4_000
    assert rights[0].key in sets._kept
    large = make_rights([], {"main": ["x" * 10_000]})
    assert len(sets.get(large)) == 1
    assert list(sets._kept) == [large.key]


def test_more_values_of_a_facet_than_one_answer_has_are_all_counted(index: Index) -> None:
    key = f"label:{'k' * 1_200}"
    with closing(index):
        index.apply(
            [
                document(
                    f"web{n}",
                    facets=frozenset(
                        {("vendor", f"v{n:05}"), ("label:a", f"w{n:05}"), (key, f"x{n % 3}")}
                    ),
                )
                for n in range(2_300)
            ]
        )
        check(index, Search(Word("web2"), limit=1000, facets=("vendor", "label:a", key)))
        page = index.reader.search(
            Everything(), document_type=REPOSITORY, limit=0, facets=("vendor", "label:a", key)
        )
        assert [page.facets[one].others for one in page.facets] == [2_250, 2_250, 0]
        assert page.facets["vendor"].values[0].value == "v00000"
        assert [value.count for value in page.facets[key].values] == [767, 767, 766]


@pytest.mark.parametrize(
    "pattern", ["*w????????", "*w*?*?*?*?*?*?", "w?b*-*?????????", "*?*?*?*?*"]
)
def test_patterns_of_many_wildcards_are_found_like_others(index: Index, pattern: str) -> None:
    with closing(index):
        index.apply([document("a-web-application"), document("web"), document("w-b-0123456789")])
        check(index, Search(Wildcard(pattern), limit=9))


def test_as_many_words_as_a_query_may_have_are_ranked(index: Index) -> None:
    words = [f"word{n}" for n in range(64)]
    with closing(index):
        index.apply(
            [
                document("all", description=(" ".join(words),)),
                document("most", description=(" ".join(words[:60]),), labels=("word1 word1",)),
                document("word0/word1", description=("word2",), prominence=7),
                document("none"),
            ]
        )
        every = tuple(map(Word, words))
        check(index, Search(And(every), limit=9))
        check(index, Search(Or(every), limit=9))
        meaning = Word("word0", (Word("word1"), Phrase(("word2", "word3"))), (Word("word4"),))
        check(index, Search(Or((meaning, *every)), limit=2))


@pytest.mark.parametrize("number", [2, 64, 120])
def test_impacts_of_many_words_are_no_more_clauses_than_a_cluster_allows(
    index: Index, number: int
) -> None:
    words = [Word(f"word{n}") for n in range(number)]
    own, others = words[0].text, tuple(words[1:])
    with closing(index):
        text = " ".join(word.text for word in words)
        index.apply([document("some", description=(text,)), document(f"{own}/other")])
        queries = (And(tuple(words)), Word(own, others), Word(own, others[:9], others[9:]))
        for query in queries:
            check(index, Search(query, limit=9))


def test_words_that_no_document_has_are_not_looked_for(index: Index) -> None:
    """Most other forms of a word are nowhere. Each of their digits would cost a look-up."""
    with closing(index):
        index.apply([document("web", description=("serves", "gone"))])
        index.apply([document("web", description=("serves",))])
        assert isinstance(index.reader, OpenSearchReader)
        view = index.reader._indexes[REPOSITORY]
        assert isinstance(view, RemoteView)
        forms = [f"serve{n}" for n in range(20_000)]
        assert view.known(["serves", "web", "gone", *forms]) == {"serves", "web", "gone"}
        query = Word("web", (Word("serves"), Word("serving")))
        body = orjson.dumps(scored(view, make_plan(query)))
        assert b'"impact.serves:0"' in body
        assert b'"impact.serving:0"' not in body
        check(index, Search(query, limit=9))


def test_more_than_a_cluster_takes_is_the_mistake_of_the_query(index: Index) -> None:
    words = tuple(
        Word(f"word{n}", tuple(Word(f"other{n}-{m}") for m in range(40))) for n in range(64)
    )
    with closing(index):
        index.apply([document("web")])
        with pytest.raises(QueryError, match="too many words"):
            index.found(And(words))
        assert index.found(Word("web")) == ["web"]
