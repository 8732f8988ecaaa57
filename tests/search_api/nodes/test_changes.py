"""The changes of all nodes are one list, which can be read in both directions from any change."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from indexer.errors import InvalidValueError
from search_api.nodes.changes import JointCursor, NodeChanges, join_newest, join_oldest

NAMES = ("a", "b", "c")
Stored = Mapping[str, Sequence[Mapping[str, Any]]]


def stored(seed: int) -> Stored:
    """Return changes of each node, some of them at the same time."""
    dice = Random(seed)
    made: dict[str, list[Mapping[str, Any]]] = {}
    for name in NAMES:
        times = sorted(dice.randrange(12) for _ in range(dice.randrange(6)))
        made[name] = [
            {"cursor": f"{name}{number}", "at": f"{time:02}", "name": f"{name}{number}"}
            for number, time in enumerate(times, 1)
        ]
    return made


def number_of(cursor: str) -> int:
    return int(cursor[1:]) if cursor else 0


def oldest(nodes: Stored, cursor: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Return what a search node makes of the answers of nodes that have these changes."""
    behind = JointCursor.parse(cursor).behind if cursor else {}
    pages = {}
    for name, changes in nodes.items():
        after = number_of(behind.get(name, ""))
        part = changes[after : after + limit]
        at_end = after + len(part)
        pages[name] = NodeChanges(part, f"{name}{at_end}" if at_end else None)
    found, following = join_oldest(pages, behind=behind, limit=limit)
    assert following is not None
    return found, following


def newest(nodes: Stored, cursor: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    place = JointCursor.parse(cursor) if cursor else None
    pages = {}
    for name, changes in nodes.items():
        end = len(changes)
        if place is not None:
            end = number_of(place.behind.get(name, ""))
            end -= place.node == name
        part = list(reversed(changes[:end]))[:limit]
        pages[name] = NodeChanges(part, part[-1]["cursor"] if end > len(part) else None)
    return join_newest(pages, limit=limit)


@pytest.mark.parametrize("seed", range(40))
def test_page_by_page_each_change_is_met_once_in_the_order_of_time(seed: int) -> None:
    nodes = stored(seed)
    every, _ = oldest(nodes, "", 100)
    assert [one["at"] for one in every] == sorted(one["at"] for one in every)
    assert len(every) == sum(map(len, nodes.values()))
    for limit in (1, 2, 3):
        met: list[dict[str, Any]] = []
        cursor = ""
        while len(met) < len(every):
            page, cursor = oldest(nodes, cursor, limit)
            assert page
            met += page
        assert met == every
        assert oldest(nodes, cursor, limit)[0] == []


@pytest.mark.parametrize("seed", range(40))
def test_newest_first_is_the_same_reversed(seed: int) -> None:
    nodes = stored(seed)
    every = oldest(nodes, "", 100)[0]
    for limit in (1, 2, 100):
        met: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page, cursor = newest(nodes, cursor, limit)
            met += page
        assert met == every[::-1]


@pytest.mark.parametrize("seed", range(40))
def test_the_cursor_of_a_change_leads_on_in_both_directions(seed: int) -> None:
    nodes = stored(seed)
    every = oldest(nodes, "", 100)[0]
    for number, one in enumerate(every):
        assert oldest(nodes, one["cursor"], 3)[0] == every[number + 1 : number + 4]
        assert newest(nodes, one["cursor"], 100)[0] == every[:number][::-1]


def test_what_is_no_joint_cursor_is_refused() -> None:
    whole = str(JointCursor({"a": "a1"}, "a"))
    assert JointCursor.parse(whole) == JointCursor({"a": "a1"}, "a")
    for text in ("4.48df1295e1a0f302", "now!", whole[:-4], "bnVsbA==", "WzFd", "W" * 30_000):
        with pytest.raises(InvalidValueError, match="not a cursor"):
            JointCursor.parse(text)
    with pytest.raises(InvalidValueError):
        JointCursor.parse(str(JointCursor({"a": 1})))  # type: ignore[dict-item]
