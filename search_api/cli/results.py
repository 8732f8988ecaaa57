"""The output of ``regsearch search``: each result is a reference, with details beneath."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from indexer.model import size_text
from search_api.cli.fields import platforms_of, tags_of
from search_api.cli.output import Output
from search_api.cli.times import age_text

DESCRIPTION_MAX = 300
TAGS_SHOWN = 5
PLATFORMS_SHOWN = 4
_INDENT = 2


def print_page(body: dict[str, Any]) -> None:
    """Print a page of results, and remarks on it."""
    output = Output()
    print_results(output, body["results"])
    print_summary(output, body)


def print_results(output: Output, results: list[dict[str, Any]]) -> None:
    """Print results, each with its details beneath it."""
    for result in results:
        output.whole(result["reference"], is_bold=True)
        if description := result["description"] or result["title"]:
            output.cut(description[:DESCRIPTION_MAX], indent=_INDENT)
        for line in _detail_lines(result):
            output.cut(line, indent=_INDENT)


def print_summary(output: Output, body: dict[str, Any]) -> None:
    """Print how many results there are, and remarks on them."""
    output.text(f"{len(body['results'])} of {body['total']} shown")
    for name, facet in body["facets"].items():
        counts = [f"{one['value']} {one['count']}" for one in facet["values"]]
        counts += [f"… {facet['others']} others"] if facet["others"] else []
        output.text(f"{name}: {', '.join(counts) or 'none'}")
    if suggestion := body["suggestion"]:
        what = "nothing matches as typed; these match" if suggestion["is_used"] else "did you mean"
        output.text(f"{what}: {suggestion['query']}")
    for text, synonyms in body["expanded"].items():
        output.text(f"also searched for {text!r}: {', '.join(synonyms)}")
    if relaxed := body["relaxed"]:
        left_out = ", ".join(relaxed["left_out"])
        what = f"matches {relaxed['matched']} of {relaxed['of']} and lacks: {left_out}"
        output.text(f"nothing matches all words; the first result {what}")
    notes = [one["message"] for one in body["notes"]]
    for note in (*notes, *_access_notes(body.get("access", {})), *_notes(body["freshness"])):
        output.text(f"note: {note}")


def _detail_lines(result: dict[str, Any]) -> Iterator[str]:
    now = datetime.now(UTC)
    facts = [] if result["kind"] == "image" else [result["kind"]]
    if version := result.get("version"):
        facts.append(f"version {version}")
    if platforms := [one for one in platforms_of(result) if one]:
        facts.append(" ".join(platforms[:PLATFORMS_SHOWN]) + _more(platforms, PLATFORMS_SHOWN))
    size = size_text(result["size_bytes"])
    facts.append(size if "digest" in result else f"all tags {size}")
    if result["pushed_at"]:
        facts.append(f"pushed {age_text(result['pushed_at'], now=now)}")
    elif result["created_at"]:
        facts.append(f"created {age_text(result['created_at'], now=now)}")
    yield ", ".join(facts)
    tags = tags_of(result)
    count = result.get("tag_count", len(tags))
    if tags:
        more = f" and {count - TAGS_SHOWN} more" if count > TAGS_SHOWN else ""
        yield f"tags: {' '.join(tags[:TAGS_SHOWN])}{more}"


def _more(values: list[str], shown: int) -> str:
    return f" and {len(values) - shown} more" if len(values) > shown else ""


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
            yield f"registry {name} {silent_text(registry)}"
        if registry["held_back"]:
            yield f"registry {name}: {quarantined_text(registry)}"


def silent_text(registry: dict[str, Any]) -> str:
    """Return what it means that a registry sends no notifications."""
    age = age_text(registry["last_complete_crawl_started_at"], now=datetime.now(UTC))
    return f"sends no notifications: all is as of its crawl {age}"


def quarantined_text(registry: dict[str, Any]) -> str:
    """Return how much of a registry is held back, and what to do."""
    return (
        f"{registry['held_back']} repositories disappeared at once and are still shown;"
        " see `regsearch reconcile`"
    )
