"""Searching with Whoosh: against a brute-force oracle, and by name."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from random import Random

import pytest

from indexer.engines import IndexReader
from indexer.engines.whoosh import WhooshEngine
from indexer.engines.whoosh_match import EXPANDED_KEYWORDS_MAX
from indexer.errors import QueryError
from indexer.model.document import Document, DocumentType
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Word,
)
from tests.indexer.engines import oracle
from tests.indexer.engines.generator import document, random_document, random_query

REPOSITORY = DocumentType.REPOSITORY
IMAGE = DocumentType.IMAGE


@pytest.fixture
def engine(tmp_path: FilePath) -> WhooshEngine:
    engine = WhooshEngine(tmp_path)
    engine.create("one")
    return engine


class Index:
    """A generation with a writer and a reader, and what should be in it."""

    def __init__(self, engine: WhooshEngine) -> None:
        self.writer = engine.open_writer("one")
        self.reader = engine.open_reader("one")
        self.documents: dict[str, Document] = {}

    def apply(self, documents: Sequence[Document], removed: Sequence[str] = ()) -> None:
        self.writer.apply(REPOSITORY, documents, removed)
        for document_id in removed:
            self.documents.pop(document_id, None)
        self.documents.update((document.key.id, document) for document in documents)
        self.reader.refresh()

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


@pytest.fixture
def index(engine: WhooshEngine) -> Iterator[Index]:
    index = Index(engine)
    yield index
    index.close()


def found(reader: IndexReader, query: Query, *, limit: int = 100) -> list[str]:
    """The repository names of all hits, in order."""
    page = reader.search(query, document_type=REPOSITORY, limit=limit)
    return [hit.result["repository"] for hit in page.hits]


def check(index: Index, query: Query, *, limit: int) -> None:
    """Walk through all pages and compare every score, id, total and result with the oracle."""
    expected = oracle.ranked(query, index.documents.values())
    walked: list[tuple[float, str]] = []
    after = None
    while True:
        page = index.reader.search(query, document_type=REPOSITORY, limit=limit, after=after)
        assert page.total == len(expected), query
        for hit in page.hits:
            assert hit.result == index.documents[hit.id].result
        walked += [(hit.score, hit.id) for hit in page.hits]
        assert walked == expected[: len(walked)], query
        assert page.has_more == (len(walked) < len(expected)), query
        if not page.has_more:
            return
        after = json.loads(json.dumps(walked[-1]))


@pytest.mark.parametrize("seed", range(4))
def test_any_query_finds_what_brute_force_finds_after_any_updates(index: Index, seed: int) -> None:
    """Sets, totals, scores, order and pages equal those of the oracle, whatever was written."""
    random = Random(seed)
    for step in range(14):
        pool = [random_document(random) for _ in range(random.choice([1, 2, 25]))]
        again = random.sample(sorted(index.documents), min(len(index.documents), step))
        removed = again[: len(again) // 2]
        again_changed = [index.documents[found_id] for found_id in again[len(again) // 2 :]]
        index.apply([*pool, *again_changed], [*removed, "nothing registry.example"])
        assert index.reader.count(REPOSITORY) == len(index.documents)
        for _ in range(12):
            check(index, random_query(random), limit=random.choice([1, 3, 10, 1000]))
    assert index.writer.count(REPOSITORY) == len(index.documents)


def test_documents_with_all_words_in_the_name_are_before_all_others(index: Index) -> None:
    """Pages filled from names alone are the same as the full ranking's."""
    random = Random(7)
    index.apply([random_document(random) for _ in range(150)])
    queries: list[Query] = [
        Word("nginx"),
        Word("web"),
        And((Word("nginx"), Word("web"))),
        Or((Word("nginx"), Word("web"), Prefix("web"))),
        Or((Phrase(("web", "api")), Word("web"))),
        And((Word("web"), Not(Word("nginx")), Condition("arch", "amd64"))),
    ]
    for query in queries:
        for limit in (1, 2, 5, 40):
            check(index, query, limit=limit)


def test_many_text_parts_are_ranked_like_few(index: Index) -> None:
    """With so many parts that impacts could bridge a step, the order is still by score."""
    random = Random(8)
    index.apply([random_document(random) for _ in range(60)])
    check(index, Or(tuple(Word(f"web{n}" if n > 1 else "web") for n in range(30))), limit=4)


def test_exact_name_comes_first_then_the_last_component_then_words_then_text(index: Index) -> None:
    index.apply(
        [
            document("zzz", description=("about nginx",)),
            document("xnginxx"),
            document("nginxed"),
            document("a/nginx-ingress"),
            document("team/nginx"),
            document("nginx"),
        ]
    )
    assert found(index.reader, Word("nginx")) == [
        "nginx",
        "team/nginx",
        "a/nginx-ingress",
        "nginxed",
        "zzz",
        "xnginxx",
    ]


def test_equal_scores_are_in_the_order_of_ids(index: Index) -> None:
    index.apply([document(name) for name in ("c", "a", "b")])
    assert found(index.reader, Everything()) == ["a", "b", "c"]
    assert found(index.reader, Or(())) == []


def test_a_score_does_not_depend_on_other_documents(index: Index) -> None:
    index.apply([document("nginx", description=("a web server",))])
    before = index.reader.search(Word("web"), document_type=REPOSITORY, limit=1).hits[0].score
    index.apply([document(f"n{n}", description=("web web",)) for n in range(50)])
    page = index.reader.search(Word("web"), document_type=REPOSITORY, limit=100)
    assert {hit.score for hit in page.hits if hit.id.startswith("nginx ")} == {before}


