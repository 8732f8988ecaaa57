"""Searching: against a brute-force oracle, and by name."""

from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from indexer.engines import Engine
from indexer.errors import SearchCancelledError
from indexer.model.document import (
    FACET_VALUES,
    DocumentType,
    FacetCounts,
    Position,
    SearchPage,
    Sort,
    Text,
    TextField,
    ValueCount,
)
from indexer.model.names import Digest
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Wildcard,
    Word,
)
from tests.indexer.engines.conformance.comparison import (
    Search,
    check,
    check_random_spellings,
    random_search,
    read_page,
    through_json,
)
from tests.indexer.engines.conformance.generator import (
    document,
    random_changes,
    random_document,
)
from tests.indexer.engines.conformance.index import REPOSITORY, Index
from tests.series import series

IMAGE = DocumentType.IMAGE


@pytest.mark.parametrize("seed", series(range(4), short=1))
def test_any_query_finds_what_brute_force_finds_after_any_updates(index: Index, seed: int) -> None:
    """Sets, totals, scores, order and pages equal those of the oracle, after any writes."""
    random = Random(seed)
    for _ in range(14):
        index.apply(*random_changes(random, index.documents, documents_max=120))
        assert index.reader.count(REPOSITORY) == len(index.documents)
        for _ in range(12):
            check(index, random_search(random, index.documents.values()))
            check_random_spellings(index, random)
    assert index.writer.count(REPOSITORY) == len(index.documents)


@pytest.mark.parametrize("seed", series(range(4), short=1))
def test_large_repositories_are_found_by_what_only_their_images_say(
    engine: Engine, seed: int
) -> None:
    """The same as above, where half of the repositories do not have the words of their images."""
    random = Random(f"large {seed}")
    with closing(Index(engine, are_large=True)) as index:
        for _ in range(14):
            index.apply(*random_changes(random, index.documents, documents_max=120))
            for _ in range(12):
                check(index, random_search(random, index.documents.values()))
                check_random_spellings(index, random)


def test_a_new_image_of_a_large_repository_is_asked_although_the_repository_is_not_new(
    engine: Engine,
) -> None:
    """What images answered before is kept until there is anything new."""
    large = replace(document("one"), is_met_by_images=True)
    image = replace(
        large,
        key=replace(large.key, digest=Digest(f"sha256:{1:064}")),
        keywords=frozenset({("arch", "arm64")}),
    )
    asked = Condition("arch", "arm64")
    with closing(Index(engine)) as index:
        index.apply([large])
        assert index.found(asked) == []
        index.writer.apply(DocumentType.IMAGE, [image], [])
        index.reader.refresh()
        assert index.found(asked) == ["one"]
        index.writer.apply(DocumentType.IMAGE, [], [image.key.id])
        index.reader.refresh()
        assert index.found(asked) == []


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
            for is_reversed in (False, True):
                check(index, Search(query, limit, is_reversed=is_reversed))


def test_many_text_parts_are_ranked_like_few(index: Index) -> None:
    """With many parts, impacts could outweigh a step; the order is still by score."""
    random = Random(8)
    index.apply([random_document(random) for _ in range(60)])
    many = Or(tuple(Word(f"web{n}" if n > 1 else "web") for n in range(30)))
    check(index, Search(many, limit=4))


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
    assert index.found(Word("nginx")) == [
        "nginx",
        "team/nginx",
        "a/nginx-ingress",
        "nginxed",
        "zzz",
        "xnginxx",
    ]


def test_all_that_is_asked_for_as_the_end_of_a_name_is_before_its_words_elsewhere(
    index: Index,
) -> None:
    index.apply(
        [
            document("a/redis_exporter"),
            document("a/redis-exporter-a"),
            document("a/xredisexporter"),
            document("redis/exporter-a", prominence=100),
        ]
    )
    both = And((Word("redis"), Word("exporter")))
    named = ["a/redis_exporter", "redis/exporter-a", "a/redis-exporter-a"]
    assert index.found(both) == [*named, "a/xredisexporter"]
    assert index.found(Word("redisexporter")) == ["a/redis_exporter", "a/xredisexporter"]
    assert index.found(Word("redis-exporter")) == [
        "a/redis_exporter",
        "a/redis-exporter-a",
        "redis/exporter-a",
    ]
    assert index.found(Prefix("exp"))[0] == "redis/exporter-a"


