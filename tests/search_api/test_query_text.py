"""The query language: what each form means, where each mistake is, and nothing else happens."""

import random
import time

import pytest

from indexer.errors import QueryError
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
from indexer.model.text import fold
from search_api.query_text import (
    DEPTH_MAX,
    FACTS,
    FIELDS,
    QUERY_MAX,
    parse_query,
    plain_query,
)

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


def both(*parts: Query) -> And:
    return And(parts)


FORMS: list[tuple[str, Query]] = [
    # Everything
    ("", Everything()),
    (" \t\n\u00a0\u3000", Everything()),
    ("*", Everything()),
    ("***", Everything()),
    ("/", Everything()),
    ("()", Everything()),
    ("(())", Everything()),
    ("* *", Everything()),
    ("nginx *", Word("nginx")),
    # Lineage
    ("base:Alpine", Condition("base", "alpine")),
    ("base:team/base:1.2", Condition("base", "team/base:1.2")),
    ("base:team/*", Condition("base", "team/", is_prefix=True)),
    (f"base:{DIGEST}", Condition("base", DIGEST)),
    (f"base:{DIGEST[:20]}", Condition("base", DIGEST[:20], is_prefix=True)),
    ("baseof:host:5000/team/web:1", Condition("baseof", "host:5000/team/web:1")),
    (f"baseof:{DIGEST}", Condition("baseof", DIGEST)),
    (f"layer:{DIGEST}", Condition("layer", DIGEST)),
    (f"layer:{HEX[:12]}", Condition("layer", HEX[:12])),
    # Words
    ("nginx", Word("nginx")),
    ("NGINX", Word("nginx")),
    ("nginx ingress", both(Word("nginx"), Word("ingress"))),
    ("  nginx\tingress ", both(Word("nginx"), Word("ingress"))),
    ("nginx\u3000ingress", both(Word("nginx"), Word("ingress"))),
    ("nginx-ingress", Word("nginx-ingress")),
    ("caf\u00e9", Word("cafe")),
    ("cafe\u0301", Word("cafe")),
    ("数据库", Word("数据库")),
    ("ΣΊΣΥΦΟΣ", Word(fold("ΣΊΣΥΦΟΣ"))),
    ("_", Word("_")),
    ("%", Word("%")),
    ("\\", Word("\\")),
    ("web-", Word("web-")),
    ("-", Word("-")),
    ("a -", both(Word("a"), Word("-"))),
    ("a\0b", Word("a\0b")),
    ("\ufffd\ufffd", Word("\ufffd\ufffd")),
    ("C++", Word("c++")),
    (":x", Word(":x")),
    # Phrases
    ('"reverse proxy"', Phrase(("reverse", "proxy"))),
    ('"Reverse,  PROXY!"', Phrase(("reverse", "proxy"))),
    ('"nginx"', Word("nginx")),
    ('"(a b)"', Phrase(("a", "b"))),
    ('"OR"', Word("or")),
    ('"a" "b c"', both(Word("a"), Phrase(("b", "c")))),
    ('x"y z"', Word("xy z")),
    # Prefixes
    ("ngin*", Prefix("ngin")),
    ("NGIN*", Prefix("ngin")),
    ("caf\u00e9*", Prefix("cafe")),
    ("/ngin*", Prefix("ngin")),
    ("team/w*", Condition("repo", "team/w", is_prefix=True)),
    ("team/*", Condition("repo", "team/", is_prefix=True)),
    # Booleans
    ("a OR b", Or((Word("a"), Word("b")))),
    ("a OR b OR c", Or((Word("a"), Word("b"), Word("c")))),
    ("a b OR c d", both(Word("a"), Or((Word("b"), Word("c"))), Word("d"))),
    ("a or b", both(Word("a"), Word("or"), Word("b"))),
    ("a AND b", both(Word("a"), Word("b"))),
    ("AND a", Word("a")),
    ("-a", Not(Word("a"))),
    ("--a", Not(Not(Word("a")))),
    ("NOT a", Not(Word("a"))),
    ("NOT NOT a", Not(Not(Word("a")))),
    ("a -b", both(Word("a"), Not(Word("b")))),
    ("a-b", Word("a-b")),
    ("-*", Not(Everything())),
    ('-"a b"', Not(Phrase(("a", "b")))),
    ("-(a OR b)", Not(Or((Word("a"), Word("b"))))),
    ("a OR -b", Or((Word("a"), Not(Word("b"))))),
    ("a OR AND b", Or((Word("a"), Word("b")))),
    ("(a OR b) c", both(Or((Word("a"), Word("b"))), Word("c"))),
    ("(a)(b)", both(Word("a"), Word("b"))),
    ("a(b c)", both(Word("a"), both(Word("b"), Word("c")))),
    ("not a", both(Word("not"), Word("a"))),
    # References
    ("team/web", Path("team/web")),
    ("/team/web/", Path("team/web")),
    ("/nginx", Word("nginx")),
    ("nginx/", Word("nginx")),
    ("TEAM/Web", Path("team/web")),
    ("a/b/c", Path("a/b/c")),
    ("a/%", Path("a/%")),
    ("web:1.4", both(Path("web"), Condition("tag", "1.4"))),
    ("web:V1", both(Path("web"), Condition("tag", "v1"))),
    (
        "nginx:latest -alpine",
        both(both(Path("nginx"), Condition("tag", "latest")), Not(Word("alpine"))),
    ),
    (f"web@{DIGEST}", both(Path("web"), Condition("digest", DIGEST))),
    (
        "web@sha256:0123abcd",
        both(Path("web"), Condition("digest", "sha256:0123abcd", is_prefix=True)),
    ),
    (
        f"web:1.4@{DIGEST}",
        both(Path("web"), Condition("tag", "1.4"), Condition("digest", DIGEST)),
    ),
    ("web@sha256:01", Word("web@sha256:01")),
    (
        "reg.example:5000/team/web:1",
        both(both(Condition("host", "reg.example:5000"), Path("team/web")), Condition("tag", "1")),
    ),
    (
        "reg.example/team/web",
        Or(
            (Path("reg.example/team/web"), both(Condition("host", "reg.example"), Path("team/web")))
        ),
    ),
    (
        "localhost/web",
        Or((Path("localhost/web"), both(Condition("host", "localhost"), Path("web")))),
    ),
    # Conditions
    ("tag:1.4", Condition("tag", "1.4")),
    ("TAG:V1", Condition("tag", "v1")),
    ("tag:1.*", Condition("tag", "1.", is_prefix=True)),
    ("tag:*", Condition("tag", "", is_prefix=True)),
    ("label:team=Payments", Condition("label", "team=payments")),
    ("label:team", Condition("label", "team")),
    ("label:team=*", Condition("label", "team=", is_prefix=True)),
    ('label:"a b"', Condition("label", "a b")),
    ('label:a="b (c)"', Condition("label", "a=b (c)")),
    ("label:a:b", Condition("label", "a:b")),
    ("annotation:k=v", Condition("annotation", "k=v")),
    ("kind:image", Condition("kind", "image")),
    ("type:application/x", Condition("type", "application/x")),
    ("os:Linux", Condition("os", "linux")),
    ("arch:amd64", Condition("arch", "amd64")),
    ("arch:x86_64", Condition("arch", "amd64")),
    ("arch:aarch64", Condition("arch", "arm64")),
    ("arch:arm64/v8", Condition("arch", "arm64")),
    ("arch:arm/v7", Condition("arch", "arm/v7")),
    ("arch:arm*", Condition("arch", "arm", is_prefix=True)),
    ("arch:a/b/c", Condition("arch", "a/b/c")),
    ("platform:linux/arm64", Condition("platform", "linux/arm64")),
    ("platform:linux/arm64/v8", Condition("platform", "linux/arm64")),
    ("platform:Linux/x86_64", Condition("platform", "linux/amd64")),
    ("platform:linux/arm/v7", Condition("platform", "linux/arm/v7")),
    ("platform:windows/amd64:10.0", Condition("platform", "windows/amd64:10.0")),
    ("platform:linux", Condition("platform", "linux")),
    ("platform:linux/*", Condition("platform", "linux/", is_prefix=True)),
    (f"digest:{DIGEST}", Condition("digest", DIGEST)),
    (f"digest:{HEX}", Condition("digest", HEX)),
    ("digest:sha256:abc", Condition("digest", "sha256:abc", is_prefix=True)),
    ("digest:ABC", Condition("digest", "abc", is_prefix=True)),
    ("digest:abc*", Condition("digest", "abc", is_prefix=True)),
    ("repo:team/web", Condition("repo", "team/web")),
    ("repo:team/*", Condition("repo", "team/", is_prefix=True)),
    ("name:web", Path("web")),
    ("name:/web/", Path("web")),
    ("name:web*", Condition("name", "web", is_prefix=True)),
    ("registry:Main", Or((Condition("registry", "main"), Condition("host", "main")))),
    (
        "registry:m*",
        Or((Condition("registry", "m", is_prefix=True), Condition("host", "m", is_prefix=True))),
    ),
    ("-label:x", Not(Condition("label", "x"))),
    ("tag:a OR tag:b", Or((Condition("tag", "a"), Condition("tag", "b")))),
]

