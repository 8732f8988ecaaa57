"""Other words for what somebody typed: in which parts of a query, and in what order."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.model import And, Condition, Not, Or, Phrase, Query, Word, fold
from search_api.query import Synonyms, alternatives, load_synonyms, used_synonyms, with_others
from tests.search_api.query.asking import parsed

TABLE = Synonyms(
    [
        ["kubernetes", "k8s"],
        ["message queue", "mq", "message broker"],
        ["task queue", "job queue"],
        ["Büro", "office"],
    ],
    {"mq": ["kafka", "task queue"], "port scanner": ["nmap"]},
)


def expanded(text: str) -> Query:
    return with_others(parsed(text), TABLE)


def others(query: Query) -> set[str]:
    assert isinstance(query, Word)
    return {
        " ".join(other.words) if isinstance(other, Phrase) else other.text for other in query.others
    }


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("k8s", {"kubernetes"}),
        ("mq", {"message queue", "message broker"}),
        ("mqs", {"mq", "message queue", "message broker"}),
        ("message queue", {"mq", "message broker"}),
        ("message queues", {"mq", "message broker"}),
        ("office", {"buro", "offices"}),
    ],
)
def test_a_word_and_a_text_of_the_table_have_others(text: str, meant: set[str]) -> None:
    assert meant <= others(expanded(text))
    assert fold(text) not in others(expanded(text))


@pytest.mark.parametrize("text", ['"k8s"', "-k8s", "k8s*", "k8s~", "kind:k8s", "team/k8s"])
def test_quotes_signs_and_fields_switch_them_off(text: str) -> None:
    assert expanded(text) == parsed(text)


def test_words_side_by_side_become_the_longest_text_of_the_table() -> None:
    query = expanded("fast message queue kind:image")
    assert isinstance(query, And)
    first, text, condition = query.parts
    assert isinstance(first, Word)
    assert isinstance(text, Word)
    assert (first.text, text.text) == ("fast", "message queue")
    assert condition == Condition("kind", "image")
    assert isinstance(expanded("message OR queue"), Or)
    negated = expanded("message -queue")
    assert isinstance(negated, And)
    assert Not(Word("queue")) in negated.parts


def test_an_answer_can_say_which_synonyms_were_used() -> None:
    query = expanded("k8s message queues fast")
    assert dict(used_synonyms(query, TABLE)) == {
        "k8s": ["kubernetes"],
        "message queues": ["mq", "message broker", "kafka", "task queue", "job queue"],
    }


def test_an_operator_adds_groups_to_those_of_the_program() -> None:
    table = load_synonyms([["billing", "payments"]])
    assert ("payments",) in table.find(("billing",))
    assert ("kubernetes",) in table.find(("k8s",))


def test_every_text_of_the_table_leads_to_the_others_of_its_line() -> None:
    table = load_synonyms()
    for text in (("postgres",), ("web", "server"), ("s3",), ("object", "storage")):
        for other in table.find(text):
            assert text in table.find(other), other


def examples(query: Query) -> set[str]:
    assert isinstance(query, Word)
    return {" ".join(one.words) if isinstance(one, Phrase) else one.text for one in query.examples}


@pytest.mark.parametrize("text", ["mq", "message queue", "message queues", "message-broker"])
def test_a_kind_by_any_name_has_examples_and_what_these_are_called(text: str) -> None:
    assert examples(expanded(text)) == {"kafka", "task queue", "job queue"}
    assert examples(expanded("kafka")) == set()


def test_who_does_something_is_found_by_what_is_done() -> None:
    assert examples(expanded("scanning ports")) == {"nmap"}
    assert "port scanner" in others(expanded("scanning ports"))


def test_words_of_a_text_may_be_apart_in_any_form() -> None:
    query = expanded("message queue")
    assert isinstance(query, Word)
    assert [forms[0] for forms in query.apart] == ["message", "queue"]
    assert "queues" in query.apart[1]
    joined = expanded("message-brokers")
    assert isinstance(joined, Word)
    assert replace(joined, text="message brokers") == expanded("message brokers")
    assert expanded("team-web") == parsed("team-web")


def test_a_kind_of_the_table_is_no_example_of_itself_and_all_are_folded() -> None:
    table = load_synonyms()
    for kind in tomllib.loads(Path(alternatives.__file__).with_name("synonyms.toml").read_text())[
        "kinds"
    ]:
        typed = tuple(kind.split())
        assert table.examples(typed), kind
        assert typed not in table.examples(typed), kind