def test_equal_scores_are_in_the_order_of_ids(index: Index) -> None:
    index.apply([document(name) for name in ("c", "a", "b")])
    assert index.found(Everything()) == ["a", "b", "c"]
    assert index.found(Or(())) == []


def test_a_score_does_not_depend_on_other_documents(index: Index) -> None:
    index.apply([document("nginx", description=("a web server",))])
    before = index.reader.search(Word("web"), document_type=REPOSITORY, limit=1).hits[0].score
    index.apply([document(f"n{n}", description=("web web",)) for n in range(50)])
    page = index.reader.search(Word("web"), document_type=REPOSITORY, limit=100)
    assert {hit.score for hit in page.hits if hit.id.startswith("nginx ")} == {before}


def test_text_is_found_inside_names_only(index: Index) -> None:
    index.apply([document("kubernetes"), document("other", description=("kubernetes",))])
    assert index.found(Word("bernet")) == ["kubernetes"]
    assert index.found(Path("/netes/")) == ["kubernetes"]
    assert index.found(Word("s\no")) == []


def test_punctuation_is_sought_in_names_alone(index: Index) -> None:
    index.apply([document("a_b"), document("ab", description=("a_b",))])
    assert index.found(Word("_")) == ["a_b"]


def test_a_path_finds_a_part_of_a_path(index: Index) -> None:
    index.apply([document("team/web"), document("team/web/api"), document("webteam")])
    assert index.found(Path("team/web")) == ["team/web", "team/web/api"]


def test_prefixes_of_any_length_find_words_of_names_and_text(index: Index) -> None:
    index.apply(
        [document("kubernetes0controller-x"), document("b", labels=("kubernetes0controls",))]
    )
    for length in (1, 5, 12, 13, 17):
        names = ["kubernetes0controller-x", "b"]
        assert index.found(Prefix("kubernetes0controller"[:length])) == names
    assert index.found(Prefix("kubernetes0controller")) == ["kubernetes0controller-x"]
    assert index.found(Prefix("ubernetes")) == []


def test_case_and_accents_are_ignored_in_every_script(index: Index) -> None:
    index.apply([document("a", description=("Crème BRÛLÉE", "Straße", "数据库 İstanbul"))])
    for text in ("creme", "brulee", "strasse", "数据库", "istanbul"):
        assert index.found(Word(text)) == ["a"]
    assert index.found(Prefix("数据")) == ["a"]


def test_a_phrase_is_found_within_one_field_only(index: Index) -> None:
    index.apply(
        [
            document("one", description=("a reverse, PROXY server",)),
            document("two", description=("reverse", "proxy")),
            document("three", description=("proxy reverse",), labels=("the reverse proxying",)),
            document("reverse/proxy"),
        ]
    )
    assert index.found(Phrase(("reverse", "proxy"))) == ["reverse/proxy", "one"]


def test_conditions_match_exactly_or_by_their_beginning(index: Index) -> None:
    index.apply(
        [
            document("one", keywords=frozenset({("label", "team=pay"), ("arch", "arm64")})),
            document("two", keywords=frozenset({("label", "team=payments")})),
        ]
    )
    assert index.found(Condition("label", "team=pay")) == ["one"]
    assert index.found(Condition("label", "team=", is_prefix=True)) == ["one", "two"]
    assert index.found(Condition("label", "", is_prefix=True)) == ["one", "two"]
    assert index.found(Not(Condition("arch", "arm64"))) == ["two"]