def test_text_is_found_inside_names_only(index: Index) -> None:
    index.apply([document("kubernetes"), document("other", description=("kubernetes",))])
    assert found(index.reader, Word("bernet")) == ["kubernetes"]
    assert found(index.reader, Path("/netes/")) == ["kubernetes"]
    assert found(index.reader, Word("s\no")) == []


def test_punctuation_is_sought_in_names_alone(index: Index) -> None:
    index.apply([document("a_b"), document("ab", description=("a_b",))])
    assert found(index.reader, Word("_")) == ["a_b"]


def test_a_path_finds_a_part_of_a_path(index: Index) -> None:
    index.apply([document("team/web"), document("team/web/api"), document("webteam")])
    assert found(index.reader, Path("team/web")) == ["team/web", "team/web/api"]


def test_prefixes_of_any_length_find_words_of_names_and_text(index: Index) -> None:
    index.apply(
        [document("kubernetes0controller-x"), document("b", labels=("kubernetes0controls",))]
    )
    for length in (1, 5, 12, 13, 17):
        names = ["kubernetes0controller-x", "b"]
        assert found(index.reader, Prefix("kubernetes0controller"[:length])) == names
    assert found(index.reader, Prefix("kubernetes0controller")) == ["kubernetes0controller-x"]
    assert found(index.reader, Prefix("ubernetes")) == []


def test_case_and_accents_are_ignored_in_every_script(index: Index) -> None:
    index.apply([document("a", description=("Crème BRÛLÉE", "Straße", "数据库 İstanbul"))])
    for text in ("creme", "brulee", "strasse", "数据库", "istanbul"):
        assert found(index.reader, Word(text)) == ["a"]
    assert found(index.reader, Prefix("数据")) == ["a"]


def test_a_phrase_is_found_within_one_field_only(index: Index) -> None:
    index.apply(
        [
            document("one", description=("a reverse, PROXY server",)),
            document("two", description=("reverse", "proxy")),
            document("three", description=("proxy reverse",), labels=("the reverse proxying",)),
            document("reverse/proxy"),
        ]
    )
    assert found(index.reader, Phrase(("reverse", "proxy"))) == ["reverse/proxy", "one"]


def test_conditions_match_exactly_or_by_their_beginning(index: Index) -> None:
    index.apply(
        [
            document("one", keywords=frozenset({("label", "team=pay"), ("arch", "arm64")})),
            document("two", keywords=frozenset({("label", "team=payments")})),
        ]
    )
    assert found(index.reader, Condition("label", "team=pay")) == ["one"]
    assert found(index.reader, Condition("label", "team=", is_prefix=True)) == ["one", "two"]
    assert found(index.reader, Condition("label", "", is_prefix=True)) == ["one", "two"]
    assert found(index.reader, Not(Condition("arch", "arm64"))) == ["two"]


def test_a_beginning_that_means_too_many_values_is_an_error_of_the_query(index: Index) -> None:
    values = frozenset(("tag", str(n)) for n in range(EXPANDED_KEYWORDS_MAX + 1))
    index.apply([document("one", keywords=values)])
    with pytest.raises(QueryError, match="'tag:'") as caught:
        found(index.reader, Condition("tag", "", is_prefix=True))
    assert caught.value.column == 1
    assert found(index.reader, Condition("tag", "9", is_prefix=True)) == ["one"]


def test_a_short_prefix_stands_for_a_limited_number_of_words_but_for_all_names(
    index: Index,
) -> None:
    index.apply(
        [
            document("w0", description=(" ".join(f"w{n:04}" for n in range(1000)),)),
            document("wzzz"),
            document("other", description=("wzz",)),
        ]
    )
    assert found(index.reader, Prefix("w")) == ["w0", "wzzz"]
    assert found(index.reader, Prefix("wz")) == ["wzzz", "other"]


def test_images_and_repositories_are_apart(engine: WhooshEngine) -> None:
    random = Random(3)
    images = [random_document(random, is_image=True) for _ in range(30)]
    writer, reader = engine.open_writer("one"), engine.open_reader("one")
    writer.apply(IMAGE, images, [])
    writer.apply(REPOSITORY, [document("web")], [])
    reader.refresh()
    page = reader.search(Everything(), document_type=IMAGE, limit=100)
    assert [hit.id for hit in page.hits] == sorted(image.key.id for image in images)
    assert (reader.count(IMAGE), reader.count(REPOSITORY)) == (30, 1)
    assert (writer.count(IMAGE), writer.count(REPOSITORY)) == (30, 1)
    writer.close()
    reader.close()


def test_positions_between_scores_and_of_gone_documents_are_good(index: Index) -> None:
    index.apply([document(name) for name in ("a", "c", "e")])

    def behind(score: float, document_id: str) -> list[str]:
        page = index.reader.search(
            Everything(), document_type=REPOSITORY, limit=9, after=(score, document_id)
        )
        return [hit.result["repository"] for hit in page.hits]

    assert behind(0.0, "b registry.example") == ["c", "e"]
    assert behind(0.5, "z registry.example") == ["a", "c", "e"]
    assert behind(-1.0, "") == []


def test_no_hits_are_asked_for(index: Index) -> None:
    index.apply([document("a")])
    page = index.reader.search(Word("a"), document_type=REPOSITORY, limit=0)
    assert (page.hits, page.total, page.has_more) == ((), 1, True)
