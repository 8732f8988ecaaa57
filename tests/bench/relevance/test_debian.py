"""The set about Debian's packages is well-formed, and its catalogue is made of apt's records."""

from collections import Counter
from pathlib import Path

import pytest

from bench.relevance.debian import (
    FOLDER,
    PackagesError,
    make_catalogue,
    package_names,
    read_apt,
    read_catalogue,
)
from bench.relevance.judged import (
    BEST,
    JudgedQuery,
    classes,
    debian_set,
    judged_queries,
    split_halves,
    things,
)
from indexer.model.names import parse_repository_name
from indexer.model.spelling import EDITS_MAX, edits

RECORDS = """\
Package: nginx
Version: 1.22.1-9
Description-en: small, powerful, scalable web/proxy server
 Nginx ("engine X") is a web and proxy server.
 .
 Homepage: none of this line
Description-md5: cb534cf82475d3e706f730549c99229f
Homepage: https://nginx.org
Section: httpd

Package: ngircd
Description: lightweight Internet Relay Chat server
Section: contrib/net

"""
CLASSES = (
    "exact",
    "typo",
    "word",
    "two words",
    "form",
    "synonym",
    "group",
    "too many words",
    "tool and thing",
    "glued and split",
)
QUERIES = judged_queries(FOLDER)
NAMES = package_names()


def test_there_are_enough_of_each_class() -> None:
    assert tuple(classes(FOLDER)) == CLASSES
    assert len(QUERIES) >= 300
    assert min(classes(FOLDER).values()) >= 30
    assert 400 <= len(NAMES) <= 1000


def test_the_packages_are_in_order_and_each_is_there_once() -> None:
    assert list(NAMES) == sorted(set(NAMES))


def test_every_package_can_be_a_repository() -> None:
    """A name with a plus sign, say, is none of a repository and raises."""
    for name in NAMES:
        parse_repository_name(f"net/{name}")


def test_no_query_is_asked_twice() -> None:
    asked = Counter(query.text.lower() for query in QUERIES)
    assert [text for text, times in asked.items() if times > 1] == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text)
def test_every_query_has_a_best_answer_and_grades_what_there_is(query: JudgedQuery) -> None:
    assert max(query.grades.values()) == BEST
    assert min(query.grades.values()) >= 1
    assert [name for name in query.grades if name not in NAMES] == []


def test_every_thing_is_meant_by_a_query() -> None:
    assert set(things(FOLDER)) == {query.thing for query in QUERIES if query.thing}


def test_an_exact_name_is_the_only_answer() -> None:
    for query in QUERIES:
        if query.query_class == "exact":
            assert query.grades == {query.text: BEST}


def test_a_typing_mistake_is_an_edit_or_two_away_from_what_is_meant() -> None:
    for query in QUERIES:
        if query.query_class == "typo":
            meant = {query.thing, *(n for n, grade in query.grades.items() if grade == BEST)}
            nearest = min(edits(query.text, name, limit=EDITS_MAX) for name in meant if name)
            assert 1 <= nearest <= EDITS_MAX, query.text


def test_half_of_each_class_is_set_aside() -> None:
    halves = [Counter(query.query_class for query in half) for half in split_halves(QUERIES)]
    assert {name: tuple(half[name] for half in halves) for name in CLASSES} == {
        name: (number - number // 2, number // 2) for name, number in classes(FOLDER).items()
    }
    assert sorted(q.text for half in split_halves(QUERIES) for q in half) == sorted(
        query.text for query in QUERIES
    )


def test_a_record_becomes_an_image_that_says_the_same() -> None:
    entry = make_catalogue(["nginx"], RECORDS).repositories["nginx"]
    assert entry.name == "httpd/nginx"
    assert entry.said() == {
        "org.opencontainers.image.title": "nginx",
        "org.opencontainers.image.description": "small, powerful, scalable web/proxy server",
        "org.opencontainers.image.url": "https://nginx.org",
    }


def test_the_area_of_a_section_is_no_part_of_the_name() -> None:
    assert make_catalogue(["ngircd"], RECORDS).repositories["ngircd"].name == "net/ngircd"


def test_only_named_packages_are_taken_and_missing_ones_are_told() -> None:
    found = make_catalogue(["ngircd", "caddy"], RECORDS)
    assert (set(found.repositories), found.missing) == ({"ngircd"}, ("caddy",))


def test_a_machine_without_apt_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesError, match="apt-cache cannot be run"):
        read_apt(["nginx"])


def test_lists_that_lack_most_packages_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "apt-cache"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{RECORDS}END\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(PackagesError, match=f"lack {len(NAMES) - 2} of {len(NAMES)} packages"):
        read_catalogue()


def test_without_its_best_answers_a_query_is_not_asked() -> None:
    packages = make_catalogue(NAMES, RECORDS)
    asked = [
        query
        for is_set_aside in (False, True)
        for query in debian_set(packages, is_set_aside=is_set_aside).queries
    ]
    assert {"nginx", "relay chat", "nginx-light", "caches"} & {query.text for query in asked} == {
        "nginx",
        "relay chat",
    }
    assert {name for query in asked for name in query.grades} == {"httpd/nginx", "net/ngircd"}
