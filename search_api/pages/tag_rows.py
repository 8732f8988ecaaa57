"""The tags of a repository as rows, a table, lanes and sizes. Pure: JSON in, views out.

Tags of one image are one row. The row stands where the first of them does, in whatever order the
page is; tags on other pages are rows there. So each tag is on exactly one page.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from indexer.clock import parse_rfc3339
from indexer.model import version_key
from search_api.pages.addresses import Addresses
from search_api.pages.drawings import (
    SizedTag,
    TagLane,
    TagTarget,
    digest_swatch,
    size_bar,
    tag_lanes,
    tag_sizes,
)
from search_api.pages.words import short_platform, sorted_platforms

LANES_MAX = 10
LANE_DAYS = (7, 30, 90)
"""Days that the lanes may have."""
MOVES_SHOWN = 30
"""Moves of a tag in its lane and in the list beside it; the page of the tag has the others."""
PLATFORMS_MAX = 24
"""Columns of the table of platforms."""

Tag = Mapping[str, Any]


def group_tags(tags: Iterable[Tag]) -> list[list[Tag]]:
    """Return tags in their order, but those of one image together where its first one is.

    Among them ``latest`` is first, then what says most: 1.4.2 before 1.4.
    """
    groups: dict[str, list[Tag]] = {}
    for tag in tags:
        groups.setdefault(tag["digest"], []).append(tag)
    return [sorted(group, key=_version) for group in groups.values()]


def tag_rows(
    tags: Sequence[Tag], to: Addresses, *, every: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return a row for each image of these tags, with its newest push and a bar for its size.

    ``every`` has all tags of each image by its digest; a row has the others too.
    """
    groups = group_tags(tags)
    images = [group[0]["image"] or {} for group in groups]
    largest = max((image.get("size_bytes") or 0 for image in images), default=0)
    return [
        {
            "tags": _named(group, to),
            "others": _others(group, every.get(group[0]["digest"], ()), to),
            "reference": group[0]["reference"],
            "digest": group[0]["digest"],
            "address": image_address(group[0], to),
            "swatch": digest_swatch(group[0]["digest"]),
            "is_known": bool(image),
            "kind": image.get("kind"),
            "platforms": image.get("platforms", []),
            "size_bytes": image.get("size_bytes"),
            "bar": size_bar(image.get("size_bytes"), largest=largest),
            "created_at": image.get("created_at"),
            "pushed_at": max((tag["pushed_at"] or "" for tag in group), default="") or None,
        }
        for group, image in zip(groups, images, strict=True)
    ]


def image_address(tag: Tag, to: Addresses) -> str:
    """Return the address of the image of a tag, whatever the tag comes to point at."""
    return to.image(tag["digest"], tag["registry"], tag["repository"])


def platform_table(tags: Sequence[Tag], to: Addresses) -> dict[str, Any] | None:
    """Return which tags have which platforms; None if there are not two to compare."""
    groups = [group for group in group_tags(tags) if group[0]["image"]]
    found = [set(group[0]["image"]["platforms"]) for group in groups]
    platforms = sorted_platforms(set().union(*found))
    if len(platforms) < 2:
        return None
    shown = platforms[:PLATFORMS_MAX]
    return {
        "platforms": [(one, short_platform(one)) for one in shown],
        "more": len(platforms) - len(shown),
        "rows": [
            {"tags": _named(group, to), "has": [(one, one in has) for one in shown]}
            for group, has in zip(groups, found, strict=True)
        ],
    }


def lanes_view(tags: Sequence[Tag], to: Addresses, *, now: datetime) -> dict[str, Any]:
    """Return the moves of the newest tags in the last days as a picture and as a list.

    ``tags`` have their histories.
    """
    days = _lane_days(tags[:LANES_MAX], now=now)
    start = now - timedelta(days=days)
    lanes = [
        TagLane(tag["tag"], _targets(tag, to, start=start), href=_tag_address(tag, to))
        for group in group_tags(tags[:LANES_MAX])
        for tag in group
    ]
    return {
        "drawing": tag_lanes(
            lanes, now=now, prefix="lanes", days=days, limit=LANES_MAX * MOVES_SHOWN
        ),
        "days": days,
        "lanes": [_lane_list(lane) for lane in lanes],
    }


def _lane_days(tags: Sequence[Tag], *, now: datetime) -> int:
    """Return how many days the lanes have: the fewest that show every move, or the most."""
    moves = [parse_rfc3339(move["tagged_at"]) for tag in tags for move in tag["history"]]
    oldest = min(moves, default=now)
    return next((days for days in LANE_DAYS if now - oldest <= timedelta(days=days)), LANE_DAYS[-1])


def sizes_view(tags: Sequence[Tag], to: Addresses) -> dict[str, Any]:
    """Return the sizes of the newest tags as a chart and as a list, oldest first."""
    groups = [group for group in reversed(group_tags(tags)) if group[0]["image"]]
    sized = [
        SizedTag(
            " = ".join(tag["tag"] for tag in group),
            group[0]["image"]["size_bytes"],
            href=_tag_address(group[0], to),
        )
        for group in groups
    ]
    return {"drawing": tag_sizes(sized, prefix="sizes"), "tags": sized}


def _version(tag: Tag) -> tuple[object, ...]:
    return version_key(tag["tag"])


def _named(group: Sequence[Tag], to: Addresses) -> list[tuple[str, str]]:
    """Return each tag of an image with its address."""
    return [(tag["tag"], _tag_address(tag, to)) for tag in group]


def _others(group: Sequence[Tag], every: Sequence[str], to: Addresses) -> list[tuple[str, str]]:
    """Return the tags of an image that are not in its row, with their addresses."""
    place, known = group[0], {tag["tag"] for tag in group}
    names = sorted((name for name in every if name not in known), key=version_key)
    return [(name, to.tag(place["registry"], place["repository"], name)) for name in names]


def _tag_address(tag: Tag, to: Addresses) -> str:
    return to.tag(tag["registry"], tag["repository"], tag["tag"])


def _targets(tag: Tag, to: Addresses, *, start: datetime) -> list[TagTarget]:
    """Return the moves since a time and the last one before it, newest first."""
    targets = []
    for move in tag["history"]:
        since = parse_rfc3339(move["tagged_at"])
        target = TagTarget(
            move["digest"],
            since,
            actor=move["actor"],
            from_event=move["from_event"],
            href=_target_address(tag, move["digest"], to),
        )
        targets.append(target)
        if since < start:
            break
    return targets


def _target_address(tag: Tag, digest: str, to: Addresses) -> str:
    """Return where an image is shown that a tag pointed at; it may be gone."""
    if digest == tag["digest"]:
        return image_address(tag, to)
    path = tag["reference"].rpartition(":")[0]
    return to.page("go", ref=f"{path}@{digest}")


def _lane_list(lane: TagLane) -> dict[str, Any]:
    return {
        "tag": lane.tag,
        "address": lane.href,
        "moves": [
            {
                "digest": move.digest,
                "address": move.href,
                "swatch": digest_swatch(move.digest or ""),
                "since": move.since,
                "actor": move.actor,
                "from_event": move.from_event,
            }
            for move in lane.targets[:MOVES_SHOWN]
        ],
        "more": len(lane.targets) - MOVES_SHOWN,
    }