MISTAKES = [
    ("layer:x", 7, "layer: needs a digest"),
    ("layer:sha256:0123456789a", 7, "layer: needs a digest"),
    ("a layer:sha512:0123456789ab", 9, "layer: needs a digest"),
    ("baseof:_", 8, "baseof: needs a name"),
    ("baseof:team/*", 8, "baseof: needs a name"),
    ("OR", 1, "a word is missing"),
    ("a OR", 5, "a word is missing"),
    ("a OR OR b", 6, "a word is missing"),
    ("OR a", 1, "a word is missing"),
    ("(OR a)", 2, "a word is missing"),
    ("(a OR)", 6, "a word is missing"),
    ("NOT", 4, "a word is missing"),
    ("AND", 4, "a word is missing"),
    ("a NOT", 6, "a word is missing"),
    ("-)", 2, "a word is missing"),
    ("-OR", 2, "a word is missing"),
    ("-(", 2, "a ( that is not closed"),
    (")", 1, "a ) without its ("),
    ("a b)", 4, "a ) without its ("),
    ("(a))", 4, "a ) without its ("),
    ("(", 1, "a ( that is not closed"),
    ("a (b (c)", 3, "a ( that is not closed"),
    ('"', 1, 'a " that is not closed'),
    ('a "b c', 3, 'a " that is not closed'),
    ('a"b" c"d', 7, 'a " that is not closed'),
    ('""', 1, "a phrase without a word"),
    ('x "*"', 3, "a phrase without a word"),
    ("a*b", 2, "a * can only end a word"),
    ("x *b", 3, "a * can only end a word"),
    ("a*b*", 2, "a * can only end a word"),
    ("//a*b", 4, "a * can only end a word"),
    ("team/a*b/c", 7, "a * can only end a word"),
    ("label:a*b", 8, "a * can only end a word"),
    ("x label:a=*b", 11, "a * can only end a word"),
    ("web-ap*", 1, "a * goes behind the beginning of one word"),
    ("x //-*", 5, "a * goes behind the beginning of one word"),
    ("label:", 7, "label: without a value"),
    ("x TAG:", 7, "tag: without a value"),
    ("x:", 1, "unknown field 'x'; known are annotation, arch"),
    ("web:", 1, "unknown field 'web'"),
    ("http://x", 1, "unknown field 'http'"),
    ("a lable:team=x", 3, "unknown field 'lable'"),
    ("(" * (DEPTH_MAX + 1), DEPTH_MAX + 1, "nested deeper than 20"),
    ("-" * DEPTH_MAX + "a", DEPTH_MAX + 1, "nested deeper than 20"),
    ("NOT " * 5_00, 4 * DEPTH_MAX + 1, "nested deeper than 20"),
    ("(" * QUERY_MAX, DEPTH_MAX + 1, "nested deeper than 20"),
    ("a" * (QUERY_MAX + 1), QUERY_MAX + 1, "a query of more than 2000 characters"),
]