def test_images_and_repositories_are_apart(engine: Engine) -> None:
    random = Random(3)
    images = [random_document(random, is_image=True) for _ in range(30)]
    writer, reader = engine.open_writer("one"), engine.open_reader("one")
    writer.apply(IMAGE, images, [])
    writer.apply(REPOSITORY, [document("web")], [])
    reader.refresh()
    page = reader.search(Everything(), document_type=IMAGE, limit=100)
    assert {hit.id for hit in page.hits} == {image.key.id for image in images}
    assert (reader.count(IMAGE), reader.count(REPOSITORY)) == (30, 1)
    assert (writer.count(IMAGE), writer.count(REPOSITORY)) == (30, 1)
    writer.close()
    reader.close()


def test_positions_between_scores_and_of_gone_documents_are_good(index: Index) -> None:
    index.apply([document(name) for name in ("a", "c", "e")])

    def behind(score: float, document_id: str) -> list[str]:
        page = index.reader.search(
            Everything(), document_type=REPOSITORY, limit=9, after=Position(score, document_id)
        )
        return [hit.result["repository"] for hit in page.hits]

    assert behind(0.0, "b registry.example") == ["c", "e"]
    assert behind(0.5, "z registry.example") == ["a", "c", "e"]
    assert behind(-1.0, "") == []


def test_no_hits_are_asked_for(index: Index) -> None:
    index.apply([document("a")])
    page = index.reader.search(Word("a"), document_type=REPOSITORY, limit=0)
    assert (page.hits, page.total, page.has_more) == ((), 1, True)


def test_a_wildcard_fits_words_the_name_and_its_last_component(index: Index) -> None:
    index.apply(
        [
            document("team/web-ingress"),
            document("a", description=("the ingress",)),
            document("b", labels=("ingression",)),
            document("c/[x]", description=("progress",)),
        ]
    )
    assert index.found(Wildcard("*gress")) == ["team/web-ingress", "a", "c/[x]"]
    assert index.found(Wildcard("web-*s")) == ["team/web-ingress"]
    assert index.found(Wildcard("team/*")) == ["team/web-ingress"]
    assert index.found(Wildcard("web-")) == []
    assert index.found(Wildcard("[*]")) == ["c/[x]"]
    assert index.found(Wildcard("?he")) == ["a"]


def test_a_close_spelling_finds_words_of_names_before_those_of_texts(index: Index) -> None:
    index.apply(
        [
            document("a", description=("postgres",)),
            document("postgres"),
            document("b", tags=("postgrss",)),
            document("c", tags=("postr",)),
        ]
    )
    assert index.found(Fuzzy("postgers")) == ["postgres", "a", "b"]
    assert index.found(Fuzzy("postgres")) == ["postgres", "a", "b"]
    assert index.found(Fuzzy("xb")) == []
    assert index.found(Fuzzy("b")) == ["b"]


def test_a_pattern_fits_whole_keywords_of_one_field(index: Index) -> None:
    index.apply(
        [
            document("one", keywords=frozenset({("label", "team=pay\nments"), ("arch", "arm64")})),
            document("two", keywords=frozenset({("label", "team=web"), ("labels", "t=pay")})),
        ]
    )
    assert index.found(Glob("label", "*=pay*")) == ["one"]
    assert index.found(Glob("label", "t*")) == ["one", "two"]
    assert index.found(Glob("label", "team=w?b")) == ["two"]
    assert index.found(Glob("arch", "a?m")) == []


def test_a_range_holds_for_any_number_and_never_for_none(index: Index) -> None:
    index.apply(
        [
            document("one", numbers={"size": (1, 100), "layers": (3,)}),
            document("two", numbers={"size": (-(2**63), 2**63 - 1)}),
            document("three"),
        ]
    )
    assert index.found(Range("size", 50)) == ["one", "two"]
    assert index.found(Range("size", 2, 99)) == []
    assert index.found(Range("size", high=1)) == ["one", "two"]
    assert index.found(Range("size", 100, 100)) == ["one"]
    assert index.found(Range("size", -(10**30), 10**30)) == ["one", "two"]
    assert index.found(Range("layers")) == ["one"]
    assert index.found(Not(Range("layers", 3))) == ["three", "two"]


