"""The conformance checks pass on our server, and name the faults of a broken one."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.conformance import Outcome, State, run_checks
from search_api.http_errors import error_answer
from search_api.web import make_web
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.search_api.conformance.breaking import Body, Broken, BrokenServer, Pairs
from tests.search_api.filling import settings_for


@contextmanager
def run_server(directory: Path, *, broken: Broken | None = None) -> Iterator[str]:
    app: ASGIApp = make_web(settings_for(directory), clock=ManualClock())
    with serving(BrokenServer(app, broken) if broken else app) as url:
        yield url


def outcomes(url: str) -> list[Outcome]:
    return list(run_checks(url))


def test_our_server_conforms_and_everything_is_checked(filled: Path) -> None:
    with run_server(filled) as url:
        found = outcomes(url)
    assert {one.state for one in found} == {State.PASSED}, [
        one for one in found if one.state is not State.PASSED
    ]
    assert len(found) == len({one.name for one in found}) > 35


@contextmanager
def run_limited_server(directory: Path, retry_after: str) -> Iterator[str]:
    """Run our server, which refuses every other request of a caller."""
    app: ASGIApp = make_web(settings_for(directory), clock=ManualClock())
    refused = error_answer(429, "TOOMANYREQUESTS", "later", headers={"Retry-After": retry_after})
    numbers = itertools.count()

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and next(numbers) % 2 == 0:
            await refused(scope, receive, send)
        else:
            await app(scope, receive, send)

    with serving(limited) as url:
        yield url


def test_a_server_that_limits_its_callers_conforms(filled: Path) -> None:
    with run_limited_server(filled, "0") as url:
        assert {one.state for one in outcomes(url)} == {State.PASSED}


def test_a_limit_must_say_when_to_ask_again(filled: Path) -> None:
    with run_limited_server(filled, "soon") as url:
        found = outcomes(url)
    failed = [one.message for one in found if one.state is State.FAILED]
    assert set(failed) == {"429 with Retry-After 'soon', no seconds"}


def results(change: Callable[[dict[str, Any]], object]) -> Callable[[Body], Body]:
    """Change each result of an answer that has some."""

    def changed(body: Body) -> Body:
        for result in body.get("results", ()):
            change(result)
        return body

    return changed


def without(name: str) -> Callable[[Pairs], Pairs]:
    return lambda pairs: [pair for pair in pairs if pair[0] != name]


def count_too_much(body: Body) -> Body:
    for facet in body.get("facets", {}).values():
        for value in facet["values"]:
            value["count"] += 1
    return body


def add_to_total(body: Body) -> Body:
    return {**body, "total": body["total"] + 1} if "total" in body else body


def forget_first_size(body: Body) -> Body:
    for result in body.get("results", ())[:1]:
        result["size_bytes"] = None
    return body


def drop(key: str) -> Callable[[Body], Body]:
    return lambda body: {name: value for name, value in body.items() if name != key}


def point_too_far(body: Body) -> Body:
    for error in body.get("errors", ()):
        if "column" in error["detail"]:
            error["detail"]["column"] += 1_000
    return body


def shift_ranges(result: dict[str, Any]) -> None:
    for highlight in result["match"]["highlights"]:
        highlight["ranges"] = [[start + 500, end + 500] for start, end in highlight["ranges"]]


def without_minus(pairs: Pairs) -> Pairs:
    return [(name, value.lstrip("-") if name == "q" else value) for name, value in pairs]


def complete_to_nothing(body: Body) -> Body:
    return {"suggestions": [{"text": "nothing-is-called-so", "kind": "repository"}]}


def known_only(pairs: Pairs) -> Pairs:
    known = {"q", "type", "registry", "facets", "sort", "limit", "cursor"}
    return [pair for pair in pairs if pair[0] in known]


def correct_everything(body: Body) -> Body:
    return {**body, "suggestion": {"query": "other", "is_used": True}}


def add_synonym(body: Body) -> Body:
    return {**body, "expanded": {**body.get("expanded", {}), "k8s": ["nginx"]}}


def invent_reasons(body: Body) -> Body:
    reasons = [{"code": "ODD", "message": "odd"}]
    return {**body, "freshness": {**body["freshness"], "reasons": reasons}}


def invent_notes(body: Body) -> Body:
    return {**body, "notes": [{"code": "ODD", "message": "Odd"}]}


BROKEN = {
    "the platform is ignored": (
        Broken(path="/api/v1/images/", parameters=without("platform")),
        "platforms are chosen",
    ),
    "an unknown parameter is ignored": (
        Broken(parameters=known_only),
        "unknown parameters are refused",
    ),
    "the total is one too many": (Broken(body=add_to_total), "pages hold each result once"),
    "every page is the first": (
        Broken(parameters=without("cursor")),
        "pages hold each result once",
    ),
    "the order is ignored": (Broken(parameters=without("sort")), "times and sizes are in order"),
    "an unknown size is the greatest": (
        Broken(body=forget_first_size),
        "times and sizes are in order",
    ),
    "facets count too much": (Broken(body=count_too_much), "facets count all that match"),
    "highlights are beside the text": (
        Broken(body=results(shift_ranges)),
        "highlights are inside their snippets",
    ),
    "times are local": (
        Broken(body=results(lambda one: one.update(created_at="2026-01-01 10:00"))),
        "a result has all its keys",
    ),
    "digests are cut": (
        Broken(body=results(lambda one: "digest" in one and one.update(digest=one["digest"][:19]))),
        "a result has all its keys",
    ),
    "freshness is not told": (
        Broken(body=drop("freshness")),
        "freshness says how true an answer is",
    ),
    "a reason is told to programs alone": (
        Broken(body=invent_reasons),
        "freshness says how true an answer is",
    ),
    "errors are web pages": (Broken(errors_as_html=True), "mistakes in queries are pointed at"),
    "the column is not in the query": (
        Broken(body=point_too_far),
        "mistakes in queries are pointed at",
    ),
    "references are always the same": (
        Broken(body=results(lambda one: one.update(reference=f"x/{one['repository']}:other"))),
        "a reference meets the query",
    ),
    "suggestions lead to nothing": (
        Broken(path="/api/v1/suggest", body=complete_to_nothing),
        "suggestions have text and kind, and find something",
    ),
    "a minus is ignored": (Broken(parameters=without_minus), "negation is the rest"),
    "nothing is revalidated": (
        Broken(path="/api/v1/images", without_headers=("if-none-match",)),
        "answers are revalidated",
    ),
    "the pattern of tags is ignored": (
        Broken(path="/api/v1/tags", parameters=without("match")),
        "tags are chosen and sorted",
    ),
    "the order of changes is ignored": (
        Broken(path="/api/v1/changes", parameters=without("order")),
        "changes can be read back",
    ),
    "the place of changes is ignored": (
        Broken(path="/api/v1/changes", parameters=without("repository")),
        "changes of a place can be chosen",
    ),
    "changes begin anew each time": (
        Broken(path="/api/v1/changes", parameters=without("cursor")),
        "changes can be resumed",
    ),
    "the registry is ignored": (
        Broken(parameters=without("registry")),
        "a registry can be searched alone",
    ),
    "every word is corrected": (Broken(body=correct_everything), "right words stay as they are"),
    "a synonym is told that was not searched": (Broken(body=add_synonym), "synonyms are told"),
    "what was left out is not told": (
        Broken(body=lambda body: {**body, "relaxed": None}),
        "a word too many is told",
    ),
    "everything has remarks": (Broken(body=invent_notes), "unknown hosts and fields are named"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_what_is_broken_is_named(filled: Path, way: str) -> None:
    broken, expected = BROKEN[way]
    with run_server(filled, broken=broken) as url:
        # The checks behind the expected one do not run.
        found = next(one for one in run_checks(url) if one.name == expected)
    assert found.state is State.FAILED, found
    assert found.message


def test_a_server_that_is_not_there_fails_every_check() -> None:
    found = outcomes(f"http://127.0.0.1:{free_port()}")
    assert {one.state for one in found} == {State.FAILED}
    assert all("no answer" in one.message for one in found)