@pytest.mark.parametrize(("text", "tree"), FORMS)
def test_every_form_means_what_it_should(text: str, tree: Query) -> None:
    assert parse_query(text) == tree


@pytest.mark.parametrize(("text", "column", "message"), MISTAKES)
def test_every_mistake_is_named_at_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert str(caught.value).startswith(message)
    assert caught.value.column == column


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_takes_a_value_and_needs_one(field: str) -> None:
    value = "0123456789ab" if field == "layer" else FACTS.get(field, "x")[0]
    assert parse_query(f"{field}:{value}") is not None
    with pytest.raises(QueryError, match=f"{field}: without a value"):
        parse_query(f"{field}:")


def test_facts_are_asked_for_by_their_names() -> None:
    assert parse_query("is:Signed") == Condition("is", "signed")
    assert parse_query("has:sbom:SPDX") == Condition("has", "sbom:spdx")
    assert parse_query("has:sb*") == Condition("has", "sb", is_prefix=True)
    with pytest.raises(QueryError, match="unknown is:sined; known are attachment, deprecated"):
        parse_query("is:sined")


def test_the_limits_themselves_are_allowed() -> None:
    assert parse_query("a" * QUERY_MAX) == Word("a" * QUERY_MAX)
    nested = "(" * (DEPTH_MAX - 1) + "a" + ")" * (DEPTH_MAX - 1)
    assert parse_query(nested) == Word("a")


