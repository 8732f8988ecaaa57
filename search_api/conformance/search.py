"""Sections 1, 3.1, 3.2, 3.4 to 3.6 and 7: the results and the answer of a search."""

import re
from collections.abc import Mapping
from typing import Any

from search_api.conformance.server import (
    API,
    DIGEST,
    TIME,
    ApiResponse,
    NothingToCheckError,
    Server,
    quote_value,
    read_key,
    read_value,
    require,
)

TYPES = ("repository", "image")
_FACETS = ("registry", "kind", "platform", "arch", "os", "has", "license", "vendor", "tag")
"""The facets whose values are also values of conditions."""
_TEXTS = ("registry", "repository", "reference", "kind", "title", "description")
_FIELDS = {"name", "title", "description", "metadata", "label", "annotation", "tag"}
_LONG_WORD = re.compile(r"[a-z]{7,}")
_NONE = type(None)
_SHORT_DIGEST = 12
_FEW = 5


def answers_have_all_keys(server: Server) -> None:
    """Check the keys of an answer, of both types."""
    for kind in TYPES:
        found = server.search(type=kind)
        require(found.body.get("type") == kind, f"{found.address}: type is not {kind}")
        read_value(found, "total", int)
        read_value(found, "total_is_exact", bool)
        read_value(found, "results", list)
        read_value(found, "facets", dict)
        read_value(found, "suggestion", (dict, _NONE))
        read_value(found, "next", (str, _NONE))
        read_value(found, "freshness", dict)
        if "access" in found.body:
            access = read_value(found, "access", dict)
            read_key(access, "limited", bool, where="access")
            read_key(access, "problem", (str, _NONE), where="access")


def repository_is_the_default(server: Server) -> None:
    """Check that a search without a type returns repositories, 25 of them."""
    found = server.get(f"{API}/search")
    require(found.body.get("type") == "repository", f"{found.address}: not of type repository")
    listed = read_value(found, "results", list)
    require(len(listed) <= 25, f"{found.address}: {len(listed)} results where no limit is given")


def results_have_all_keys(server: Server) -> None:
    """Check the keys of results, of both types."""
    for kind in TYPES:
        for result in server.results(type=kind):
            where = f"a result of type {kind}"
            for key in _TEXTS:
                read_key(result, key, str, where=where)
            for key in ("created_at", "pushed_at"):
                _check_time(read_key(result, key, (str, _NONE), where=where), where=where)
            read_key(result, "platforms", list, where=where)
            size = read_key(result, "size_bytes", (int, _NONE), where=where)
            require(size is None or size >= 0, f"{where}: size_bytes is {size}")
            links = read_key(result, "links", dict, where=where)
            read_key(links, "self", str, where=f"{where}, links")
            _check_own_keys(result, kind, where=where)


def _check_own_keys(result: Mapping[str, Any], kind: str, *, where: str) -> None:
    if kind == "image":
        digest = read_key(result, "digest", str, where=where)
        require(DIGEST.fullmatch(digest), f"{where}: digest is {digest!r}")
        read_key(result, "tags", list, where=where)
        read_key(result, "labels", dict, where=where)
        read_key(result, "annotations", dict, where=where)
    else:
        read_key(result, "tag_count", int, where=where)
        read_key(result, "newest_tags", list, where=where)


def _check_time(text: str | None, *, where: str) -> None:
    require(text is None or TIME.fullmatch(text), f"{where}: no time in UTC: {text!r}")


def texts_are_one_line(server: Server) -> None:
    """Check that titles and descriptions have no control characters."""
    for kind in TYPES:
        for result in server.results(type=kind):
            for key in ("title", "description"):
                text = str(result.get(key))
                require(text.isprintable(), f"{key} of {result['reference']}: {text[:100]!r}")


def limits_are_kept(server: Server) -> None:
    """Check that a page has the requested number of results while there are more."""
    for limit in (1, 2):
        found = server.search(limit=str(limit))
        total, listed = read_value(found, "total", int), read_value(found, "results", list)
        wanted = min(limit, total)
        require(len(listed) == wanted, f"{found.address}: {len(listed)} results, not {wanted}")
        has_next = read_value(found, "next", (str, _NONE)) is not None
        require(has_next == (total > limit), f"{found.address}: total {total}, next {has_next}")


def what_is_named_is_found(server: Server) -> None:
    """Check that a reference, a digest, its beginning and a repository find their content."""
    image = server.results(type="image")[0]
    digest = image["digest"]
    beginning = digest.partition(":")[2][:_SHORT_DIGEST]
    for query in (image["reference"], digest, beginning, f"repo:{image['repository']}"):
        found = server.search(query, type="image", limit="1000")
        digests = [one.get("digest") for one in read_value(found, "results", list)]
        if found.body.get("next") is None:
            require(digest in digests, f"{found.address}: {digest} is missing")
    first = server.results(image["repository"], type="repository")[0]["repository"]
    require(first == image["repository"], f"{image['repository']!r} finds {first!r} first")


