"""The output of ``regsearch status``: how fresh and complete everything is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from indexer.model import size_text
from search_api.cli.output import Output
from search_api.cli.results import quarantined_text, silent_text
from search_api.cli.times import age_text, due_text

_LISTED_MAX = 20
"""How much of each list is shown; --json has all."""
_DOCUMENTS = {
    "image": "images",
    "repository": "repositories",
    "untagged": "images without a tag",
}


def print_status(body: dict[str, Any]) -> None:
    """Print the status of a service."""
    output = Output()
    now = datetime.now(UTC)
    for reason in body["behind"]:
        output.text(f"behind: {reason}")
    for line in _index_lines(body):
        output.text(line)
    # A service of an earlier version does not say it.
    for node in body.get("nodes", ()):
        state = node["problem"] or f"alive {age_text(node['alive_at'], now=now)}"
        output.text(f"node {node['name']} ({', '.join(node['registries'])}): {state}")
    for name, registry in body["registries"].items():
        output.text(f"registry {name}:")
        for line in _registry_lines(registry, now=now):
            output.text(line, indent=2)
    for refresh in body["set_aside"][:_LISTED_MAX]:
        output.text(f"set aside: {refresh['registry']} {_place(refresh)}: {refresh['reason']}")
    for refresh in body["postponed"][:_LISTED_MAX]:
        due = f"to be read again {due_text(refresh['due_at'], now=now)}"
        output.text(f"{due}: {refresh['registry']} {_place(refresh)}: {refresh['reason']}")
    for rejected in body["rejected"][:_LISTED_MAX]:
        age = age_text(rejected["received_at"], now=now)
        output.text(f"rejected: {rejected['registry']} {age}: {rejected['reason']}")


def _place(refresh: dict[str, Any]) -> str:
    place: str = f"{refresh['repository']} {refresh['reference']}".strip()
    return place or refresh.get("kind", "")


def _index_lines(body: dict[str, Any]) -> Iterator[str]:
    index = body["search_index"]
    counts = index["documents"].items()
    documents = ", ".join(f"{count} {_DOCUMENTS.get(kind, kind)}" for kind, count in counts)
    state = "complete" if index["complete"] else "being built"
    yield (
        f"search index: {index['engine'] or 'none yet'}, {state}, with {documents or 'nothing'};"
        f" {index['documents_waiting']} waiting; {size_text(index['size_bytes'])}"
    )
    if index["engine"] not in {None, index["wanted_engine"]}:
        yield f"it is being made again with {index['wanted_engine']}"
    if index["advice"]:
        yield f"note: {index['advice']}"
    for name, what in (("rebuild", "repositories"), ("extraction", "manifests")):
        if progress := index["rebuild"] if name == "rebuild" else body["extraction"]:
            yield f"{name}: {progress['done']} of {progress['total']} {what}"


def _registry_lines(registry: dict[str, Any], *, now: datetime) -> Iterator[str]:
    crawl = registry["crawl"]
    yield f"newest event applied: {age_text(registry['newest_event_applied_at'], now=now)}"
    yield (
        f"waiting: {registry['entries_waiting']} entries,"
        f" {registry['refreshes_waiting']} refreshes;"
        f" set aside: {registry['set_aside']}; rejected: {registry['entries_rejected']}"
    )
    yield f"last complete crawl: {age_text(registry['last_complete_crawl_at'], now=now)}"
    # A service of an earlier version does not say it.
    if crawl and crawl["finished_at"] and not crawl.get("full", True):
        yield f"last short crawl: {age_text(crawl['finished_at'], now=now)}"
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
        yield f"held back: {quarantined_text(registry)}"
    if registry["error"]:
        yield f"error ({age_text(registry['error_at'], now=now)}): {registry['error']}"
    if paused := registry["paused"]:
        yield f"left alone, asked again {due_text(paused['until'], now=now)}: {paused['reason']}"
    for reason in registry["behind"]:
        yield f"behind: {reason}"


def _notification_lines(registry: dict[str, Any], *, now: datetime) -> Iterator[str]:
    received = registry["notifications"]
    if not received["expected"]:
        yield f"it {silent_text(registry)}"
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