def test_many_groups_side_by_side_are_not_deep() -> None:
    found = parse_query("(a) -(b) " * 100)
    assert isinstance(found, And)
    assert len(found.parts) == 200


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("nginx (proxy", both(Word("nginx"), Word("proxy"))),
        ('a "a b', both(Word("a"), Word("b"))),
        ("x:", Word("x")),
        ("OR", Word("or")),
        ("caf\u00e9 -", Word("cafe")),
        # Punctuation is not a wildcard.
        ("(", Word("(")),
        ('"*"', Word('"*"')),
        (" )( ", Word(")(")),
        ("a" * 5_000, Word("a" * 64)),
    ],
)
def test_plain_words_are_found_in_anything(text: str, tree: Query) -> None:
    assert plain_query(text) == tree


def parts_of(query: Query) -> list[Query]:
    match query:
        case And(parts) | Or(parts):
            return [query, *(found for part in parts for found in parts_of(part))]
        case Not(part):
            return [query, *parts_of(part)]
        case _:
            return [query]


PIECES = ["a", "nginx", "team/web", "web:1.4", "@", DIGEST, " ", "  ", "*", '"', "(", ")", "-"]
PIECES += ["--", "/", ":", "OR", "AND", "NOT", "label:", "tag:", "name:", "arch:", "platform:"]
PIECES += [
    "digest:",
    "x:",
    "=",
    "%",
    "_",
    "\\",
    "\0",
    "\n",
    "\u00e9",
    "e\u0301",
    "\u202e",
    "\ufffd",
]
PIECES += ["\ud800", "\U0001f433", "İ", "ß", "ﬁ", "数", "\u200b", "'", ";", "[", "]", "{", "}", "~"]
PIECES += ["^", "+", "|", "&", "?", "!", "..", "<", ">"]


def random_text(random_: random.Random) -> str:
    kind = random_.random()
    if kind < 0.6:
        return "".join(random_.choices(PIECES, k=random_.randint(0, 12)))
    if kind < 0.9:
        return "".join(chr(random_.randint(0, 0x2FF)) for _ in range(random_.randint(0, 30)))
    return "".join(chr(random_.randint(0, 0x10FFFF)) for _ in range(random_.randint(0, 30)))


def parsed(text: str) -> tuple[Query, int | None]:
    """Return what a text asks for; its words and the column where it has a mistake."""
    try:
        return parse_query(text), None
    except QueryError as error:
        return plain_query(text), error.column


def test_any_text_is_a_tree_or_a_mistake_at_a_column() -> None:
    """20,000 random texts: nothing but QueryError is raised, and nothing is taken literally."""
    random_ = random.Random(7)
    mistakes = 0
    started = time.monotonic()
    for _ in range(20_000):
        text = random_text(random_)
        tree, column = parsed(text)
        mistakes += column is not None
        assert column is None or 1 <= column <= len(text) + 1, repr(text)
        for part in parts_of(tree):
            match part:
                case Word(found) | Path(found) | Prefix(found) | Condition(_, found, _):
                    assert found == fold(found), repr(text)
                case Phrase(found_words):
                    assert len(found_words) > 1, repr(text)
                case _:
                    pass
    assert 1_000 < mistakes < 19_000, "the texts are a mix"
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "text",
    [
        "a-" * 1_000,
        "a/" * 1_000,
        "a." * 1_000,
        "a:" * 1_000,
        "a__" * 666,
        '"a' * 1_000,
        "-" * 2_000,
    ],
)
def test_hostile_texts_take_no_longer_than_others(text: str) -> None:
    """The pattern of references must not try every way to cut a text."""
    started = time.monotonic()
    parsed(text[:QUERY_MAX])
    assert time.monotonic() - started < 2
