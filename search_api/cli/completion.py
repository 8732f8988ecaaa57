"""Completions for a shell: registries, fields, and references, as the service suggests them."""

import click
from click.shell_completion import CompletionItem

from indexer.errors import RegsearchError
from search_api.cli.client import ServiceClient, connect
from search_api.cli.fields import CHANGE_FIELDS, RESULT_FIELDS, Fields

SECONDS = 2.0
"""How long a user waits for completions at most; then there are none."""
LIMIT = "50"


def complete(what: str, context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return completions of an argument; none if the service cannot be asked."""
    if what.endswith(" columns"):
        fields = RESULT_FIELDS if what.startswith("result") else CHANGE_FIELDS
        return _columns(fields, incomplete)
    try:
        url = str(context.params.get("url") or "")
        with connect(url, timeout=SECONDS) as service, service.reading():
            return _of_service(service, what, context, incomplete)
    except RegsearchError:
        # A message would stand in the middle of the line that is being typed.
        return []


def _of_service(
    service: ServiceClient, what: str, context: click.Context, incomplete: str
) -> list[CompletionItem]:
    if what == "registry":
        listed = service.get("registries")["registries"]
        names = [(one["registry"], one["registry_host"]) for one in listed]
        return [CompletionItem(n, help=host) for n, host in names if n.startswith(incomplete)]
    if what == "query":
        before = " ".join(context.params.get("query") or ())
        return _suggested(service, before, incomplete, kind=str(context.params.get("kind") or ""))
    found = _suggested(service, "", incomplete, kind="")
    if what == "repository":
        return [one for one in found if one.type == "plain" and ":" not in one.value]
    # Behind a host, a search suggests nothing: the rest of a reference is what it knows.
    host, slash, rest = incomplete.partition("/")
    hosts = {one["registry_host"] for one in service.get("registries")["registries"]}
    if slash and host in hosts and not found:
        behind = _suggested(service, "", rest, kind="")
        found = [CompletionItem(f"{host}/{one.value}") for one in behind]
    return [one for one in found if one.value.startswith(incomplete) or "/" in one.value]


def _suggested(
    service: ServiceClient, before: str, typed: str, *, kind: str
) -> list[CompletionItem]:
    query = f"{before} {typed}" if before else typed
    found = service.get("suggest", q=query, type=kind, limit=LIMIT)["suggestions"]
    offset = len(query) - len(typed)
    words = dict.fromkeys(one["text"][offset:] for one in found)
    return [CompletionItem(word) for word in words]


def _columns(fields: Fields, incomplete: str) -> list[CompletionItem]:
    before, comma, last = incomplete.rpartition(",")
    names = (name.lower() for name in fields.names)
    return [CompletionItem(f"{before}{comma}{n}") for n in names if n.startswith(last.lower())]
