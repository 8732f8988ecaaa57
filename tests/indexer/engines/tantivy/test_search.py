"""Searching with tantivy where it takes more than one step, and what it is asked for by name."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path as FilePath
from random import Random

import pytest
from tantivy import Index as TantivyIndex
from tantivy import Query as Matching

from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.tantivy.index import LIMITS, Limits, OpenIndex
from indexer.engines.tantivy.match import View
from indexer.engines.tantivy.repositories import codes_expression, repository_code
from indexer.engines.tantivy.schema import (
    REPOSITORY,
    REPOSITORY_CODE,
    REPOSITORY_NUMBER,
    encode,
    schema,
)
from indexer.errors import QueryError
from indexer.model.document import DocumentType, Sort, Text, TextField, text_blocks
from indexer.model.query import (
    And,
    Everything,
    Glob,
    Or,
    Phrase,
    Visible,
    Wildcard,
    Word,
)
from indexer.model.rights import make_rights
from tests.indexer.engines.conformance.comparison import Search, check, random_search
from tests.indexer.engines.conformance.generator import document, random_document
from tests.indexer.engines.conformance.index import Index
from tests.series import series


@pytest.fixture
def index(tmp_path: FilePath) -> Iterator[Index]:
    with closing(made(tmp_path, LIMITS)) as index:
        yield index


def made(directory: FilePath, limits: Limits) -> Index:
    engine = TantivyEngine(directory, limits=limits)
    engine.create("one")
    return Index(engine)


SMALL_STEPS = Limits(
    sorted_documents=1,
    first_hits=1,
    facet_values=2,
    single_terms=1,
    kept=1,
    sought=3,
    narrowed=1,
)
"""As if there were many documents: hits are asked for few at a time, and few are read."""


@pytest.mark.parametrize("seed", series(range(2), short=1))
def test_answers_do_not_depend_on_how_much_is_asked_for_at_once(
    tmp_path: FilePath, seed: int
) -> None:
    random = Random(seed)
    with closing(made(tmp_path, SMALL_STEPS)) as index:
        for _ in range(4):
            index.apply([random_document(random) for _ in range(40)])
            for _ in range(25):
                check(index, random_search(random, index.documents.values()))


def test_many_equals_are_in_the_order_of_their_ids_on_all_pages(index: Index) -> None:
    """They are written in another order, and are more than are asked for at once."""
    names = [f"team/web{n:03}" for n in range(700)]
    Random(5).shuffle(names)
    documents = [document(name, description=("a proxy",), prominence=3) for name in names]
    for start in range(0, len(documents), 250):
        index.apply(documents[start : start + 250])
    for query in (Word("proxy"), Word("team"), Everything()):
        for sort in (Sort.RELEVANCE, Sort.PULLS, Sort.NAME):
            check(index, Search(query, limit=60, sort=sort))


def test_long_texts_are_shown_as_they_were_given(index: Index) -> None:
    """They are stored packed, so that reading the other parts of a document is fast."""
    for length in (1, 4000, 5000, 300_000):
        text = "".join(chr(97 + n % 26) for n in range(length))
        index.apply([document("one", description=(text,))])
        page = index.reader.search(
            Word("one"), document_type=DocumentType.REPOSITORY, limit=3, with_texts=True
        )
        assert [hit.texts for hit in page.hits] == [
            text_blocks([Text(TextField.DESCRIPTION, text)])
        ]


def test_pattern_characters_stand_for_themselves(index: Index) -> None:
    keywords = frozenset({("label", r"re=a.b[c]\d+(x|y)^$é\n")})
    index.apply([document("one", keywords=keywords), document("two")])
    for pattern in (r"re=a.b[c]\d+(x|y)^$é\*", "re=?.?[c]*", "*$*"):
        assert index.found(Glob("label", pattern)) == ["one"]
    for pattern in ("re=a.b.c*", "re=axb*", r"*\d?x*", "[r]*"):
        assert index.found(Glob("label", pattern)) == []


def test_patterns_that_are_too_complicated_for_tantivy_are_tried_one_by_one(
    tmp_path: FilePath,
) -> None:
    keywords = frozenset({("label", f"v={n}a12345678b{n}") for n in range(3)})
    with closing(made(tmp_path, Limits(expanded_terms=2))) as index:
        index.apply([document("x1a12345678b", keywords=keywords), document("two")])
        assert index.found(Wildcard("*a????????b*")) == ["x1a12345678b"]
        assert index.found(Glob("label", "v*1a????????b?")) == ["x1a12345678b"]
        assert index.found(Glob("label", "v*a????????c*")) == []
        with pytest.raises(QueryError, match="too much fits"):
            index.found(Glob("label", "?*a????????b?"))


def test_a_pattern_for_very_many_words_is_left_to_tantivy(tmp_path: FilePath) -> None:
    words = {"b": "nginx", "c": "nginz", "d": "ngin"}
    with closing(made(tmp_path, Limits(expanded_terms=1))) as index:
        index.apply([document(name, description=(word,)) for name, word in words.items()])
        assert index.found(Wildcard("*gin?")) == ["b", "c"]


def test_as_many_words_as_a_query_may_have_are_ranked_exactly(index: Index) -> None:
    """The sums stay within the whole numbers that tantivy's scores hold."""
    random = Random(8)
    index.apply([random_document(random) for _ in range(60)])
    long_phrase = Phrase(("web", "server") * 30)
    index.apply([document("-".join(f"web{n}" for n in range(64)))])
    many = Or(tuple(Word(f"web{n}") for n in range(64)))
    for query in (long_phrase, many, Or((Word("web-api"), Word("e-mail"), Word("nginx")))):
        check(index, Search(query, limit=7))


