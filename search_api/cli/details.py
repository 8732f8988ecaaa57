"""The output of ``regsearch show`` and ``regsearch conformance``."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from indexer.model import one_line, size_text
from search_api.cli.tables import console_for_pipes, print_line
from search_api.conformance import Outcome, State

_VALUE_MAX = 300
_SHOWN_MAX = 20
_MARKS = {State.PASSED: "ok", State.FAILED: "FAILED", State.NOT_CHECKED: "-"}


def print_shown(body: dict[str, Any]) -> None:
    """Print the image, layer or repository of a reference."""
    console = console_for_pipes()
    if image := body.get("image"):
        _print_image(console, image, tag=body.get("tag"))
    elif layer := body.get("layer"):
        _print_pairs(console, _layer_pairs(layer))
        _print_images(console, "in", layer["images"], has_more=layer["has_more"])
    else:
        _print_pairs(console, _repository_pairs(body["repository"]))
        _print_tags(console, body["tags"])


def print_outcome(outcome: Outcome) -> None:
    """Print the outcome of one check of a server as one line."""
    message = f": {outcome.message}" if outcome.message else ""
    place = f"{_MARKS[outcome.state]:<7} {outcome.section:<4} "
    print_line(console_for_pipes(), f"{outcome.name}{message}", indent=place)


def _print_image(console: Console, image: dict[str, Any], *, tag: dict[str, Any] | None) -> None:
    _print_pairs(console, _image_pairs(image))
    _print_table(console, "PLATFORM DIGEST SIZE LAYERS", _platform_rows(image))
    _print_pairs(console, _config_pairs(image["config"]), title="runs")
    _print_table(console, "LABEL VALUE FROM", _label_rows(image["labels"]))
    annotations = [(one["key"], one["value"], one["from"]) for one in image["annotations"]]
    _print_table(console, "ANNOTATION VALUE FROM", annotations)
    _print_table(console, "LAYER SIZE COMMAND", _layer_rows(image["layers"]))
    attachments = image["attachments"]
    attached = [(one["kind"], one.get("format") or "", one["digest"]) for one in attachments]
    _print_table(console, "ATTACHED FORMAT DIGEST", attached)
    for bases in image["bases"]:
        of = f" ({bases['platform']})" if bases["platform"] else ""
        for base in bases["bases"]:
            _print_images(console, f"built on{of}", base["images"], has_more=base["has_more"])
    derived = image["derived"]
    has_more = not derived["count_is_exact"] or derived["count"] > len(derived["images"])
    _print_images(console, "built on it", derived["images"], has_more=has_more)
    others = [one for one in image["places"] if _place(one) != _place(image)]
    _print_images(console, "also", others, has_more=image["places_have_more"])
    if tag:
        rows = [(one["tagged_at"], one["digest"], one["actor"] or "") for one in tag["history"]]
        print_line(console, f"where {tag['tag']} pointed:")
        _print_table(console, "SINCE DIGEST BY", rows)


def _place(image: dict[str, Any]) -> tuple[str, str, str]:
    return image["registry"], image["repository"], image["digest"]


def _image_pairs(image: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "reference", image["reference"]
    yield "kind", image["kind"]
    yield "digest", image["digest"]
    yield "title", image["title"]
    yield "description", image["description"]
    yield "version", image["version"] or ""
    for name, values in image["properties"].items():
        yield name.replace("_", " "), ", ".join(values)
    yield "tags", " ".join(image["tags"])
    if image.get("pull_through") == "perhaps_expired":
        yield "in the cache", "perhaps not any more: nobody pulled it lately"
    if image["untagged_since"]:
        yield "untagged since", image["untagged_since"]
        yield "last tags", " ".join(image["last_tags"])
    yield "created", image["created_at"] or ""
    yield "pushed", image["pushed_at"] or ""
    yield "size", size_text(image["size_bytes"])
    yield "pulls", str(image["pulls"] or "")
    for warning in image["warnings"]:
        yield "warning", warning


def _repository_pairs(repository: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "repository", f"{repository['registry_host']}/{repository['repository']}"
    yield "title", repository["title"]
    yield "description", repository["description"]
    yield "tags", str(repository["tag_count"])
    yield "all tags", size_text(repository["size_bytes"])
    yield "first seen", repository["first_seen_at"]
    yield "pushed", repository["pushed_at"] or ""
    yield "pulls", str(repository["pulls"] or "")


def _layer_pairs(layer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "layer", layer["digest"]
    yield "diff id", layer["diff_id"] or ""
    yield "size", size_text(layer["size_bytes"])
    yield "type", layer["media_type"] or ""
    yield "command", layer["command"] or ""


def _config_pairs(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "entrypoint", " ".join(config["entrypoint"])
    yield "cmd", " ".join(config["cmd"])
    yield "user", config["user"] or ""
    yield "working dir", config["working_dir"] or ""
    yield "ports", " ".join(config["exposed_ports"])
    yield "volumes", " ".join(config["volumes"])
    for one in config["env"]:
        yield "env", one["name"] if one["value"] is None else f"{one['name']}={one['value']}"


def _platform_rows(image: dict[str, Any]) -> Iterator[Sequence[str]]:
    for one in image["platforms"]:
        yield (
            str(one.get("platform") or ""),
            str(one.get("digest") or ""),
            size_text(one.get("size_bytes")),
            str(one.get("layer_count") or ""),
        )


def _label_rows(labels: Iterable[dict[str, Any]]) -> Iterator[Sequence[str]]:
    for one in labels:
        yield one["key"], one["value"], "base image" if one["inherited"] else one["from"]


def _layer_rows(layers: Iterable[dict[str, Any]]) -> Iterator[Sequence[str]]:
    for one in layers:
        command = one["command"] or one["title"] or ""
        yield one["digest"] or "-", size_text(one["size_bytes"]), command


def _print_tags(console: Console, tags: Sequence[dict[str, Any]]) -> None:
    rows = [(one["tag"], one["tagged_at"], one["digest"]) for one in tags]
    _print_table(console, "TAG SINCE DIGEST", rows)


def _print_pairs(console: Console, pairs: Iterable[tuple[str, str]], *, title: str = "") -> None:
    shown = [(name, value) for name, value in pairs if value]
    if title and shown:
        console.print(f"\n{title}:", highlight=False)
    for name, value in shown:
        print_line(console, f"{name}: {one_line(value, limit=_VALUE_MAX)}")


def _print_table(console: Console, headings: str, rows: Iterable[Sequence[str]]) -> None:
    found = list(rows)
    if not found:
        return
    table = Table(*headings.split(), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in found:
        table.add_row(*(escape(one_line(cell, limit=_VALUE_MAX)) for cell in row))
    console.print(table)


def _print_images(
    console: Console, what: str, images: Sequence[dict[str, Any]], *, has_more: bool
) -> None:
    for image in images[:_SHOWN_MAX]:
        print_line(console, f"{what}: {image['reference']}")
    if has_more or len(images) > _SHOWN_MAX:
        print_line(console, f"{what}: … more")
