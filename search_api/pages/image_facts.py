"""What the page of an image shows: labels, links, attachments, platforms, history. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from indexer.clock import parse_rfc3339
from search_api.pages.addresses import Addresses
from search_api.pages.drawings import TagTarget
from search_api.pages.words import short_platform, sorted_platforms
from search_api.query import facet_query

SEARCHED_MAX = 200
"""Characters of a label's value that is offered as a search."""
PLATFORM_LINKS_MAX = 4
"""Platforms in one row; more are a matrix."""
_ATTACHMENTS = {"sbom": "SBOM", "other": "attachment"}
_FORMATS = {"spdx": "SPDX", "cyclonedx": "CycloneDX", "slsa": "SLSA", "openvex": "OpenVEX"}
_LINKS = ("source", "documentation", "url")


def outer_link(text: str | None) -> dict[str, str] | None:
    """Return the address and the host of a link out of here; None for what is no web address."""
    try:
        parts = urlsplit(text or "")
        host = parts.hostname
    except ValueError:
        return None
    is_safe = parts.scheme in {"http", "https"} and bool(host)
    return {"href": text or "", "host": host or ""} if is_safe else None


def links_view(image: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the links that an image names, each once."""
    found = {}
    for name in _LINKS:
        link = outer_link(image[name])
        if link and link["href"] not in found:
            found[link["href"]] = {**link, "name": "home page" if name == "url" else name}
    return list(found.values())


def labels_view(image: Mapping[str, Any], to: Addresses) -> dict[str, list[dict[str, Any]]]:
    """Return labels and annotations, one row for each pair; those of the base are apart."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    told = [
        *({**one, "from": "label"} for one in image["labels"]),
        *({**one, "inherited": False} for one in image["annotations"]),
    ]
    for one in told:
        pair = (one["key"], one["value"])
        if pair not in rows:
            rows[pair] = {
                **one,
                "sources": [],
                "link": outer_link(one["value"].strip()),
                "search": _label_search(one, to),
            }
        if one["from"] not in rows[pair]["sources"]:
            rows[pair]["sources"].append(one["from"])
    return {
        "own": [row for row in rows.values() if not row["inherited"]],
        "inherited": [row for row in rows.values() if row["inherited"]],
    }


def attachments_view(image: Mapping[str, Any], to: Addresses) -> list[dict[str, Any]]:
    """Return what is attached to an image, one entry for each sort, with what each is about."""
    platforms = {one["digest"]: one["platform"] for one in image["platforms"]}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in image["attachments"]:
        sort = _ATTACHMENTS.get(one["kind"], one["kind"])
        form = one["format"] or (one["artifact_type"] if one["kind"] == "other" else "") or ""
        if one["subject"] == image["digest"]:
            about = "all platforms" if image["is_index"] else "this image"
        else:
            about = platforms.get(one["subject"]) or "another attachment"
        address = to.image(one["digest"], image["registry"], image["repository"])
        found.setdefault((sort, _FORMATS.get(form, form)), []).append(
            {**one, "about": about, "address": address}
        )
    return [
        {"sort": sort, "format": form, "items": _in_order(items)}
        for (sort, form), items in found.items()
    ]


def platforms_view(image: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return the platforms of an index as links, or as a matrix if they are many."""
    sizes = {one["platform"]: one for one in reversed(image["platforms"]) if one["platform"]}
    shown = next(
        (
            one["platform"]
            for one in image["platforms"]
            if one["digest"] == image["shown_digest"] and one["platform"]
        ),
        None,
    )
    names = sorted_platforms(sizes)
    cells = {name: _matrix_place(name) for name in names}
    return {
        "links": [
            {"name": name, "address": addresses[name], "is_shown": name == shown} for name in names
        ],
        "columns": _distinct(column for _, column in cells.values()),
        "rows": [
            (
                row,
                {
                    column: {
                        "name": name,
                        "address": addresses[name],
                        "is_shown": name == shown,
                        "size_bytes": sizes[name]["size_bytes"],
                    }
                    for name, (own_row, column) in cells.items()
                    if own_row == row
                },
            )
            for row in _distinct(row for row, _ in cells.values())
        ],
        "is_matrix": len(names) > PLATFORM_LINKS_MAX,
        "shown": shown,
        "shown_short": short_platform(shown) if shown else "",
    }


def history_view(
    tag: Mapping[str, Any], held: Mapping[str, int | None], to: Addresses
) -> list[dict[str, Any]]:
    """Return where a tag pointed, newest first; what is there still, ``held``, has an address."""
    return [
        {
            **move,
            "size_bytes": held.get(move["digest"]),
            "address": to.image(move["digest"], tag["registry"], tag["repository"])
            if move["digest"] in held
            else "",
        }
        for move in tag["history"]
    ]


def tag_targets(history: Iterable[Mapping[str, Any]]) -> list[TagTarget]:
    """Return the same for the timeline."""
    return [
        TagTarget(
            move["digest"],
            parse_rfc3339(move["tagged_at"]),
            move["actor"],
            move["from_event"],
            move["address"],
        )
        for move in history
    ]


def masks_secrets(image: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Tell whether something that an image says was hidden."""
    variables = (one["value"] for one in image["config"]["env"])
    values = (one["value"] for one in (*image["labels"], *image["annotations"]))
    started = (*image["config"]["entrypoint"], *image["config"]["cmd"])
    return any("***" in text for text in (*variables, *values, *started, *texts))


def _label_search(label: Mapping[str, Any], to: Addresses) -> str:
    key, value = label["key"], label["value"]
    # Nothing is found by a label that came with its base.
    if (
        label["from"] != "label"
        or label["inherited"]
        or not value
        or len(key) + len(value) > SEARCHED_MAX
    ):
        return ""
    if not (key.isprintable() and value.isprintable()):
        return ""
    return to.search(facet_query(f"label:{key}", value), type="image")


def _in_order(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    names = sorted_platforms(one["about"] for one in items)
    return sorted(items, key=lambda one: names.index(one["about"]))


def _matrix_place(platform: str) -> tuple[str, str]:
    system, _, rest = platform.partition("/")
    architecture, _, version = rest.partition(":")
    return f"{system} {version}".strip(), architecture


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