def test_what_is_kept_for_a_commit_goes_when_others_are_used_more(tmp_path: FilePath) -> None:
    """A query for rights is made once, as long as its caller searches."""
    made_of: list[str] = []

    def make(key: str) -> str:
        made_of.append(key)
        return key

    with closing(made(tmp_path, Limits(kept=2))) as index:
        folder = tmp_path / "one" / "repository"
        opened = OpenIndex(folder, Limits(kept=2))
        for key in "abacaba":
            assert opened.kept(key, lambda key=key: make(key)) == key  # type: ignore[misc]
        assert made_of == ["a", "b", "c", "b"]
        index.apply([document("web")])
        opened.refresh()
        opened.kept("a", lambda: make("a"))
        assert made_of == ["a", "b", "c", "b", "a"]


def test_thousands_of_visible_names_are_found_whole_or_but_for_a_few(index: Index) -> None:
    names = [f"team{n % 7}/web-{n}" for n in range(700)]
    for registry in ("one", "two"):
        index.apply([document(name, registry=registry) for name in names])
    for share in (0, 1, 29, 30, 31, 350, 351, 669, 699, 700):
        some = Random(share).sample(names, share)
        unknown = [f"gone/{n}" for n in range(3000)]
        rights = make_rights([], {"two": [*some, *unknown]})
        for query in (Visible(rights), And((Word("web"), Visible(rights)))):
            check(index, Search(query, limit=1000))


@pytest.mark.parametrize("seed", series(range(3), short=1))
def test_the_expression_for_codes_fits_them_and_no_others(seed: int) -> None:
    random = Random(seed)
    for number in (1, 2, 40, 900):
        found = set(random.sample(range(number * 5), number)) | {62**4 * random.randrange(62)}
        expression = re.compile(codes_expression(list(map(repository_code, found))))
        others = {near + step for near in found for step in (-62, -1, 1, 62)} - found
        assert all(expression.fullmatch(repository_code(one)) for one in found)
        assert not any(expression.fullmatch(repository_code(one)) for one in others if one >= 0)


def test_visible_names_are_found_in_an_index_of_very_many_repositories(
    tmp_path: FilePath,
) -> None:
    """tantivy refuses the expression for codes that are far apart."""
    index = TantivyIndex(schema(), path=str(tmp_path))
    writer = index.writer(num_threads=1)
    names = [f"team/web-{n}" for n in range(1_100)]
    numbers = Random(3).sample(range(900_000), len(names))
    for number, name in zip(numbers, names, strict=True):
        row, _ = encode(document(name, registry="one")).content
        place = {
            REPOSITORY: f"one\n{name}\n{number}",
            REPOSITORY_CODE: repository_code(number),
            REPOSITORY_NUMBER: number,
        }
        writer.add_json(json.dumps(json.loads(row) | place))
    writer.commit()
    with pytest.raises(ValueError, match="states"):
        Matching.regex_query(
            schema(), REPOSITORY_CODE, codes_expression(list(map(repository_code, numbers)))
        )
    view = View(tmp_path)
    for some in (names[:900], names[:40], names):
        assert view.total(Visible(make_rights([], {"one": some}))) == len(some)
