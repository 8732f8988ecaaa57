"""The benchmark of engines compares equal results, and gives the right ratios."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from bench.engine_material import Material, prepare
from bench.engine_material import material as kept_material
from bench.engine_measures import ENGINES, GENERATION, LOCAL_ENGINES, build, use
from bench.engine_searches import SPELLING, SUGGESTING, corrected, suggested
from bench.engine_tables import Row, compared, searches_table
from bench.engines import as_json, least_ratio, measure
from bench.queries import CLASSES, TYPES, Ask
from bench.references import (
    ClientFilter,
    Found,
    FullText,
    Like,
    Reference,
    Tables,
    asked,
    row_text,
)
from bench.timings import LEAST, Timing, time_calls
from indexer.model.document import Document, DocumentType
from tests.bench.corpus.sizes import TINY

IMAGE, REPOSITORY = DocumentType.IMAGE, DocumentType.REPOSITORY


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return prepare(tmp_path_factory.mktemp("material"), TINY, number=3)


@pytest.fixture(scope="module")
def documents(material: Material) -> Sequence[Document]:
    return list(material.documents())


@pytest.fixture(scope="module")
def tables(documents: Sequence[Document]) -> Tables:
    return Tables(documents)


def _expected(documents: Sequence[Document], kind: DocumentType, *words: str) -> int:
    texts = [row_text(one) for one in documents if one.key.type is kind]
    return sum(all(word in text for word in words) for text in texts)


def _names(found: Found) -> set[str]:
    return {one["repository"] for one in found.shown}


@pytest.mark.parametrize(
    ("q", "words"),
    [("ngin*", ["ngin"]), ("*ginx", ["ginx"]), ("Debian slim", ["debian", "slim"]), ("", [])],
)
@pytest.mark.parametrize("kind", TYPES)
def test_like_finds_every_row_that_has_all_words(
    documents: Sequence[Document], tables: Tables, q: str, words: list[str], kind: DocumentType
) -> None:
    found = Like(tables).find(kind, "any", Ask(q))
    assert found.total == _expected(documents, kind, *words) > 0


def test_what_like_reads_as_a_pattern_is_plain_text(tables: Tables) -> None:
    assert Like(tables).find(IMAGE, "any", Ask("e_ia%n")).total == 0


def test_like_filters_by_what_conditions_ask_for(
    documents: Sequence[Document], tables: Tables
) -> None:
    expected = {
        one.key.id
        for one in documents
        if one.key.type is IMAGE and "debian" in row_text(one) and ("arch", "arm64") in one.keywords
    }
    found = Like(tables).find(IMAGE, "filter", Ask('debian arch:"arm64"'))
    assert found.total == len(expected) > 0


def test_like_finds_what_is_larger_and_sorts(documents: Sequence[Document], tables: Tables) -> None:
    like = Like(tables)
    sizes = sorted(
        (one.size_bytes or 0 for one in documents if one.key.type is IMAGE), reverse=True
    )
    large = like.find(IMAGE, "range", Ask("size:>100MB"))
    assert large.total == sum(size > 100_000_000 for size in sizes) > 0
    found = like.find(IMAGE, "sorted", Ask("", {"sort": "size"}))
    assert [one["size_bytes"] for one in found.shown] == sizes[:25]


def test_full_text_finds_words_beginnings_and_parts(tables: Tables) -> None:
    full_text = FullText(tables)
    words = full_text.find(REPOSITORY, "common word", Ask("debian"))
    assert "library/debian" in _names(words)
    beginnings = full_text.find(REPOSITORY, "prefix", Ask("deb*"))
    assert "library/debian" in _names(beginnings)
    assert beginnings.total >= words.total
    assert full_text.find(REPOSITORY, "common word", Ask("ebia")).total == 0
    assert "library/debian" in _names(full_text.find(REPOSITORY, "substring", Ask("ebia")))


def test_full_text_takes_a_name_as_a_phrase(tables: Tables) -> None:
    found = FullText(tables).find(REPOSITORY, "exact name", Ask("library/debian"))
    assert "library/debian" in _names(found)


def test_the_client_finds_names_and_tags_only(documents: Sequence[Document]) -> None:
    client = ClientFilter(documents)
    assert "library/debian" in client.find(REPOSITORY, "any", Ask("ebia")).shown
    image = next(one for one in documents if one.name == "library/debian")
    tags = [one for one in image.result["tags"] if "1.5" in one]
    found = client.find(IMAGE, "any", Ask("library/debian 1.5"))
    assert {f"library/debian:{tag}" for tag in tags} <= set(found.shown)
    assert client.find(REPOSITORY, "any", Ask("operating")).total == 0


def test_every_class_that_a_reference_answers_is_one_of_queries(
    material: Material, tables: Tables
) -> None:
    references: Sequence[Reference] = (
        Like(tables),
        FullText(tables),
        ClientFilter(material.documents()),
    )
    asks = material.asks()
    for reference in references:
        assert set(CLASSES) >= reference.classes
        for query in reference.classes:
            for ask in asks[query]:
                reference.find(IMAGE, query, ask)


def test_a_query_is_read_as_its_class_made_it() -> None:
    read = asked(Ask('server license:"apache 2.0" size:>20MB'))
    assert read.words == ("server",)
    assert read.equal == ("license", "apache 2.0")
    assert read.larger_than == 20_000_000


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_built_searched_and_updated(
    material: Material, name: str, request: pytest.FixtureRequest
) -> None:
    if name not in LOCAL_ENGINES:
        request.getfixturevalue("needs_cluster")
    engine = ENGINES[name](material.folder / name)
    built = build(engine, material.documents())
    assert built.documents == len(list(material.documents()))
    assert built.disk_bytes > 0
    used = use(engine, material)
    assert {one.query for one in used.timings} == {*CLASSES, SPELLING, SUGGESTING}
    reader = engine.open_reader(GENERATION)
    assert "library/debian" in suggested(reader, Ask("debi*"))
    names = {hit.result["repository"] for hit in corrected(reader, REPOSITORY, Ask("debain")).hits}
    assert "library/debian" in names
    reader.close()
    engine.drop(GENERATION)


def _timing(busy: float, *, query: str = "prefix") -> Timing:
    return Timing(query, "image", 99, 99, 99, processor_p50=busy, processor_p95=99, searches=3)


def _rows() -> list[Row]:
    return compared(
        {"whoosh": [_timing(2), _timing(4, query="facets")], "tantivy": [_timing(0.5)]},
        {"LIKE": [_timing(10)], "FTS5": [_timing(1)], "client": [_timing(1)]},
    )


def test_ratios_are_how_many_times_as_long_the_references_computed() -> None:
    prefix, facets = _rows()
    assert prefix.ratios["whoosh"] == pytest.approx({"LIKE": 5.0, "client": 0.5})
    assert prefix.ratios["tantivy"] == pytest.approx({"LIKE": 20.0, "client": 2.0})
    assert facets.ratios["whoosh"] == {}


def test_what_cannot_answer_a_class_has_a_dash() -> None:
    console = Console(width=200, record=True)
    with console.capture() as captured:
        console.print(searches_table(_rows(), title="searching"))
    line = next(line for line in captured.get().splitlines() if "facets" in line)
    assert [cell.strip() for cell in line.split("│")[3:-1]].count("-") == 8


def test_a_run_is_written_as_json(material: Material) -> None:
    measured = as_json(measure(material, ["whoosh"]), size="tiny")
    assert json.loads(json.dumps(measured)) == measured
    assert measured["engines"]["whoosh"]["build"]["documents"] > 100
    names = {name for row in measured["searches"] for name in row["timings"]}
    assert names == {"whoosh", "LIKE", "FTS5", "client"}
    assert len(measured["engines"]["whoosh"]["figures"]) == 3


def test_the_least_ratio_is_of_the_class_where_the_engine_is_worst() -> None:
    rows = compared(
        {"whoosh": [_timing(2), _timing(4, query="typo"), _timing(1, query="substring")]},
        {"LIKE": [_timing(10), _timing(10, query="substring")], "client": [_timing(1)]},
    )
    assert least_ratio(rows, "whoosh", "LIKE") == pytest.approx(5)
    assert least_ratio(rows, "whoosh", "client") == pytest.approx(0.5)


def test_what_is_slow_is_asked_less_but_never_less_than_the_least() -> None:
    asks = [Ask(f"{number}") for number in range(3 * LEAST)]
    searched: list[Ask] = []
    assert time_calls("typo", IMAGE, asks, searched.append, budget=60).searches == len(asks)
    assert searched == [asks[0], *asks]
    assert time_calls("typo", IMAGE, asks, searched.append, budget=0).searches == LEAST


def test_material_is_the_same_documents_each_time_they_are_read(material: Material) -> None:
    assert [one.key for one in material.documents()] == [one.key for one in material.documents()]
    assert {name: len(made) for name, made in material.asks().items()} == dict.fromkeys(CLASSES, 3)


def test_material_that_is_kept_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    prepare(folder, TINY, number=5)
    with kept_material("tiny", number=3, folder=folder) as found:
        assert {len(made) for made in found.asks().values()} == {3}
        assert list(found.documents())


@pytest.mark.parametrize(("size", "number"), [("small", 3), ("tiny", 9)])
def test_material_of_something_else_is_refused(tmp_path: Path, size: str, number: int) -> None:
    prepare(tmp_path, TINY, number=5)
    with (
        pytest.raises(ValueError, match="holds 5 queries of tiny"),
        kept_material(size, number=number, folder=tmp_path),
    ):
        pass
