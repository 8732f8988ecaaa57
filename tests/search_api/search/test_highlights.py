"""Highlights: matches have exact ranges, even if folding changes lengths."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.model.document import Text, TextBlock, TextField, text_blocks
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
from indexer.model.spelling import edits, edits_allowed
from indexer.model.text import PlacedWord, placed_words, printable, words
from search_api.search.highlights import HIGHLIGHTS_MAX, SNIPPET_MAX, Highlighter, TextHighlight

Spans = tuple[tuple[int, int], ...]


def description(text: str) -> Text:
    return Text(TextField.DESCRIPTION, text)


def found(query: Query, *texts: Text, name: str = "x/y") -> list[TextHighlight]:
    return Highlighter(query).highlights(name, text_blocks(texts))


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


def test_the_last_hit_of_a_page_is_marked_as_the_first() -> None:
    """No limit of what is read for a page takes the marks from hits that a reader sees."""
    highlighter = Highlighter(Or((Wildcard("w?b"), Fuzzy("weeb"))))
    for page in range(40):
        many = " ".join(f"{page}x{number}" for number in range(1_000))
        (one,) = highlighter.highlights("x", text_blocks([description(f"{many} web")]))
        assert marked(one) == ["web"]


def test_nothing_is_looked_for_behind_the_last_text_that_is_shown() -> None:
    class Watched(list[TextBlock]):
        read = 0

        def __iter__(self) -> Iterator[TextBlock]:
            for block in super().__iter__():
                self.read += 1
                yield block

    titles = [Text(TextField.TITLE, f"web {number}") for number in range(HIGHLIGHTS_MAX)]
    blocks = Watched(text_blocks([*titles, description("web"), Text(TextField.TAG, "web")]))
    assert len(Highlighter(Word("web")).highlights("x", blocks)) == HIGHLIGHTS_MAX
    assert blocks.read == 1


PIECES = (
    "web",
    "we",
    "Web",
    "webs",
    "wéb",
    "\u0301",
    "ﬁle",
    "-",
    " ",
    "\x7f",
    "\x01",
    "z" * 70,
    "İ",
    "ß",
)
LABELS = ("", "web", "org.web", "org.web.team", "a/web", "x.wébs")
PARTS: tuple[Query, ...] = (
    *(Word(word) for word in ("web", "we", "z" * 64, "file", "i", "ss")),
    *(Prefix("we"), Prefix("z"), Wildcard("*eb"), Wildcard("w?b*"), Wildcard("*we*"), Fuzzy("wbe")),
    *(Phrase(("web", "we")), Phrase(("we", "webs", "we")), Path("team/we")),
)


SHORT = slice(SNIPPET_MAX)


@given(
    st.sets(st.sampled_from(PARTS), min_size=1, max_size=3),
    st.lists(
        st.tuples(
            st.sampled_from(TextField),
            # Longer ones are cut.
            st.lists(st.sampled_from(PIECES), max_size=6).map("".join).map(itemgetter(SHORT)),
            st.sampled_from(LABELS),
        ).map(Text._make),
        max_size=12,
    ),
)
def test_what_is_shown_is_what_a_look_at_every_word_of_every_text_finds(
    parts: set[Query], texts: list[Text]
) -> None:
    highlights = found(Or(tuple(parts)), *texts, name="n")
    assert [
        (one.field, one.key, one.snippet, one.ranges, one.key_ranges) for one in highlights
    ] == [
        (field, key, printable(text), marks, key_marks)
        for field, key, text, marks, key_marks in looked_through(parts, texts)
    ]


def looked_through(
    parts: Collection[Query], texts: Iterable[Text]
) -> list[tuple[str, str, str, Spans, Spans]]:
    """Return what is shown of short texts, in the simplest way."""
    shown: dict[tuple[str, str], tuple[str, str, str, Spans, Spans]] = {}
    for text in sorted(texts, key=lambda text: list(TextField).index(text.field)):
        marks, key_marks = marks_of(parts, text.text), marks_of(parts, text.key_words)
        start = len(text.key) - len(text.key_words)
        of_key = tuple((start + first, start + end) for first, end in key_marks)
        if marks or of_key:
            one = (text.field.value, text.key, text.text, marks, of_key)
            shown.setdefault((text.key if of_key else "", printable(text.text)), one)
    return list(shown.values())[:HIGHLIGHTS_MAX]


def marks_of(parts: Iterable[Query], text: str) -> Spans:
    placed = list(placed_words(text))
    marks = sorted(span for part in parts for span in spans_of(part, placed))
    merged: list[tuple[int, int]] = []
    for start, end in marks:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def spans_of(part: Query, placed: Sequence[PlacedWord]) -> Iterator[tuple[int, int]]:
    for number, (word, start, last) in enumerate(placed):
        end = last
        match part:
            case Word(typed):
                is_marked = word in words(typed)
            case Prefix(typed):
                is_marked = word.startswith(typed)
            case Wildcard(typed):
                is_marked = fnmatchcase(word, typed)
            case Fuzzy(typed):
                is_marked = edits(typed, word, limit=9) <= edits_allowed(typed)
            case Phrase(typed):
                some = placed[number : number + len(typed)]
                is_marked = tuple(one.word for one in some) == typed
                end = some[-1].end
            case _:
                is_marked = False
        if is_marked:
            yield start, end


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
