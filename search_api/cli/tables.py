"""The output of the command line: tables, and a progress bar on a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from indexer.clock import parse_rfc3339
from indexer.model import one_line, size_text
from search_api.cli.jobs import Progress

DESCRIPTION_MAX = 120
PIPE_COLUMNS = 200
LINE_MAX = 1_200
TAGS_SHOWN = 5


def print_results(body: dict[str, Any]) -> None:
    """Print a page of results as a table, with notes."""
    console = console_for_pipes()
    is_image = body["type"] == "image"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # References are copied, so they are never broken.
    table.add_column("REFERENCE", no_wrap=True, overflow="ignore")
    for heading in ("DESCRIPTION", "PLATFORMS", "SIZE", "TAGS"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "SIZE")
    for result in body["results"]:
        tags = result["tags"] if is_image else result["newest_tags"]
        table.add_row(
            escape(result["reference"]),
            escape(one_line(result["description"], limit=DESCRIPTION_MAX)),
            escape(" ".join(result["platforms"])),
            ("" if is_image else "all tags: ") + size_text(result["size_bytes"]),
            escape(" ".join(tags[:TAGS_SHOWN])) + _more(tags),
        )
    if body["results"]:
        console.print(table)
    console.print(f"{len(body['results'])} of {body['total']} shown", highlight=False)
    for name, facet in body["facets"].items():
        counts = [f"{one['value']} {one['count']}" for one in facet["values"]]
        counts += [f"… {facet['others']} others"] if facet["others"] else []
        print_line(console, f"{name}: {', '.join(counts) or 'none'}")
    if suggestion := body["suggestion"]:
        what = "nothing matches as typed; these match" if suggestion["is_used"] else "did you mean"
        print_line(console, f"{what}: {suggestion['query']}")
    for text, synonyms in body["expanded"].items():
        print_line(console, f"also searched for {text!r}: {', '.join(synonyms)}")
    if relaxed := body["relaxed"]:
        left_out = ", ".join(relaxed["left_out"])
        what = f"matches {relaxed['matched']} of {relaxed['of']} and lacks: {left_out}"
        print_line(console, f"nothing matches all words; the first result {what}")
    notes = [one["message"] for one in body["notes"]]
    for note in (*notes, *_access_notes(body.get("access", {})), *_notes(body["freshness"])):
        print_line(console, f"note: {note}")


def print_tokens(body: dict[str, Any]) -> None:
    """Print tokens as a table."""
    console = console_for_pipes()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("ID", "USER", "GROUPS", "CREATED", "EXPIRES", "LAST USED"):
        table.add_column(heading, no_wrap=heading == "ID", overflow="fold")
    for token in body["tokens"]:
        expires = token["expires_at"] or "never"
        table.add_row(
            token["id"],
            escape(token["user"]) + (" (metrics alone)" if token["metrics"] else ""),
            escape(", ".join(token["groups"])),
            token["created_at"],
            f"{expires} (over)" if token["expired"] else expires,
            token["last_used_at"] or "never",
        )
    if body["tokens"]:
        console.print(table)
    else:
        print_line(console, "no tokens: regsearch token create --user NAME makes one")


def print_status(body: dict[str, Any]) -> None:
    """Print how fresh and complete everything is."""
    console = console_for_pipes()
    now = datetime.now(UTC)
    for reason in body["behind"]:
        print_line(console, f"behind: {reason}")
    index = body["search_index"]
    documents = ", ".join(f"{count} {kind}" for kind, count in index["documents"].items())
    state = "complete" if index["complete"] else "being built"
    console.print(
        f"search index: {index['engine'] or 'none yet'}, {state}, documents: {documents or 'none'},"
        f" {index['documents_waiting']} waiting, {size_text(index['size_bytes'])}",
        highlight=False,
    )
    if index["engine"] not in {None, index["wanted_engine"]}:
        print_line(console, f"it is being made again with {index['wanted_engine']}")
    if index["advice"]:
        print_line(console, f"note: {index['advice']}")
    if index["rebuild"]:
        done, total = index["rebuild"]["done"], index["rebuild"]["total"]
        console.print(f"rebuild: {done} of {total} repositories", highlight=False)
    if body["extraction"]:
        done, total = body["extraction"]["done"], body["extraction"]["total"]
        console.print(f"extraction: {done} of {total} manifests", highlight=False)
    for name, registry in body["registries"].items():
        console.print(f"registry {name}:", highlight=False)
        for line in _registry_lines(registry, now=now):
            print_line(console, line, indent="  ")
    for refresh in body["set_aside"][:20]:
        place = f"{refresh['repository']} {refresh['reference']}".strip()
        print_line(console, f"set aside: {refresh['registry']} {place}: {refresh['reason']}")
    for refresh in body["postponed"][:20]:
        place = f"{refresh['repository']} {refresh['reference']}".strip() or refresh["kind"]
        due = f"postponed until {refresh['due_at']}"
        print_line(console, f"{due}: {refresh['registry']} {place}: {refresh['reason']}")
    for rejected in body["rejected"][:20]:
        print_line(
            console,
            f"rejected: {rejected['registry']} {rejected['received_at']}: {rejected['reason']}",
        )


def print_quarantined(body: dict[str, Any]) -> None:
    """Print what is held back, one repository a line, and how to confirm it."""
    console = console_for_pipes()
    for held in body["held_back"]:
        what = "the whole repository: " if held["lost"] else ""
        tags = " ".join(held["tags"][:TAGS_SHOWN]) + _more(held["tags"])
        reference = f"{held['registry']} {held['repository']}"
        print_line(console, f"held back: {reference}: {what}{tags} (since {held['since']})")
    if body["held_back"]:
        console.print("`regsearch reconcile --accept` hides this", highlight=False)
    else:
        console.print("nothing is held back", highlight=False)


def print_error(text: str) -> None:
    """Print a problem on standard error, line by line."""
    for line in text.splitlines():
        print(one_line(line, limit=LINE_MAX), file=sys.stderr)  # noqa: T201 - to be printed


@contextmanager
def progress(name: str) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows progress: a bar on a terminal, else one line at the end."""
    console = Console(stderr=True)
    last = Progress(0, 0, "")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[problem]}"),
    )
    with ProgressBar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None, rate="", problem="")

        def report(now: Progress) -> None:
            nonlocal last
            last = now
            speed = bar.tasks[0].speed
            bar.update(
                task,
                completed=now.done,
                total=now.total or None,
                description=f"{name} {now.what}",
                rate=f"{speed:.0f}/s" if speed else "",
                problem=escape(one_line(now.problem, limit=200)),
            )

        yield report
    if last.is_finished and not last.problem:
        console.print(f"{name}: done, {last.what}", highlight=False)
    for note in last.notes if last.is_finished else ():
        print_error(f"note: {note}")


