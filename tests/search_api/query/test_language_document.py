"""``docs/query-language.md`` defines the query language, and the program agrees with it."""

import re
from pathlib import Path as FilePath

import pytest

from indexer.clock import parse_rfc3339
from indexer.errors import QueryError
from indexer.model.query import (
    And,
    Condition,
    Everything,
    FacetCondition,
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
from indexer.model.text import WORD_MAX
from search_api.query.fields import FACTS, FIELDS
from search_api.query.keywords import VALUE_MAX
from search_api.query.parser import DEPTH_MAX, QUERY_MAX, TERMS_MAX
from search_api.query.patterns import FIXED_MIN, WILDCARDS_MAX
from tests.search_api.query.asking import NOW, parsed

DOCUMENT = FilePath(__file__).parents[3].joinpath("docs", "query-language.md").read_text()
EXAMPLES = [
    line.split("→", 1)
    for block in re.findall(r"^```examples\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
NODES = {
    "And": lambda *parts: And(parts),
    "Or": lambda *parts: Or(parts),
    "Phrase": lambda *words: Phrase(words),
    "at": lambda text: int(parse_rfc3339(text).timestamp()),
    **{
        node.__name__: node
        for node in (
            *(
                Condition,
                Everything,
                FacetCondition,
                Fuzzy,
                Glob,
                Not,
                Path,
                Prefix,
                Range,
                Wildcard,
                Word,
            ),
        )
    },
}


def answer(text: str) -> Query | str:
    """Return the tree of a query, or its mistake as the document writes it."""
    try:
        return parsed(text)
    except QueryError as error:
        return f"error {error.column}: {error}"


def kinds(query: Query) -> set[str]:
    match query:
        case And(parts) | Or(parts):
            return {type(query).__name__}.union(*(kinds(part) for part in parts))
        case Not(part):
            return {"Not"} | kinds(part)
        case _:
            return {type(query).__name__}


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_every_example_is_what_the_program_answers(text: str, expected: str) -> None:
    written = expected.strip()
    wanted = written if written.startswith("error ") else eval(written, NODES)
    assert answer(text.rstrip()) == wanted


def test_the_examples_are_asked_when_the_document_says() -> None:
    (moment,) = re.findall(r"asked at (\S+Z)\.", DOCUMENT)
    assert parse_rfc3339(moment) == NOW


def test_there_are_examples_of_every_field_and_of_every_kind_of_tree() -> None:
    texts = " ".join(text for text, _ in EXAMPLES).lower()
    in_examples = set(re.findall(r"(?<![\w:/])([a-z]+):", texts))
    assert set(FIELDS) - in_examples == {"type"}, "artifact: is the same"
    trees = [found for text, _ in EXAMPLES if not isinstance(found := answer(text.rstrip()), str)]
    # The search itself makes a tree that needs some of its parts only, and adds what may be seen
    # and what images answer.
    made = {"AtLeast", "MetByImages", "Visible"}
    nodes = {node.__name__ for node in Query.__args__} - made
    assert set().union(*map(kinds, trees)) == nodes


def test_every_field_and_fact_is_in_the_table_and_nothing_else() -> None:
    rows = re.findall(r"^\| ((?:`[a-z]+:` ?)+)\| (.*) \|$", DOCUMENT, re.MULTILINE)
    named = [name for names, _ in rows for name in re.findall(r"`([a-z]+):`", names)]
    assert sorted(named) == list(FIELDS)
    for field, facts in FACTS.items():
        (text,) = (text for names, text in rows if names.strip() == f"`{field}:`")
        assert set(re.findall(r"`([a-z]+)`", text)) == set(facts)


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("characters of a query", QUERY_MAX),
        ("parentheses", DEPTH_MAX),
        ("terms", TERMS_MAX),
        ("wildcards", WILDCARDS_MAX),
        ("other characters of a pattern", FIXED_MIN),
        ("characters of a value", VALUE_MAX),
        ("characters of a word", WORD_MAX),
    ],
)
def test_every_limit_is_in_the_table(words: str, limit: int) -> None:
    assert re.search(rf"^\| {words}[^|]*\| {limit} \|$", DOCUMENT, re.MULTILINE)
