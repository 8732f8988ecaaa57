"""Section 6: changes."""

from typing import Any

from search_api.conformance.server import (
    API,
    DIGEST,
    TIME,
    ApiResponse,
    NothingToCheckError,
    Server,
    read_key,
    read_value,
    require,
)

_CHANGES = f"{API}/changes"
_KINDS = {"tag.pushed", "tag.removed", "repository.removed"}


def now_is_behind_all_changes(server: Server) -> None:
    """Check that after the cursor ``now`` there are only new changes, and a next cursor."""
    found = server.get(_CHANGES, cursor="now")
    require(read_value(found, "changes", list) == [], f"{found.address}: there are changes")
    cursor = read_value(found, "next", str)
    again = server.get(_CHANGES, cursor=cursor)
    read_value(again, "next", str)


def changes_can_be_resumed(server: Server) -> None:
    """Check that changes read one by one are the same as read at once."""
    every = _changes(server.get(_CHANGES, limit="4"))
    if not every:
        raise NothingToCheckError("nothing changed since the feed began")
    met: list[dict[str, Any]] = []
    cursor = ""
    for _ in every:
        page = server.get(_CHANGES, limit="1", **({"cursor": cursor} if cursor else {}))
        met += _changes(page)
        cursor = read_value(page, "next", str)
    require(met == every, f"{_CHANGES}: one by one they are others than at once")


def changes_can_be_read_back(server: Server) -> None:
    """Check that newest first, one by one, changes are those of oldest first, reversed."""
    newest = _changes(server.get(_CHANGES, order="newest", limit="3"))
    if not newest:
        raise NothingToCheckError("nothing changed since the feed began")
    met: list[dict[str, Any]] = []
    cursor = newest[0]["cursor"]
    for _ in newest[1:]:
        page = server.get(_CHANGES, order="newest", limit="1", cursor=cursor)
        met += _changes(page)
        cursor = met[-1]["cursor"]
    require(met == newest[1:], f"{_CHANGES}: one by one they are others than at once")
    forward = server.get(_CHANGES, cursor=newest[-1]["cursor"], limit="2")
    told = _changes(forward)
    require(told == newest[-2::-1][:2], f"{forward.address}: not the changes after that")


def changes_of_a_place_can_be_chosen(server: Server) -> None:
    """Check that the changes of a repository are of no other one."""
    newest = _changes(server.get(_CHANGES, order="newest", limit="1"))
    if not newest:
        raise NothingToCheckError("nothing changed since the feed began")
    place = {key: newest[0][key] for key in ("registry", "repository")}
    found = server.get(_CHANGES, order="newest", limit="100", **place)
    changes = _changes(found)
    is_there = _without_cursors(changes[:1]) == _without_cursors(newest)
    require(is_there, f"{found.address}: the newest change is missing")
    for change in changes:
        is_of_it = all(change[key] == value for key, value in place.items())
        require(is_of_it, f"{found.address}: a change of {change['repository']!r}")


def _without_cursors(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return changes without what the list of another place may have others of."""
    return [{**one, "cursor": ""} for one in changes]


def _changes(page: ApiResponse) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = read_value(page, "changes", list)
    for change in changes:
        where = f"{page.address}, a change"
        kind = read_key(change, "kind", str, where=where)
        require(kind in _KINDS, f"{where}: unknown kind {kind!r}")
        at = read_key(change, "at", str, where=where)
        require(TIME.fullmatch(at), f"{where}: no time in UTC: {at!r}")
        read_key(change, "registry", str, where=where)
        read_key(change, "repository", str, where=where)
        digest = change.get("digest")
        if kind == "tag.pushed":
            require(DIGEST.fullmatch(str(digest)), f"{where}: digest is {digest!r}")
    return changes


def what_is_no_cursor_is_refused(server: Server) -> None:
    """Check that an invented cursor is refused, as malformed or as expired."""
    response = server.request(_CHANGES, {"cursor": "no-such-cursor"})
    require(
        response.status_code in {400, 410},
        f"{_CHANGES}: status {response.status_code} for what is no cursor",
    )
    error = server.read_refusal(_CHANGES, {"cursor": "no-such-cursor"}, status=response.status_code)
    wanted = {400: "PARAMETER_INVALID", 410: "CURSOR_EXPIRED"}[response.status_code]
    require(error["code"] == wanted, f"{_CHANGES}: {response.status_code} with {error['code']}")


CHECKS = (
    ("now is behind all changes", "6", now_is_behind_all_changes),
    ("changes can be resumed", "6", changes_can_be_resumed),
    ("changes can be read back", "6", changes_can_be_read_back),
    ("changes of a place can be chosen", "6", changes_of_a_place_can_be_chosen),
    ("what is no cursor of changes is refused", "6", what_is_no_cursor_is_refused),
)
