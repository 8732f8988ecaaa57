"""Completions for a shell: registries, fields, and references, as the service suggests them."""

import os
from collections.abc import Collection

import click
from click.shell_completion import CompletionItem

from indexer.errors import RegsearchError
from search_api.cli.client import ServiceClient, connect
from search_api.cli.fields import CHANGE_FIELDS, RESULT_FIELDS, Fields

SECONDS = 2.0
"""How long a user waits for completions at most; then there are none."""
LIMIT = "20"
_REFERENCE_KINDS = ("repository", "value")


def complete(what: str, context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return completions of an argument; none if the service cannot be asked."""
    if what.endswith(" columns"):
        fields = RESULT_FIELDS if what.startswith("result") else CHANGE_FIELDS
        return [CompletionItem(one) for one in _columns(fields, incomplete)]
    # The default of an option is not among the parameters here.
    url = str(context.params.get("url") or os.environ.get("REGSEARCH_URL") or "")
    try:
        with connect(url, timeout=SECONDS) as service, service.reading():
            found = _of_service(service, what, context, incomplete)
    except RegsearchError:
        # A message would stand in the middle of the line that is being typed.
        return []
    return [CompletionItem(one) for one in dict.fromkeys(found)]


def _of_service(
    service: ServiceClient, what: str, context: click.Context, incomplete: str
) -> list[str]:
    if what == "query":
        before = "".join(f"{word} " for word in context.params.get("query") or ())
        return _suggested(service, incomplete, before=before, kind=context.params.get("kind") or "")
    registries = service.get("registries")["registries"]
    if what == "registry":
        names = (one["registry"] for one in registries)
        return [name for name in names if name.startswith(incomplete)]
    if what == "repository":
        return _suggested(service, incomplete, kinds=("repository",))
    # A search reads a host as a condition; what follows it is what can be completed.
    host, slash, rest = incomplete.partition("/")
    if slash and host in {one["registry_host"] for one in registries}:
        return [f"{host}/{one}" for one in _suggested(service, rest, kinds=_REFERENCE_KINDS)]
    return _suggested(service, incomplete, kinds=_REFERENCE_KINDS)


def _suggested(
    service: ServiceClient,
    typed: str,
    *,
    before: str = "",
    kind: str = "",
    kinds: Collection[str] = (),
) -> list[str]:
    """Return the last words of suggestions, of some kinds alone if any are named."""
    found = service.get("suggest", q=f"{before}{typed}", type=kind, limit=LIMIT)["suggestions"]
    return [one["text"][len(before) :] for one in found if not kinds or one["kind"] in kinds]


def _columns(fields: Fields, incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    names = (name.lower() for name in fields.names)
    return [f"{before}{comma}{name}" for name in names if name.startswith(last.lower())]