def print_line(console: Console, text: str, *, indent: str = "") -> None:
    """Print a text with foreign content as one line, without markup and escape sequences."""
    console.print(indent + escape(one_line(text, limit=LINE_MAX)), highlight=False)


def _registry_lines(registry: dict[str, Any], *, now: datetime) -> Iterator[str]:
    crawl = registry["crawl"]
    yield f"newest event applied: {age_text(registry['newest_event_applied_at'], now=now)}"
    yield (
        f"waiting: {registry['entries_waiting']} entries,"
        f" {registry['refreshes_waiting']} refreshes;"
        f" set aside: {registry['set_aside']}; rejected: {registry['entries_rejected']}"
    )
    yield f"last complete crawl: {age_text(registry['last_complete_crawl_at'], now=now)}"
    if crawl and not crawl["finished_at"]:
        yield (
            f"crawl running: {crawl['repositories']} repositories,"
            f" {crawl['refreshes_done']} refreshes done, {crawl['refreshes_waiting']} waiting"
        )
    if crawl and crawl["unlisted"]:
        yield (
            f"the catalog left out {crawl['unlisted']} of the repositories that we know;"
            " each was asked for by its name"
        )
    if crawl and crawl["catalog_error"]:
        yield f"the catalog cannot be read, only what is known already: {crawl['catalog_error']}"
    yield from _notification_lines(registry, now=now)
    if _is_restart_open(registry):
        restarted = age_text(registry["registry_restarted_at"], now=now)
        yield f"the registry restarted: {restarted}; what it had not sent is left to the next crawl"
    if registry["held_back"]:
        yield f"held back: {_quarantined(registry)}"
    if registry["error"]:
        yield f"error ({age_text(registry['error_at'], now=now)}): {registry['error']}"
    if paused := registry["paused"]:
        yield f"left alone until {paused['until']}: {paused['reason']}"
    for reason in registry["behind"]:
        yield f"behind: {reason}"


def _notification_lines(registry: dict[str, Any], *, now: datetime) -> Iterator[str]:
    received = registry["notifications"]
    if not received["expected"]:
        yield f"it sends no notifications: all is as of its crawl {_crawl_age(registry, now=now)}"
    yield (
        f"notifications: {received['accepted_total']} accepted,"
        f" the newest {age_text(received['received_at'], now=now)}"
    )
    if received["refused_total"]:
        yield (
            f"notifications refused: {received['refused_total']}, the newest"
            f" {age_text(received['refused_at'], now=now)} from {received['refused_from']}"
        )


def _is_restart_open(registry: dict[str, Any]) -> bool:
    """Tell whether no crawl followed a restart of the registry yet."""
    restarted_at, crawl = registry["registry_restarted_at"], registry["crawl"]
    if not restarted_at:
        return False
    # A crawl of a registry without a catalog is never complete.
    is_over = crawl and crawl["finished_at"]
    seen = crawl["started_at"] if is_over else registry["last_complete_crawl_started_at"]
    return bool(restarted_at >= (seen or ""))


def _crawl_age(registry: dict[str, Any], *, now: datetime) -> str:
    return age_text(registry["last_complete_crawl_started_at"], now=now)


def _access_notes(access: dict[str, Any]) -> Iterator[str]:
    """Yield what rights mean for an answer; a server without rights may say nothing of them."""
    if access.get("problem"):
        yield f"something may be missing: {access['problem']}"
    elif access.get("limited"):
        yield "only what you may see was searched"


def _notes(freshness: dict[str, Any]) -> Iterator[str]:
    if not freshness["complete"]:
        yield "not everything has been read and indexed yet; results are incomplete"
    yield from freshness["behind"]
    for name, registry in freshness["registries"].items():
        for reason in registry["behind"]:
            yield f"registry {name}: {reason}"
        if not registry["notifications"]["expected"]:
            age = _crawl_age(registry, now=datetime.now(UTC))
            yield f"registry {name} sends no notifications: all is as of its crawl {age}"
        if registry["held_back"]:
            yield f"registry {name}: {_quarantined(registry)}"


def _quarantined(registry: dict[str, Any]) -> str:
    return (
        f"{registry['held_back']} repositories disappeared at once and are still shown;"
        " see `regsearch reconcile`"
    )


def _more(tags: Sequence[str]) -> str:
    return " …" if len(tags) > TAGS_SHOWN else ""


def age_text(moment: str | None, *, now: datetime) -> str:
    """Return the age of a time of the store in words."""
    if moment is None:
        return "never"
    seconds = int((now - parse_rfc3339(moment)).total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{max(0, seconds)} seconds ago"


def console_for_pipes() -> Console:
    """Return standard output; wide, unless it is a terminal with a known width."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_COLUMNS)
