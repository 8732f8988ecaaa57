"""The commands that ask a service: ``search``, ``show``, ``changes`` and ``status``."""

import json
import sys
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from indexer.errors import CursorExpiredError
from indexer.model import one_line
from search_api.cli.client import ServiceClient, connect
from search_api.cli.common import print_error, print_json
from search_api.cli.details import print_shown
from search_api.cli.fields import (
    CHANGE_COLUMNS,
    CHANGE_FIELDS,
    RESULT_COLUMNS,
    RESULT_FIELDS,
    Field,
    Fields,
    Template,
    csv_lines,
    print_columns,
)
from search_api.cli.output import Output
from search_api.cli.results import print_page, print_results
from search_api.cli.status import print_status
from search_api.cli.times import age_text

NAME_MAX = 1_000
"""The most characters of a reference on a line."""
PAGE_MAX = "1000"
SEARCHES_MAX = 5
"""How often is searched after a change, until what changed can be found."""
AGAIN_SECONDS = 1.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """In which form a list is printed; without any, as people read it."""

    output: str | None = None
    """``json``, ``jsonl``, ``names`` or ``csv``."""
    format: str = ""
    """A template."""
    columns: str = ""

    def __post_init__(self) -> None:
        forms = [f"--{self.output}" if self.output else "", "--format" if self.format else ""]
        if self.columns and self.output != "csv":
            forms.append("--columns")
        given = [one for one in forms if one]
        if len(given) > 1:
            raise click.UsageError(f"{' and '.join(given)} are two forms: choose one")


@dataclass(frozen=True, slots=True)
class AskedSearch:
    """What is searched for: parameters of the API."""

    parameters: Mapping[str, str]
    form: Form = field(default_factory=Form)
    everything: bool = False
    watch: bool = False
    exit_status: bool = False


def query_text(words: Sequence[str]) -> str:
    """Return the query of some arguments."""
    # Arguments that are not text in this locale hold what no index could be asked for. Replacing
    # it by ``?`` would make it a wildcard.
    return " ".join(words).encode(errors="surrogatepass").decode(errors="replace")


def search(url: str, asked: AskedSearch) -> None:
    """Search at a service, and print what it finds."""
    listing = _PrintedList(asked.form, RESULT_FIELDS, RESULT_COLUMNS)
    with connect(url) as service, service.reading():
        # Before the first listing, so that no change is between the two.
        cursor = service.newest_cursor() if asked.watch else ""
        body = find(service, asked)
        listing.print_page(body, "results", print_page)
        if asked.watch:
            _watch_search(service, asked, listing, body["results"], cursor=cursor)
    if asked.exit_status and not body["results"]:
        sys.exit(1)


def show(url: str, reference: str, *, form: Form, everything: bool) -> None:
    """Print what a reference names."""
    template = Template(form.format, RESULT_FIELDS) if form.format else None
    with connect(url) as service, service.reading():
        body = service.get("show", reference=reference)
        if everything and body.get("repository"):
            body["tags"] = _all_tags(service, body["repository"])
        if form.output == "json":
            print_json(body)
        elif template is not None:
            click.echo(template.line(_named(body)))
        else:
            print_shown(body)


def changes(url: str, within: Mapping[str, str], *, limit: int, form: Form, watch: bool) -> None:
    """Print the newest changes, the oldest of them first, and then each as it comes."""
    listing = _PrintedList(form, CHANGE_FIELDS, CHANGE_COLUMNS)
    with connect(url) as service, service.reading():
        hosts = _hosts(service)
        cursor = service.newest_cursor() if watch else ""
        page = service.get("changes", **within, order="newest", limit=str(limit))
        found = [_change(one, hosts) for one in reversed(page["changes"])]
        listing.print_page({**page, "changes": found}, "changes", _print_changes)
        if not watch:
            return
        for one in _followed(service, found[-1]["cursor"] if found else cursor, within):
            listing.print_more([_change(one, hosts)], _print_change)


def status(url: str, *, as_json: bool) -> None:
    """Print how fresh and complete everything is."""
    with connect(url) as service, service.reading():
        body = service.get("status")
        if as_json:
            print_json(body)
        else:
            print_status(body)


def open_page(url: str, page: str, **parameters: str) -> None:
    """Print the address of a page of a service, and open it if a person is there."""
    with connect(url) as service:
        address = service.page_url(page, **parameters)
    click.echo(address)
    if sys.stdout.isatty():
        webbrowser.open(address)


