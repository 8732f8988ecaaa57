"""The fields: the condition that each makes of its value, and its mistakes."""

import pytest

from indexer.errors import QueryError
from indexer.model.document import NUMBERS
from indexer.model.query import And, Condition, Glob, Not, Or, Path, Query, Range
from search_api.query.fields import DESCRIBED, FACTS, FIELDS
from tests.search_api.query.asking import DIGEST, HEX, both, either, mistake, parsed

# Fields that read their value; all others ask for it as it is.
READING = {"artifact", "digest", "has", "is", "layer", "name", "registry", *DESCRIBED, *NUMBERS}

CONDITIONS: list[tuple[str, Query]] = [
    # Identity
    ("name:web", Path("web")),
    ("name:/web/", Path("web")),
    ("name:web*", Condition("name", "web", is_prefix=True)),
    ("name:w*b", Glob("name", "w*b")),
    ("registry:Main", either(Condition("registry", "main"), Condition("host", "main"))),
    (
        "registry:m*",
        either(Condition("registry", "m", is_prefix=True), Condition("host", "m", is_prefix=True)),
    ),
    ("registry:m?in", either(Glob("registry", "m?in"), Glob("host", "m?in"))),
    ("TAG:V1", Condition("tag", "v1")),
    ("tag:1.*", Condition("tag", "1.", is_prefix=True)),
    ("tag:*-alpine", Glob("tag", "*-alpine")),
    ("tag:*", Condition("tag", "", is_prefix=True)),
    ("tag:**", Condition("tag", "", is_prefix=True)),
    ("tag:?", Glob("tag", "?")),
    (r"tag:\*", Condition("tag", "*")),
    (f"digest:{DIGEST}", Condition("digest", DIGEST)),
    (f"digest:{HEX}", Condition("digest", HEX)),
    ("digest:sha256:abc", Condition("digest", "sha256:abc", is_prefix=True)),
    ("digest:ABC", Condition("digest", "abc", is_prefix=True)),
    ("digest:abc*", Condition("digest", "abc", is_prefix=True)),
    # What it is
    ("artifact:application/x", Condition("type", "application/x")),
    ("artifact:*sbom*", Glob("type", "*sbom*")),
    # Platforms
    ("arch:x86_64", Condition("arch", "amd64")),
    ("arch:arm64/v8", Condition("arch", "arm64")),
    ("platform:Linux/x86_64", Condition("platform", "linux/amd64")),
    ("platform:linux/*", Condition("platform", "linux/", is_prefix=True)),
    # Labels and annotations
    ("label:team=Payments", Condition("label", "team=payments")),
    ("label:team=*", Condition("label", "team=", is_prefix=True)),
    ("label:team=p*s", Glob("label", "team=p*s")),
    ('label:"a b"', Condition("label", "a b")),
    ('label:"a b"=c', Condition("label", "a b=c")),
    ('label:team="x y"', Condition("label", "team=x y")),
    ('label:a="b (c)"', Condition("label", "a=b (c)")),
    ('label:a="*"', Condition("label", "a=*")),
    ('label:"a*"*', Condition("label", "a*", is_prefix=True)),
    ("label:a:b", Condition("label", "a:b")),
    ('cmd:"nginx -g"', both(Condition("cmd", "nginx"), Condition("cmd", "g"))),
    ("entrypoint:/bin/sh", both(Condition("entrypoint", "bin"), Condition("entrypoint", "sh"))),
    # Described
    ('title:"a a"', Condition("title", "a")),
    ("title:prox*", Condition("title", "prox", is_prefix=True)),
    (r"title:reverse\ p*y", Glob("title", "reverse p*y")),
    ("title:++", Condition("title", "++")),
    ("source:https://github.com/A/b.git", Condition("source", "github.com/a/b")),
    ("source:https://github.com/a/*", Condition("source", "github.com/a/", is_prefix=True)),
    ("revision:0123ABC", Condition("revision", "0123abc", is_prefix=True)),
    ("revision:release", Condition("revision", "release")),
    # Ranges
    ("size:>100", Range("size", 101, None)),
    ("layers:<10", Range("layers", None, 9)),
    ("pulls:>=1k", Range("pulls", 1_000, None)),
    ("-pulled:*", Not(Range("pulled"))),
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
    (f"layer:{HEX[:12]}*", Condition("layer", HEX[:12])),
    # Facts
    ("is:Signed", Condition("is", "signed")),
    ("has:sbom:SPDX", Condition("has", "sbom:spdx")),
    ("has:sb*", Condition("has", "sb", is_prefix=True)),
]

