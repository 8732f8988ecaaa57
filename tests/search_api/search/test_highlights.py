"""Highlights: matches have exact ranges, even if folding changes lengths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.model.document import Text, TextField
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Fuzzy,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)
from indexer.model.text import placed_words, words
from search_api.search.highlights import HIGHLIGHTS_MAX, SNIPPET_MAX, Highlighter, TextHighlight


def description(text: str) -> Text:
    return Text(TextField.DESCRIPTION, text)


def found(query: Query, *texts: Text, name: str = "x/y") -> list[TextHighlight]:
    return Highlighter(query).highlights(name, texts)


def marked(highlight: TextHighlight) -> list[str]:
    return [highlight.snippet[start:end] for start, end in highlight.ranges]


def marked_in(query: Query, text: str) -> list[str]:
    highlights = found(query, description(text))
    return marked(highlights[0]) if highlights else []


@pytest.mark.parametrize(
    ("query", "text", "places"),
    [
        (Word("proxy"), "A Proxy, the proxies' proxy", ["Proxy", "proxy"]),
        (Word("cafe"), "Un Café crème; CAFE\u0301!", ["Café", "CAFE\u0301"]),
        (Word("strasse"), "die Straße hier", ["Straße"]),
        (Word("file"), "two ﬁle names", ["ﬁle"]),
        (Word("istanbul"), "in İstanbul now", ["İstanbul"]),
        (Word("한국어"), "더 한국어 입니다", ["한국어"]),
        (Word("nginx-ingress"), "nginx and its ingress", ["nginx", "ingress"]),
        (Prefix("ngin"), "nginx engine Nginx-1", ["nginx", "Nginx"]),
        (Wildcard("*gress"), "an ingress, egress of progression", ["ingress", "egress"]),
        (Wildcard("w?b"), "web, wob, we[b, wb", ["web", "wob"]),
        (Wildcard("[*"), "x [y", []),
        (Fuzzy("postgers"), "Postgres or mysql or post", ["Postgres"]),
        (Phrase(("reverse", "proxy")), "proxy, Reverse-Proxy; reverse", ["Reverse-Proxy"]),
        (Phrase(("a", "a")), "a a, a b", ["a a, a"]),
        (Or((Word("a"), Not(Word("b")))), "a b", ["a"]),
        (And((Word("a"), Condition("kind", "b"))), "a b", ["a"]),
        (Everything(), "a b", []),
        (Not(Word("a")), "a b", []),
        (Word("_"), "a _ b", []),
        (Path("team/web"), "team/web", []),
    ],
)
def test_what_is_asked_for_in_words_is_marked(query: Query, text: str, places: list[str]) -> None:
    assert marked_in(query, text) == places


@pytest.mark.parametrize(
    ("query", "name", "places"),
    [
        (Word("gin"), "team/nginx-gin", ["gin", "gin"]),
        (Word("nginx"), "team/nginx", ["nginx"]),
        (Path("team/ng"), "team/nginx", ["team/ng"]),
        (Prefix("ng"), "team/nginx", ["nginx"]),
        (Wildcard("team*"), "team/nginx", ["team/nginx"]),
        (Word("_"), "with_underscore", ["_"]),
    ],
)
def test_a_name_is_marked_inside_its_words(query: Query, name: str, places: list[str]) -> None:
    (highlight,) = found(query, name=name)
    assert (highlight.field, highlight.key, highlight.snippet) == ("name", "", name)
    assert marked(highlight) == places


def test_what_a_word_means_too_is_marked() -> None:
    query = Word("web servers", (Phrase(("http", "daemon")),), (Word("nginx"),))
    assert marked_in(query, "an HTTP daemon such as nginx") == ["HTTP daemon", "nginx"]
    apart = Word("web servers", apart=(("web",), ("servers", "server")))
    assert marked_in(apart, "a server for the web") == ["server", "web"]


def test_a_match_in_the_last_part_of_a_key_is_shown_with_the_key() -> None:
    label = Text(TextField.LABEL, "payments", "org.web.team")
    (highlight,) = found(Word("team"), label)
    assert (highlight.field, highlight.key, highlight.snippet) == (
        "label",
        "org.web.team",
        "payments",
    )
    assert highlight.ranges == ()
    assert [highlight.key[start:end] for start, end in highlight.key_ranges] == ["team"]
    assert found(Word("web"), label) == []


def test_the_name_comes_first_then_what_weighs_most_and_none_twice() -> None:
    tag, label = Text(TextField.TAG, "web-1"), Text(TextField.LABEL, "a web", "k")
    same = Text(TextField.ANNOTATION, "The web", "org.example.description")
    texts = (tag, label, same, label, description("The web"))
    highlights = found(Word("web"), *texts, name="web")
    assert [one.field for one in highlights] == ["name", "description", "label", "tag"]


def test_there_are_only_so_many() -> None:
    texts = [Text(TextField.LABEL, f"web {number}", f"k{number}") for number in range(100)]
    assert len(found(Word("web"), *texts)) == HIGHLIGHTS_MAX


def test_a_page_of_hits_is_not_looked_at_without_end() -> None:
    highlighter = Highlighter(Wildcard("w*b"))
    long = description("web " * 1_000_000)
    assert highlighter.highlights("x", [long])
    assert highlighter.highlights("x", [description("web")]) == []


@given(
    st.lists(st.sampled_from(["a", "ab", "A", "-", "_", " ", "z" * 70, "é"]), max_size=12),
    st.data(),
)
def test_marks_are_the_words_of_the_text_that_were_typed(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    in_text = list(placed_words(text))
    typed = data.draw(st.sets(st.sampled_from(sorted({one.word for one in in_text} | {"b"}))))
    expected = [text[one.start : one.end] for one in in_text if one.word in typed]
    if 0 < len(text) <= SNIPPET_MAX and typed:
        assert marked_in(Or(tuple(map(Word, sorted(typed)))), text) == expected


def test_a_long_text_is_cut_around_most_of_the_matches() -> None:
    text = "one proxy. " + "word " * 100 + "the proxy of a proxy, proxy " + "more " * 100
    (highlight,) = found(Word("proxy"), description(text))
    assert len(highlight.snippet) <= SNIPPET_MAX
    assert marked(highlight) == ["proxy"] * 3
    assert highlight.snippet.startswith("…word")
    assert highlight.snippet.endswith("more…")


def test_a_word_longer_than_a_snippet_is_marked_as_far_as_it_is_shown() -> None:
    (highlight,) = found(Prefix("aaa"), description("b " * 100 + "a" * 1_000))
    assert len(highlight.snippet) <= SNIPPET_MAX
    assert set(marked(highlight)[0]) == {"a"}


def test_a_snippet_holds_nothing_that_a_terminal_would_obey() -> None:
    (highlight,) = found(Word("web"), description("a\x1b[31m\n\u202eweb\x00"))
    assert highlight.snippet == "a [31m  web "
    assert marked(highlight) == ["web"]


@given(st.text(max_size=300), st.data())
def test_places_are_inside_the_snippet_and_in_order(text: str, data: st.DataObject) -> None:
    known = words(text)
    wanted = data.draw(st.sampled_from(known)) if known else "x"
    for highlight in found(Or((Word(wanted), Prefix(wanted[:1]))), description(text)):
        assert len(highlight.snippet) <= SNIPPET_MAX
        flat = [place for span in highlight.ranges for place in span]
        assert flat == sorted(flat)
        assert all(0 <= place <= len(highlight.snippet) for place in flat)
        assert all(start < end for start, end in highlight.ranges)
        assert highlight.ranges
