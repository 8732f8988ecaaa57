"""The changes of several nodes as one list. Pure.

Each node has cursors of its own. The joint cursor of a change holds where it is for each node: the
last change at that node which is not behind it. So it leads on in both directions.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.errors import InvalidValueError

NOW = "now"
_CURSOR_MAX = 20_000
"""The most characters of a joint cursor: a hundred nodes need half of it."""


@dataclass(frozen=True, slots=True)
class JointCursor:
    """A place in the changes of all nodes."""

    behind: Mapping[str, str]
    """By node, the last change before or at this place; empty or missing where there is none."""
    node: str = ""
    """The node whose change this is the cursor of; empty between changes."""

    def __str__(self) -> str:
        """Return the text that :meth:`parse` takes."""
        value = ["changes", self.node, dict(sorted(self.behind.items()))]
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()

    @classmethod
    def parse(cls, text: str) -> "JointCursor":
        """Return the cursor in a text; :class:`InvalidValueError` if it is none of ours."""
        try:
            value = json.loads(base64.b64decode(text[:_CURSOR_MAX], altchars=b"-_", validate=True))
        except (ValueError, RecursionError):
            value = None
        match value:
            case ["changes", str() as node, {**behind}]:
                named = {str(name): one for name, one in behind.items() if isinstance(one, str)}
                if len(named) == len(behind):
                    return cls(named, node)
        raise InvalidValueError(
            f"not a cursor of the changes of all nodes: {text[:100]!r}; with registry= there are"
            " others"
        )


@dataclass(frozen=True, slots=True)
class NodeChanges:
    """A page of the changes of one node."""

    changes: Sequence[Mapping[str, Any]]
    next: str | None
    """Where the node goes on; None where nothing follows."""


Joined = tuple[list[dict[str, Any]], str | None]
"""A page of changes, each with its joint cursor, and where the next one begins."""


def join_oldest(
    pages: Mapping[str, NodeChanges], *, behind: Mapping[str, str], limit: int
) -> Joined:
    """Return the first changes of all nodes that follow ``behind``, the oldest first."""
    reached, taken = dict(behind), dict.fromkeys(pages, 0)
    found: list[dict[str, Any]] = []
    while len(found) < limit and (heads := _heads(pages, taken)):
        name = min(heads, key=lambda one: str(heads[one]["at"]))
        change = heads[name]
        taken[name] += 1
        reached[name] = change["cursor"]
        found.append({**change, "cursor": str(JointCursor(reached, name))})
    if not found:
        # Past what is not shown, too. Else a change would have another cursor on another page.
        reached |= {name: page.next for name, page in pages.items() if page.next}
    return found, str(JointCursor(reached))


def join_newest(pages: Mapping[str, NodeChanges], *, limit: int) -> Joined:
    """Return the last changes of all nodes, the newest first."""
    taken = dict.fromkeys(pages, 0)
    found: list[dict[str, Any]] = []
    while len(found) < limit and (heads := _heads(pages, taken)):
        # Of two at the same time it is the one that comes last in the other order.
        name = max(reversed(heads), key=lambda one: str(heads[one]["at"]))
        change = heads[name]
        taken[name] += 1
        rest = {one: head["cursor"] for one, head in _heads(pages, taken).items()}
        cursor = JointCursor({**rest, name: change["cursor"]}, name)
        found.append({**change, "cursor": str(cursor)})
    is_last = not _heads(pages, taken) and all(page.next is None for page in pages.values())
    return found, None if is_last or not found else found[-1]["cursor"]


def _heads(
    pages: Mapping[str, NodeChanges], taken: Mapping[str, int]
) -> dict[str, Mapping[str, Any]]:
    return {
        name: page.changes[taken[name]]
        for name, page in pages.items()
        if taken[name] < len(page.changes)
    }