def negation_is_the_rest(server: Server) -> None:
    """Check that a query and its negation find everything, and OR no more than both."""
    for kind in TYPES:
        result = server.results(type=kind)[0]
        condition = f"kind:{quote_value(result['kind'])}"
        all_of_it = server.total("", type=kind)
        having, others = (
            server.total(condition, type=kind),
            server.total(f"-{condition}", type=kind),
        )
        require(
            having + others == all_of_it,
            f"{condition}: {having} match and {others} do not, of {all_of_it}",
        )
        either = server.total(f"{condition} OR -{condition}", type=kind)
        require(either == all_of_it, f"{condition} OR its opposite: {either} of {all_of_it}")
        both = server.total(f"{condition} -{condition}", type=kind)
        require(both == 0, f"{condition} and its opposite: {both}, not 0")


def case_makes_no_difference(server: Server) -> None:
    """Check that upper and lower case find the same."""
    name = server.results(type="repository")[0]["repository"].rpartition("/")[2]
    lower, upper = server.total(name.lower()), server.total(name.upper())
    require(lower == upper, f"{name.lower()!r} finds {lower}, {name.upper()!r} {upper}")


def registries_are_kept_apart(server: Server) -> None:
    """Check that ``registry`` as a parameter and as a condition mean the same."""
    name = server.results()[0]["registry"]
    found = server.search(registry=name, limit="1000")
    others = {one["registry"] for one in found.body["results"]} - {name}
    require(not others, f"{found.address}: results of {sorted(others)}")
    by_condition = server.total(f"registry:{quote_value(name)}")
    by_parameter = read_value(found, "total", int)
    require(
        by_condition == by_parameter, f"registry:{name} finds {by_condition}, not {by_parameter}"
    )
    error = server.read_refusal(f"{API}/search", {"registry": "no-such-registry"}, status=404)
    require(error["code"] == "NOT_FOUND", f"registry=no-such-registry: {error['code']}")


def facets_count_all_that_match(server: Server) -> None:
    """Check that each count of a facet is the total of its value's query."""
    for kind in TYPES:
        found = server.search(type=kind, facets=",".join(_FACETS), limit="1")
        facets = read_value(found, "facets", dict)
        for name in _FACETS:
            facet = read_key(facets, name, dict, where=f"{found.address}, facets")
            _check_facet(server, name, facet, kind=kind)


def _check_facet(server: Server, name: str, facet: Mapping[str, Any], *, kind: str) -> None:
    where = f"facet {name}"
    values = read_key(facet, "values", list, where=where)
    read_key(facet, "others", int, where=where)
    counts = [read_key(one, "count", int, where=where) for one in values]
    require(counts == sorted(counts, reverse=True), f"{where}: not most frequent first: {counts}")
    for one in values[:3]:
        value = read_key(one, "value", str, where=where)
        total = server.total(read_key(one, "query", str, where=where), type=kind)
        require(total == one["count"], f"{where}: {value} counts {one['count']}, found {total}")


def highlights_are_inside_their_snippets(server: Server) -> None:
    """Check that a word of a name is highlighted, with ranges inside the snippet."""
    name = server.results(type="repository")[0]["repository"].rpartition("/")[2]
    results = server.results(quote_value(name))
    marked = 0
    for result in results:
        match = read_key(result, "match", dict, where="a result")
        read_key(match, "score", (int, float), where="match")
        for one in read_key(match, "highlights", list, where="match"):
            marked += 1
            _check_highlight(one)
    require(marked, f"{name!r} finds results and highlights none of their texts")


def _check_highlight(highlight: Mapping[str, Any]) -> None:
    where = "a highlight"
    field = read_key(highlight, "field", str, where=where)
    require(field in _FIELDS, f"{where}: unknown field {field!r}")
    snippet = read_key(highlight, "snippet", str, where=where)
    end = 0
    for pair in read_key(highlight, "ranges", list, where=where):
        require(
            isinstance(pair, list) and len(pair) == 2 and end <= pair[0] < pair[1] <= len(snippet),
            f"{where}: range {pair} is not in {snippet!r} or not in order",
        )
        end = pair[1]


