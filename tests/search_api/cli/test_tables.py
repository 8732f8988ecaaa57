"""The output of the command line: plain lines, without control sequences from images."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from indexer.clock import rfc3339
from search_api.cli import common, results, tables
from search_api.cli import status as statuses
from search_api.cli.jobs import Progress
from search_api.cli.progress import progress
from tests.search_api.sample_content import ESCAPES, HOSTILE

FORBIDDEN = ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00", "\r"]
Show = Callable[[Callable[[dict[str, Any]], None], dict[str, Any]], str]
FRESH: dict[str, Any] = {
    "newest_event_applied_at": None,
    "entries_waiting": 0,
    "refreshes_waiting": 0,
    "last_complete_crawl_at": None,
    "last_complete_crawl_started_at": None,
    "first_backfill_running": False,
    "set_aside": 0,
    "held_back": 0,
    "error": None,
    "error_at": None,
    "paused": None,
    "registry_restarted_at": None,
    "entries_rejected": 0,
    "requests": 0,
    "crawl": None,
    "behind": [],
    "notifications": {
        "expected": True,
        "received_at": None,
        "refused": 0,
        "accepted_total": 0,
        "refused_total": 0,
        "refused_at": None,
        "refused_from": None,
    },
}


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


@pytest.fixture(params=["pipe", "terminal"])
def show(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Give what a function prints to a pipe or to a terminal without colours."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    def shown(function: Callable[[dict[str, Any]], None], body: dict[str, Any]) -> str:
        stream = Terminal() if request.param == "terminal" else io.StringIO()
        with redirect_stdout(stream):
            function(body)
        # Headings are bold on a terminal; nothing else may be there.
        return stream.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")

    return shown


def result(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "registry.example/team/web:1.4",
        "kind": "image",
        "title": "",
        "description": "The shop",
        "created_at": None,
        "pushed_at": None,
        "platforms": ["linux/amd64", "linux/arm64"],
        "size_bytes": 1_500_000,
        "newest_tags": ["1.4", "1.3"],
        **changes,
    }


def page(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    freshness = {"complete": True, "behind": [], "registries": {"main": FRESH}}
    body = {"type": "repository", "total": len(results), "results": list(results)}
    return {
        **body,
        "facets": {},
        "suggestion": None,
        "notes": [],
        "expanded": {},
        "relaxed": None,
        "freshness": freshness,
        **changes,
    }


def fresh(
    registries: dict[str, dict[str, Any]], *behind: str, complete: bool = True
) -> dict[str, Any]:
    return {"complete": complete, "behind": list(behind), "registries": registries}


def status(**changes: Any) -> dict[str, Any]:
    index = {"complete": True, "engine": "whoosh", "documents": {"image": 2}}
    index |= {"wanted_engine": "whoosh", "size_bytes": 1_500_000, "advice": None}
    index |= {"documents_waiting": 0, "rebuild": None}
    body = {
        "search_index": index,
        "registries": {"main": FRESH},
        "set_aside": [],
        "rejected": [],
        "postponed": [],
    }
    return {**body, "behind": [], "extraction": None, **changes}


def clean(text: str) -> str:
    assert not [sign for sign in FORBIDDEN if sign in text], repr(text)
    return text


# Results


def test_results_are_a_table_and_a_count(show: Show) -> None:
    text = show(results.print_page, page(result(), result(reference="r/x:1"), total=7))
    assert text.splitlines() == [
        "registry.example/team/web:1.4",
        "  The shop",
        "  linux/amd64 linux/arm64, all tags 1.5 MB",
        "  tags: 1.4 1.3",
        "r/x:1",
        *("  The shop", "  linux/amd64 linux/arm64, all tags 1.5 MB", "  tags: 1.4 1.3"),
        "2 of 7 shown",
    ]


def test_details_are_only_those_that_are_known(show: Show) -> None:
    bare = result(description="", platforms=[], newest_tags=[], kind="helm-chart")
    lines = show(results.print_page, page(bare)).splitlines()
    assert lines[1:-1] == ["  helm-chart, all tags 1.5 MB"]
    told = result(
        version="1.4",
        created_at=ago(days=30),
        pushed_at=ago(days=3, hours=1),
        tags=["1.9", "latest", "1.10"],
        digest="sha256:1",
        platforms=[f"linux/{number}" for number in range(6)],
    )
    lines = show(results.print_page, page(told, type="image")).splitlines()
    assert lines[2:-1] == [
        "  version 1.4, linux/0 linux/1 linux/2 linux/3 and 2 more, 1.5 MB, pushed 3 days ago",
        "  tags: latest 1.10 1.9",
    ]
    made = show(results.print_page, page(result(created_at=ago(days=30, hours=1))))
    assert "created 4 weeks ago" in made


def test_no_results_are_no_table(show: Show) -> None:
    text = show(results.print_page, page())
    assert text == "0 of 0 shown\n"


@pytest.mark.parametrize(
    ("is_used", "line"),
    [(True, "nothing matches as typed; these match: postgres"), (False, "did you mean: postgres")],
)
def test_another_spelling_is_shown(show: Show, is_used: bool, line: str) -> None:
    suggestion = {"query": "postgres", "is_used": is_used}
    assert line in show(results.print_page, page(suggestion=suggestion)).splitlines()


def test_images_show_their_tags_and_many_are_cut(show: Show) -> None:
    tags = [f"t{number}" for number in range(7)]
    text = show(results.print_page, page(result(tags=tags), type="image"))
    assert "tags: t6 t5 t4 t3 t2 and 2 more" in text


def test_hostile_text_is_printed_as_text(show: Show) -> None:
    evil = result(
        description=HOSTILE, reference="r/[red]x[/red]:1", newest_tags=["[link=x]t[/link]"]
    )
    text = show(results.print_page, page(evil))
    clean(text)
    assert "r/[red]x[/red]:1" in text
    assert "[link=x]t[/link]" in text
    assert "[bold]x[/bold]" in text
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize(
    "broken", ["[/]", "[/bold]", "[", "x\\", "[b]\\", "\\[b]", "[@click=x()]a"]
)
def test_broken_markup_breaks_nothing(show: Show, broken: str) -> None:
    registries = {"main": {**FRESH, "behind": [broken]}}
    text = show(results.print_page, page(result(description=broken), freshness=fresh(registries)))
    assert text.count(broken) == 2


def test_what_is_to_be_known_about_results_is_noted(show: Show) -> None:
    registries = {
        "main": {**FRESH, "behind": ["it is being read for the first time"]},
        "second": {**FRESH, "behind": [f"it could not be read: 503 [red]at[/red]\n{ESCAPES}"]},
    }
    freshness = fresh(registries, "the indexer is not known to be alive", complete=False)
    text = show(results.print_page, page(freshness=freshness))
    lines = clean(text).splitlines()
    assert lines[1:4] == [
        "note: not everything has been read and indexed yet; results are incomplete",
        "note: the indexer is not known to be alive",
        "note: registry main: it is being read for the first time",
    ]
    assert lines[4].startswith(
        "note: registry second: it could not be read: 503 [red]at[/red] ]0;owned"
    )
    assert len(lines) == 5


def test_the_age_of_what_is_only_crawled_is_noted(show: Show) -> None:
    silent = {
        **FRESH,
        "notifications": {**FRESH["notifications"], "expected": False},
        "last_complete_crawl_started_at": ago(hours=3),
    }
    text = show(results.print_page, page(freshness=fresh({"main": silent})))
    assert text.splitlines()[1:] == [
        "note: registry main sends no notifications: all is as of its crawl 3 hours ago"
    ]
    lines = show(statuses.print_status, status(registries={"main": silent})).splitlines()
    assert "  it sends no notifications: all is as of its crawl 3 hours ago" in lines


def test_results_that_may_not_exist_any_more_are_noted(show: Show) -> None:
    registries = {"main": {**FRESH, "held_back": 6}, "second": FRESH}
    text = show(results.print_page, page(freshness=fresh(registries)))
    assert text.endswith(
        "\nnote: registry main: 6 repositories disappeared at once and are still shown;"
        " see `regsearch reconcile`\n"
    )
    assert text.count("note: ") == 1


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (10_000, "10 kB"),
        (1_500_000, "1.5 MB"),
        (123_456_789, "123 MB"),
        (2_000_000_000, "2.0 GB"),
        (5 * 10**12, "5.0 TB"),
        (5 * 10**16, "50000 TB"),
    ],
)
def test_sizes_are_written_for_people(show: Show, size_bytes: int | None, shown: str) -> None:
    """That of a repository says whose it is."""
    one = result(size_bytes=size_bytes, newest_tags=[], tags=[], platforms=[])
    for of, size in (({"digest": "x"}, shown), ({}, f"all tags {shown}")):
        text = show(results.print_page, page({**one, **of}))
        assert text.splitlines()[2].strip() == size


# Status


def ago(**age: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(**age))


def test_status_is_a_few_lines(show: Show) -> None:
    main = {
        **FRESH,
        "newest_event_applied_at": ago(seconds=30.5),
        "last_complete_crawl_at": ago(hours=3, minutes=30),
        "registry_restarted_at": ago(days=2, hours=5),
        "error": "503 at /v2/",
        "error_at": ago(minutes=5),
        "entries_waiting": 1,
        "refreshes_waiting": 2,
        "set_aside": 3,
        "entries_rejected": 4,
        "held_back": 8,
        "behind": ["it could not be read: 503 at /v2/", "12 notifications refused: wrong secret"],
        "notifications": {
            "expected": True,
            "received_at": ago(seconds=50),
            "refused": 12,
            "accepted_total": 40,
            "refused_total": 15,
            "refused_at": ago(seconds=20),
            "refused_from": "10.0.0.7",
        },
        "crawl": {
            "finished_at": None,
            "repositories": 5,
            "refreshes_done": 6,
            "refreshes_waiting": 7,
            "unlisted": None,
            "catalog_error": None,
        },
    }
    shown = status(registries={"main": main}, behind=["7 documents not indexed yet"])
    text = show(statuses.print_status, shown)
    assert text.splitlines() == [
        "behind: 7 documents not indexed yet",
        "search index: whoosh, complete, with 2 images; 0 waiting; 1.5 MB",
        "registry main:",
        "  newest event applied: 30 seconds ago",
        "  waiting: 1 entries, 2 refreshes; set aside: 3; rejected: 4",
        "  last complete crawl: 3 hours ago",
        "  crawl running: 5 repositories, 6 refreshes done, 7 waiting",
        "  notifications: 40 accepted, the newest 50 seconds ago",
        "  notifications refused: 15, the newest 20 seconds ago from 10.0.0.7",
        "  the registry restarted: 2 days ago; what it had not sent is left to the next crawl",
        (
            "  held back: 8 repositories disappeared at once and are still shown;"
            " see `regsearch reconcile`"
        ),
        "  error (5 minutes ago): 503 at /v2/",
        "  behind: it could not be read: 503 at /v2/",
        "  behind: 12 notifications refused: wrong secret",
    ]


@pytest.mark.parametrize(
    ("said", "shown"), [({"full": False}, True), ({"full": True}, False), ({}, False)]
)
def test_a_short_crawl_is_told_of_beside_the_complete_one(
    show: Show, said: dict[str, bool], shown: bool
) -> None:
    crawl = {
        **said,
        "started_at": ago(hours=2),
        "finished_at": ago(hours=2),
        "unlisted": 0,
        "catalog_error": None,
    }
    main = {**FRESH, "last_complete_crawl_at": ago(hours=9), "crawl": crawl}
    text = show(statuses.print_status, status(registries={"main": main}))
    assert "last complete crawl: 9 hours ago" in text
    assert ("last short crawl: 2 hours ago" in text) is shown


@pytest.mark.parametrize(("crawl_hours", "shown"), [(4, True), (3, True), (2, False)])
def test_a_restart_is_told_of_until_the_crawl_after_it(
    show: Show, crawl_hours: int, shown: bool
) -> None:
    restarted = ago(hours=3)
    started = restarted if crawl_hours == 3 else ago(hours=crawl_hours)
    main = {
        **FRESH,
        "registry_restarted_at": restarted,
        "last_complete_crawl_started_at": started,
    }
    text = show(statuses.print_status, status(registries={"main": main}))
    assert ("the registry restarted" in text) is shown


def test_status_before_anything_is_there(show: Show) -> None:
    index: dict[str, Any] = {
        "complete": False,
        "engine": None,
        "documents": {},
        "size_bytes": 0,
    }
    index = {**status()["search_index"], **index}
    text = show(statuses.print_status, status(search_index=index, registries={}))
    assert text == "search index: none yet, being built, with nothing; 0 waiting; 0 B\n"


def test_a_change_of_engines_and_advice_are_told_of(show: Show) -> None:
    index = status()["search_index"] | {"wanted_engine": "tantivy", "advice": "[b]take less"}
    text = show(statuses.print_status, status(search_index=index))
    assert clean(text).splitlines()[1:3] == [
        "it is being made again with tantivy",
        "note: [b]take less",
    ]


def test_a_crawl_that_ended_and_a_time_to_come(show: Show) -> None:
    crawl = {"finished_at": ago(seconds=0), "unlisted": 0, "catalog_error": None}
    main = {**FRESH, "crawl": crawl, "newest_event_applied_at": ago(hours=-2)}
    text = show(statuses.print_status, status(registries={"main": main}))
    assert "crawl running" not in text
    assert "newest event applied: 0 seconds ago" in text
    assert "last complete crawl: never" in text


def test_a_catalog_that_left_something_out_is_told_of(show: Show) -> None:
    crawl = {"finished_at": ago(seconds=0), "unlisted": 7, "catalog_error": None}
    text = show(statuses.print_status, status(registries={"main": {**FRESH, "crawl": crawl}}))
    assert "  the catalog left out 7 of the repositories that we know;" in text


def test_a_catalog_that_is_refused_is_told_of(show: Show) -> None:
    crawl = {"finished_at": ago(seconds=0), "unlisted": None, "catalog_error": "401 at _catalog"}
    text = show(statuses.print_status, status(registries={"main": {**FRESH, "crawl": crawl}}))
    assert "  the catalog cannot be read, only what is known already: 401 at _catalog" in text


def test_rebuilds_and_what_cannot_be_used_are_listed(show: Show) -> None:
    aside = {"registry": "main", "repository": "a", "reference": "", "reason": f"[red]{ESCAPES}"}
    rejected = {"registry": "main", "received_at": ago(minutes=5), "reason": f"odd [/]\n{ESCAPES}"}
    index = {**status()["search_index"], "rebuild": {"done": 1, "total": 2}}
    text = show(
        statuses.print_status,
        status(search_index=index, set_aside=[aside] * 30, rejected=[rejected] * 30),
    )
    lines = clean(text).splitlines()
    assert lines[1] == "rebuild: 1 of 2 repositories"
    assert "extraction" not in text
    assert len([line for line in lines if line.startswith("set aside: main a: [red]")]) == 20
    assert (
        len([line for line in lines if line.startswith("rejected: main 5 minutes ago: odd [/]")])
        == 20
    )


def test_what_is_left_alone_for_a_while_is_shown_with_its_reason(show: Show) -> None:
    due = ago(minutes=-5, seconds=2)
    paused = {**FRESH, "paused": {"until": due, "reason": f"GET /v2/a: 429{ESCAPES}"}}
    later = {"registry": "main", "repository": "a", "reference": "1", "kind": "catalog"}
    postponed = [
        {**later, "reason": f"[red]{ESCAPES}", "due_at": due},
        {
            **later,
            "repository": "",
            "reference": "",
            "kind": "catalog",
            "reason": "x",
            "due_at": due,
        },
    ]
    text = show(statuses.print_status, status(registries={"main": paused}, postponed=postponed))
    lines = clean(text).splitlines()
    assert any(
        line.startswith("  left alone, asked again in 4 minutes: GET /v2/a: 429") for line in lines
    )
    assert any(line.startswith("to be read again in 4 minutes: main a 1: [red]") for line in lines)
    assert "to be read again in 4 minutes: main catalog: x" in lines


def test_an_extraction_is_shown_while_it_runs(show: Show) -> None:
    text = show(statuses.print_status, status(extraction={"done": 200, "total": 1000}))
    assert clean(text).splitlines()[1] == "extraction: 200 of 1000 manifests"


# What is held back


def test_what_is_held_back_is_a_repository_a_line(show: Show) -> None:
    held = {"registry": "main", "since": ago(days=3)}
    lost = {**held, "repository": "a", "lost": True, "tags": [f"t{n}" for n in range(6)]}
    kept = {**held, "repository": "b", "lost": False, "tags": ["[red]1[/red]"]}
    text = show(tables.print_quarantined, {"held_back": [lost, kept]})
    assert clean(text).splitlines() == [
        "held back: main a: the whole repository: t0 t1 t2 t3 t4 … (since 3 days ago)",
        "held back: main b: [red]1[/red] (since 3 days ago)",
        "`regsearch reconcile --accept` hides this",
    ]
    assert show(tables.print_quarantined, {"held_back": []}) == "nothing is held back\n"


# Errors and progress


def test_errors_are_printed_in_lines_without_escape_sequences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    common.print_error(f"first [red]\nsecond {ESCAPES} \udcff")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = clean(captured.err).splitlines()
    assert lines[0] == "first [red]"
    assert lines[1].startswith("second ]0;owned")


def reported(stream: io.StringIO, *steps: Progress) -> str:
    with redirect_stderr(stream), progress("backfill") as report:
        for step in steps:
            report(step)
    return stream.getvalue()


def test_progress_without_a_terminal_is_one_closing_line() -> None:
    steps = [Progress(number, 10, f"{number} repositories") for number in range(10)]
    end = Progress(10, 10, "10 repositories", is_finished=True)
    assert reported(io.StringIO(), *steps, end) == "backfill: done, 10 repositories\n"


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Progress(1, 2, "x")],
        [Progress(2, 2, "x", is_finished=True, problem="it is away")],
    ],
)
def test_what_did_not_end_well_has_no_closing_line(steps: list[Progress]) -> None:
    assert reported(io.StringIO(), *steps) == ""


def test_notes_are_lines_behind_the_end_alone() -> None:
    note = f"the catalog left out 7 [red]{' and more' * 20}"
    running = Progress(1, 2, "2 repositories", notes=("of no interest yet",))
    end = Progress(2, 2, "2 repositories", is_finished=True, notes=(note, "another"))
    assert reported(io.StringIO(), running) == ""
    done, *notes = reported(io.StringIO(), running, end).splitlines()
    assert done == "backfill: done, 2 repositories"
    assert notes == [f"note: {note}", "note: another"]
    failed = replace(end, problem="2 places could not be read")
    assert reported(io.StringIO(), failed).splitlines() == notes


def test_progress_on_a_terminal_is_a_bar_and_problems_are_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "300")
    problem = f"it is [red]away[/red] [/] {ESCAPES}\u202e"
    text = reported(
        Terminal(),
        Progress(0, 0, "0 repositories"),
        Progress(3, 3, "3 repositories", problem=problem),
    )
    assert "backfill: 3 repositories" in text
    assert "3/3" in text
    assert "it is [red]away[/red] [/]" in text
    for sign in ("\x07", "\x9b", "\u202e", "\x1b]0;"):
        assert sign not in text


def test_an_error_during_progress_is_not_hidden() -> None:
    with pytest.raises(RuntimeError), progress("backfill"):
        raise RuntimeError


def test_synonyms_left_out_words_and_notes_are_said(show: Show) -> None:
    body = page(
        result(),
        expanded={"k8s": ["kubernetes", "kube"]},
        relaxed={"matched": 1, "of": 2, "left_out": ["operator"]},
        notes=[{"code": "HOST_UNKNOWN", "message": "no registry has it"}],
    )
    lines = show(results.print_page, body).splitlines()
    assert "also searched for 'k8s': kubernetes, kube" in lines
    assert "nothing matches all words; the first result matches 1 of 2 and lacks: operator" in lines
    assert "note: no registry has it" in lines