def ordered(index: Index, sort: Sort, *, is_reversed: bool = False) -> list[str]:
    page = read_page(index, Search(Everything(), 9, sort, is_reversed=is_reversed))
    return [hit.result["repository"] for hit in page.hits]


def test_hits_are_sorted_by_numbers_from_the_greatest_and_by_names_from_the_least(
    index: Index,
) -> None:
    index.apply(
        [
            document("b", created=-5, pushed=2, size_bytes=2**63 - 1, pulls=0),
            document("c", created=9, pushed=1, size_bytes=0, pulls=7),
        ]
    )
    index.apply([document("a", created=0, pushed=2, size_bytes=1, pulls=7)])
    assert ordered(index, Sort.NAME) == ["a", "b", "c"]
    assert ordered(index, Sort.CREATED) == ["c", "a", "b"]
    assert ordered(index, Sort.PUSHED) == ["a", "b", "c"]
    assert ordered(index, Sort.SIZE) == ["b", "a", "c"]
    assert ordered(index, Sort.PULLS) == ["a", "c", "b"]


def test_an_unknown_size_is_last_wherever_the_order_begins(index: Index) -> None:
    index.apply(
        [
            document("a", size_bytes=None),
            document("b", size_bytes=0),
            document("c", size_bytes=7),
            document("d", size_bytes=None),
        ]
    )
    assert ordered(index, Sort.SIZE) == ["c", "b", "a", "d"]
    assert ordered(index, Sort.SIZE, is_reversed=True) == ["b", "c", "a", "d"]
    for is_reversed in (False, True):
        check(index, Search(Everything(), 1, Sort.SIZE, is_reversed=is_reversed))


def test_equals_stay_in_the_order_of_their_ids_when_an_order_is_reversed(index: Index) -> None:
    index.apply([document("b", pushed=1), document("c", pushed=2), document("a", pushed=1)])
    assert ordered(index, Sort.PUSHED, is_reversed=True) == ["a", "b", "c"]
    assert ordered(index, Sort.NAME, is_reversed=True) == ["c", "b", "a"]
    assert ordered(index, Sort.CREATED, is_reversed=True) == ["a", "b", "c"]


def test_prominence_decides_between_equals_but_not_where_words_were_found(index: Index) -> None:
    index.apply(
        [
            document("a", description=("web",)),
            document("b", description=("web",), prominence=50),
            document("webs", description=("other",), prominence=0),
            document("xweb", prominence=100),
        ]
    )
    assert index.found(Word("web")) == ["webs", "b", "a", "xweb"]
    assert index.found(Everything()) == ["xweb", "b", "a", "webs"]
    page = index.reader.search(Everything(), document_type=REPOSITORY, limit=2)
    assert [hit.score for hit in page.hits] == [1.0, 0.5]


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("sort", Sort)
def test_a_position_is_good_after_its_document_is_gone(
    index: Index, sort: Sort, is_reversed: bool
) -> None:
    random = Random(5)
    index.apply([random_document(random) for _ in range(40)])
    search = Search(Or((Word("web"), Not(Word("web")))), 10, sort, is_reversed=is_reversed)
    first = read_page(index, search)
    expected = [hit.id for hit in read_page(index, search, after=first.hits[-1].position).hits]
    index.apply([], [hit.id for hit in first.hits])
    found = read_page(index, search, after=through_json(first.hits[-1].position))
    assert [hit.id for hit in found.hits] == expected
    assert len(expected) == 10


def test_facets_count_all_that_matches_most_first_and_then_by_value(index: Index) -> None:
    documents = [
        document(f"d{n}", facets=frozenset({("kind", "image"), ("label:v", f"{n % 60:02}")}))
        for n in range(90)
    ]
    index.apply([*documents, document("chart", facets=frozenset({("kind", "Chart")}))])
    index.apply([], ["d0 registry.example"])
    page = index.reader.search(
        Everything(),
        document_type=REPOSITORY,
        limit=0,
        facets=("kind", "label:v", "label:", "vendor"),
    )
    assert page.facets["kind"] == FacetCounts((ValueCount("image", 89), ValueCount("Chart", 1)))
    counted = page.facets["label:v"]
    assert [value.value for value in counted.values[:31]] == [
        *(f"{n:02}" for n in range(1, 30)),
        "00",
        "30",
    ]
    assert (len(counted.values), counted.others) == (FACET_VALUES, 10)
    assert page.facets["label:"] == page.facets["vendor"] == FacetCounts(())
    page = index.reader.search(
        Word("chart"), document_type=REPOSITORY, limit=0, facets=("kind", "kind")
    )
    assert page.facets == {"kind": FacetCounts((ValueCount("Chart", 1),))}