MISTAKES = [
    ("layer:x", 7, "layer: needs a digest"),
    ("layer:*", 7, "layer: needs a digest"),
    ("layer:sha256:0123456789a", 7, "layer: needs a digest"),
    ("a layer:sha512:0123456789ab", 9, "layer: needs a digest"),
    ("layer:sha256:0123*456789ab", 7, "layer: takes a * only at its end"),
    ("baseof:_", 8, "baseof: needs a name"),
    ("baseof:team/*", 8, "baseof: needs a name"),
    ("base:a*b", 6, "base: takes a * only at its end"),
    ("is:sined", 4, "unknown is:sined; known are attachment, deprecated"),
    ("has:x", 5, "unknown has:x; known are attestation, provenance, sbom"),
    ("name:/", 6, "name: without a value"),
    ("source:https://", 8, "source: without a value"),
    ("label:\u0301", 7, "label: without a value"),
    ('label:""', 9, "label: without a value"),
    ("label:a*b*c*d*e*f*g*h*i*", 24, "more than 8 wildcards in one pattern"),
    ('label:"*"*x', 8, "a pattern cannot ask for a * or ? itself"),
    ("label:x?＊", 9, "a pattern cannot ask for a * or ? itself"),
    ("lable:team=x", 1, "unknown field 'lable'; did you mean label:?"),
    ("sized:>1", 1, "unknown field 'sized'; did you mean size:?"),
    ("zzz:>1", 1, "unknown field 'zzz'; known are annotation, arch, artifact"),
]


@pytest.mark.parametrize(("text", "tree"), CONDITIONS)
def test_a_field_asks_for(text: str, tree: Query) -> None:
    assert parsed(text) == tree


@pytest.mark.parametrize(("text", "column", "message"), MISTAKES)
def test_a_mistake_is_named_at_its_column(text: str, column: int, message: str) -> None:
    found = mistake(text)
    assert (found.column, str(found)[: len(message)]) == (column, message)


@pytest.mark.parametrize("field", sorted(set(FIELDS) - READING))
def test_a_plain_field_asks_for_its_value(field: str) -> None:
    assert parsed(f"{field}:Web-1.4") == Condition(field, "web-1.4")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_needs_a_value(field: str) -> None:
    with pytest.raises(QueryError, match=f"^{field}: without a value"):
        parsed(f"{field}:")
    with pytest.raises(QueryError, match=f"^{field}: without a value"):
        parsed(f'{field}:""')


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"baseof", "layer"}))
def test_any_field_can_be_asked_whether_it_is_there(field: str) -> None:
    name = {"artifact": "type"}.get(field, field)
    found = parsed(f"{field}:*")
    is_there = Condition(name, "", is_prefix=True)
    assert found in {is_there, Range(name), either(is_there, Condition("host", "", is_prefix=True))}


@pytest.mark.parametrize("field", DESCRIBED)
def test_described_fields_are_asked_for_by_their_words(field: str) -> None:
    found = parsed(f'{field}:"Reverse Proxy, fast"')
    assert found == And(tuple(Condition(field, word) for word in ("reverse", "proxy", "fast")))


def test_facts_are_known_by_their_names_alone() -> None:
    for field, names in FACTS.items():
        for name in names:
            assert parsed(f"{field}:{name}") == Condition(field, name)


def test_values_are_cut_as_documents_cut_them_after_folding() -> None:
    # A ligature becomes two characters.
    assert parsed("tag:" + "ﬁ" * 200) == Condition("tag", "fi" * 128)
    assert parsed(f"label:{'k' * 300}={'v' * 300}") == Condition(
        "label", f"{'k' * 256}={'v' * 256}"
    )
    assert parsed(f"env:a={'v' * 300}") == Condition("env", f"a={'v' * 256}")
    cut = Condition("annotation", f"k={'v' * 256}", is_prefix=True)
    assert parsed(f"annotation:k={'v' * 300}*") == cut
    assert parsed(f"tag:{'a' * 256}*b") == Condition("tag", "a" * 256)
    assert parsed(f"tag:{'a' * 255}*b") == Glob("tag", "a" * 255 + "*")
    assert parsed(f"title:{'a' * 300}") == Condition("title", "a" * 64)


def test_a_name_that_is_also_a_field_is_asked_for_otherwise() -> None:
    registry_2 = both(Path("registry"), Condition("tag", "2"))
    assert parsed("/registry:2") == registry_2
    assert parsed(r"registry\:2") == registry_2
    assert parsed("docker pull registry:2") == registry_2
    assert isinstance(parsed("registry:2"), Or)