def a_suggestion_finds_something(server: Server) -> None:
    """Check that a wrong spelling is corrected, if the service corrects, and that it says so."""
    names = " ".join(one["repository"] for one in server.results(limit="100"))
    word = next(iter(_LONG_WORD.findall(names)), None)
    if word is None:
        raise NothingToCheckError("no repository has a long word in its name")
    slip = word[:3] + word[4] + word[3] + word[5:]
    found = server.search(slip)
    suggestion = read_value(found, "suggestion", (dict, _NONE))
    if suggestion is None:
        raise NothingToCheckError(f"{found.address}: nothing is suggested")
    text = read_key(suggestion, "query", str, where="suggestion")
    is_used = read_key(suggestion, "is_used", bool, where="suggestion")
    total = server.total(text)
    require(total, f"the suggestion {text!r} finds nothing")
    if is_used:
        shown = read_value(found, "total", int)
        require(shown == total, f"{text!r} is said to be used: total {shown}, not {total}")


def freshness_says_how_true_it_is(server: Server) -> None:
    """Check the freshness of an answer."""
    found = server.search(limit="1")
    freshness = read_value(found, "freshness", dict)
    complete = read_key(freshness, "complete", bool, where="freshness")
    exact = read_value(found, "total_is_exact", bool)
    require(complete or not exact, f"{found.address}: exact, and not complete")
    for name, one in read_key(freshness, "registries", dict, where="freshness").items():
        where = f"freshness of {name}"
        for key in ("newest_event_applied_at", "last_complete_crawl_at"):
            _check_time(read_key(one, key, (str, _NONE), where=where), where=where)
        for key in ("entries_waiting", "refreshes_waiting"):
            read_key(one, key, int, where=where)
        read_key(one, "first_backfill_running", bool, where=where)
        read_key(one, "error", (str, _NONE), where=where)
        if "behind" in one:
            reasons = read_key(one, "behind", list, where=where)
            require(not (complete and reasons), f"{where}: complete, and {reasons}")
        _check_reasons(one, where=where)
    _check_reasons(freshness, where="freshness")


def _check_reasons(told: Mapping[str, Any], *, where: str) -> None:
    """Check that each reason with a code is told in words too."""
    if "reasons" not in told:
        return
    for reason in read_key(told, "reasons", list, where=where):
        require(read_key(reason, "code", str, where=where), f"{where}: {reason} has no code")
    messages = [read_key(one, "message", str, where=where) for one in told["reasons"]]
    behind = read_key(told, "behind", list, where=where)
    require(messages == behind, f"{where}: behind is {behind}, and reasons are {messages}")


def references_meet_the_query(server: Server) -> None:
    """Check that the reference of a repository has a tag that the query asks for."""
    tagged = [one for one in server.results(type="image", limit="100") if one["tags"]]
    if not tagged:
        raise NothingToCheckError("no image has a tag")
    for image in tagged[:_FEW]:
        name, tag = image["repository"], image["tags"][-1]
        query = f"repo:{quote_value(name)} tag:{quote_value(tag)}"
        for result in read_value(server.search(query, type="repository"), "results", list):
            reference = result["reference"].lower()
            require(reference.endswith(f"/{name}:{tag.lower()}"), f"{query} names {reference}")


def completions_find_something(server: Server) -> None:
    """Check the completions of a query: each finds something, with the rest of the query."""
    image = server.results(type="image")[0]
    name, rest = image["repository"], f"digest:{image['digest']} "
    for typed in (name[:2], rest + name[:2], f"{rest}kind:"):
        found = server.get(f"{API}/suggest", q=typed, type="image")
        for one in read_value(found, "suggestions", list):
            _check_completion(found, one)
            if one["kind"] != "field":
                require(server.total(one["text"], type="image"), f"{one['text']!r} finds nothing")


def _check_completion(found: ApiResponse, one: Mapping[str, Any]) -> None:
    read_key(one, "text", str, where=found.address)
    kind = read_key(one, "kind", str, where=found.address)
    require(kind in {"repository", "field", "value"}, f"{found.address}: unknown kind {kind!r}")


CHECKS = (
    ("an answer has all its keys", "3", answers_have_all_keys),
    ("repositories are the default, 25 a page", "3", repository_is_the_default),
    ("a result has all its keys", "3.1", results_have_all_keys),
    ("a reference meets the query", "3.1", references_meet_the_query),
    ("titles and descriptions are one line", "3.1", texts_are_one_line),
    ("a page is as long as asked for", "2", limits_are_kept),
    ("what is named is found", "3", what_is_named_is_found),
    ("negation is the rest", "3", negation_is_the_rest),
    ("case makes no difference", "3", case_makes_no_difference),
    ("a registry can be searched alone", "3", registries_are_kept_apart),
    ("facets count all that match", "3.5", facets_count_all_that_match),
    ("highlights are inside their snippets", "3.4", highlights_are_inside_their_snippets),
    ("a suggestion finds something", "3.6", a_suggestion_finds_something),
    ("freshness says how true an answer is", "7", freshness_says_how_true_it_is),
    ("suggestions have text and kind, and find something", "4", completions_find_something),
)