class _PrintedList:
    """Prints a list in the form that was asked for."""

    def __init__(self, form: Form, fields: Fields, columns: str) -> None:
        self._form = form
        self._template = Template(form.format, fields) if form.format else None
        self._fields: list[Field] = fields.listed(form.columns or columns)
        if self._template and self._template.is_table:
            self._fields = self._template.columns
        self._is_table = bool(form.columns) or bool(self._template and self._template.is_table)

    def print_page(self, body: Json, of: str, for_people: Callable[[Json], None]) -> None:
        """Print the first page."""
        if self._form.output == "json":
            print_json(body)
        elif self._form.output == "csv":
            _echo(csv_lines(self._fields, body[of], has_head=True))
        elif not self._print(body[of]):
            for_people(body)

    def print_more(self, ones: Sequence[Json], for_people: Callable[[Json], None]) -> None:
        """Print what came later."""
        if self._form.output == "json":
            _echo(map(json.dumps, ones))
        elif self._form.output == "csv":
            _echo(csv_lines(self._fields, ones, has_head=False))
        elif not self._print(ones):
            for one in ones:
                for_people(one)
        sys.stdout.flush()

    def _print(self, ones: Sequence[Json]) -> bool:
        """Print in a form of lines or columns; tell whether one was asked for."""
        if self._form.output == "jsonl":
            _echo(map(json.dumps, ones))
        elif self._form.output == "names":
            _echo(one_line(one["reference"], limit=NAME_MAX) for one in ones)
        elif self._is_table:
            print_columns(Output(), self._fields, ones)
        elif self._template is not None:
            _echo(map(self._template.line, ones))
        else:
            return False
        return True


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def find(service: ServiceClient, asked: AskedSearch) -> Json:
    """Return what a service finds: the JSON of a page, or of all pages."""
    body = service.get("search", **asked.parameters)
    cursor = body["next"]
    while asked.everything and cursor:
        page = service.get("search", **asked.parameters, cursor=cursor)
        body["results"] += page["results"]
        cursor = page["next"]
    return {**body, "next": None} if asked.everything else body


def _watch_search(
    service: ServiceClient,
    asked: AskedSearch,
    listing: _PrintedList,
    results: Sequence[Json],
    *,
    cursor: str,
) -> None:
    """Search again after each change, and print the results that were not there."""
    known = {_key(one) for one in results}
    for _ in _followed(service, cursor, {"registry": asked.parameters.get("registry", "")}):
        for _ in range(SEARCHES_MAX):
            body = find(service, asked)
            new = [one for one in body["results"] if _key(one) not in known]
            known |= {_key(one) for one in new}
            listing.print_more(new, _print_result)
            if body["freshness"]["complete"]:
                break
            # A change is told before it can be found.
            time.sleep(AGAIN_SECONDS)


def _key(result: Json) -> tuple[str, ...]:
    """Return what makes a result another one: its content, or the time of its last push."""
    changed = result.get("digest") or result.get("pushed_at") or ""
    return result["registry"], result["reference"], changed, str(result.get("tag_count", ""))


def _followed(service: ServiceClient, cursor: str, within: Mapping[str, str]) -> Iterator[Json]:
    """Yield changes until the user has enough; some may be lost if the service forgot them."""
    while True:
        try:
            yield from service.changes(cursor, **within)
        except CursorExpiredError as error:
            print_error(f"regsearch: {error}; following from now on")
            cursor = service.newest_cursor()


def _print_result(result: Json) -> None:
    print_results(Output(), [result])


def _all_tags(service: ServiceClient, repository: Json) -> list[Json]:
    place = quote(f"tags/{repository['registry']}/{repository['repository']}")
    tags: list[Json] = []
    cursor = ""
    while True:
        page = service.get(place, sort="version", expand="image", limit=PAGE_MAX, cursor=cursor)
        tags += page["tags"]
        if not (cursor := page["next"]):
            return tags


def _named(body: Json) -> Json:
    """Return the one thing that a reference names, with the tag that was asked for."""
    shown: Json = body.get("image") or body.get("repository") or body.get("layer") or {}
    return {**shown, "reference": body["tag"]["reference"]} if body.get("tag") else shown


def _hosts(service: ServiceClient) -> dict[str, str]:
    """Return the host of each registry by its name."""
    listed = service.get("registries")["registries"]
    return {one["registry"]: one["registry_host"] for one in listed}


def _change(change: Json, hosts: Mapping[str, str]) -> Json:
    """Return a change with the reference that it is about."""
    place = f"{hosts.get(change['registry'], change['registry'])}/{change['repository']}"
    return {**change, "reference": f"{place}:{change['tag']}" if change["tag"] else place}


def _print_changes(body: Json) -> None:
    for one in body["changes"]:
        _print_change(one)
    if not body["changes"]:
        Output().text("no changes")


_DONE = {
    "tag.pushed": "pushed",
    "tag.removed": "removed",
    "repository.removed": "removed, with all its tags",
}


def _print_change(change: Json) -> None:
    output = Output()
    output.whole(change["reference"], is_bold=True)
    facts = [f"{_DONE[change['kind']]} {age_text(change['at'], now=datetime.now(UTC))}"]
    if change["actor"]:
        facts.append(f"by {change['actor']}")
    if change["kind"] == "tag.pushed":
        facts.append("it moved" if change["previous_digest"] else "a new tag")
    output.cut(", ".join(facts), indent=2)
    if change["digest"]:
        output.whole(output.digest(change["digest"]), indent=2)