def test_facets_whose_names_hold_anything_are_apart(index: Index) -> None:
    pairs = frozenset({("label:a", "b:c"), ("label:a:b", "c"), ("label:a\0", "\n"), ("kind", "")})
    index.apply([document("one", facets=pairs)])
    names = ("label:a", "label:a:b", "label:a\0", "kind", "kin")
    page = index.reader.search(Everything(), document_type=REPOSITORY, limit=0, facets=names)
    values = [[each.value for each in page.facets[name].values] for name in names]
    assert values == [["b:c"], ["c"], ["\n"], [""], []]


def test_texts_are_given_as_they_were_when_asked_for(index: Index) -> None:
    texts = (
        Text(TextField.TITLE, "Crème\n\0 x"),
        Text(TextField.LABEL, "", "org.example/Ü"),
        Text(TextField.TAG, "1.25"),
    )
    index.apply([document("one", texts=texts)])
    page = index.reader.search(Everything(), document_type=REPOSITORY, limit=1, with_texts=True)
    assert [text for block in page.hits[0].texts for text in block.texts()] == list(texts)
    page = index.reader.search(Everything(), document_type=REPOSITORY, limit=1)
    assert page.hits[0].texts == ()


def test_spellings_are_the_nearest_by_how_common_they_are_and_then_by_word(index: Index) -> None:
    index.apply(
        [
            document("postgres"),
            document("a", description=("postgrs postgars",)),
            document("b", description=("postgars ok",), labels=("postgrus",)),
        ]
    )
    index.apply([document("gone", description=("postgras",))])
    index.apply([], ["gone registry.example"])

    def near(word: str, limit: int = 9) -> list[tuple[str, int]]:
        return index.reader.spellings(word, document_type=REPOSITORY, limit=limit)

    assert near("postgres") == [("postgrs", 1), ("postgrus", 1)]
    nearest = [("postgars", 2), ("postgres", 1), ("postgrs", 1)]
    assert near("postgers") == nearest
    assert near("postgers", 2) == nearest[:2]
    assert near("postgarss") == [("postgars", 2)]
    # Two edits where nothing has fewer.
    assert near("pstgruss") == [("postgrus", 1)]
    assert near("ox") == []
    assert index.reader.spellings("postgers", document_type=IMAGE, limit=9) == []


def test_a_search_that_is_to_stop_ends_soon_and_the_reader_stays_good(engine: Engine) -> None:
    checks, stop_at = 0, 0

    def count_and_stop() -> None:
        nonlocal checks
        checks += 1
        if checks == stop_at:
            raise SearchCancelledError("nobody waits")

    random = Random(5)
    with closing(engine.open_writer("one")) as writer:
        writer.apply(REPOSITORY, [random_document(random) for _ in range(50)], [])
    query = Or((Word("web"), Wildcard("*e*"), Phrase(("web", "server")), Not(Word("api"))))

    def search() -> SearchPage:
        return reader.search(
            query, document_type=REPOSITORY, limit=50, facets=["kind"], with_texts=True
        )

    with closing(engine.open_reader("one", check=count_and_stop)) as reader:
        page = search()
        # What a search computed is kept, so later ones take fewer steps.
        checks = 0
        assert search() == page
        assert checks > len(page.hits), "it is called for the parts of a query and for each hit"
        for step in range(1, checks + 1, 7):
            checks, stop_at = 0, step
            with pytest.raises(SearchCancelledError):
                search()
            assert search() == page
