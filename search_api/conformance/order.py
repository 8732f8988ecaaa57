"""Sections 2 and 3.3: pages, cursors and orders."""

from typing import Any

from search_api.conformance.search import TYPES
from search_api.conformance.server import (
    API,
    NothingToCheckError,
    Server,
    read_value,
    require,
)

_KEYS = {"created": "created_at", "pushed": "pushed_at", "size": "size_bytes"}


def pages_hold_each_result_once(server: Server) -> None:
    """Check that all pages together hold each result once, and as many as the total."""
    for kind in TYPES:
        total = server.total("", type=kind)
        if total < 2:
            raise NothingToCheckError(f"there are {total} results of type {kind}")
        limit = max(1, min(1_000, total // 3))
        met: list[tuple[str, ...]] = []
        is_whole = False
        for page in server.pages(type=kind, limit=str(limit)):
            met += [_identity(result) for result in read_value(page, "results", list)]
            is_whole = page.body.get("next") is None
        require(len(set(met)) == len(met), f"type {kind}: a result is on two pages")
        require(not is_whole or len(met) == total, f"type {kind}: {len(met)} results of {total}")


def _identity(result: dict[str, Any]) -> tuple[str, ...]:
    return (result["registry"], result["repository"], result.get("digest", ""))


def the_next_page_is_linked(server: Server) -> None:
    """Check that the ``Link`` header leads to the page of ``next``."""
    first = server.search(limit="1")
    cursor = first.body.get("next")
    if cursor is None:
        raise NothingToCheckError("there is one page only")
    link = first.headers.get("link")
    if link is None:
        raise NothingToCheckError("no Link header, which is allowed")
    address = link.partition("<")[2].partition(">")[0]
    require('rel="next"' in link and address, f"{first.address}: Link is {link!r}")
    linked = server.check_response(server.request(address), status=200).body["results"]
    by_cursor = server.search(limit="1", cursor=cursor).body["results"]
    same = [_identity(one) for one in linked] == [_identity(one) for one in by_cursor]
    require(same, f"{first.address}: Link leads to another page than next")


def names_are_in_order(server: Server) -> None:
    """Check the order by name, in both directions."""
    names = [one["repository"] for one in server.results(sort="name", limit="100")]
    require(names == sorted(names), f"sort=name: {names[:5]}")
    if server.total("") <= 100:
        back = [one["repository"] for one in server.results(sort="-name", limit="100")]
        require(back == sorted(back, reverse=True), f"sort=-name: {back[:5]}")


def numbers_are_in_order(server: Server) -> None:
    """Check the orders by time and size, in both directions."""
    for sort, key in _KEYS.items():
        for name, is_reversed in ((sort, False), (f"-{sort}", True)):
            found = server.results(type="image", sort=name, limit="100")
            told = [one[key] for one in found]
            if sort == "size":
                values = [value for value in told if value is not None]
                require(told[: len(values)] == values, f"sort={name}: {told[:5]}")
            else:
                # Services may keep times to the second.
                values = [(value or "")[:19] for value in told]
            wanted = sorted(values, reverse=not is_reversed)
            require(values == wanted, f"sort={name}: {values[:5]}")


def a_cursor_belongs_to_its_order(server: Server) -> None:
    """Check that a cursor is refused by another order."""
    cursor = server.search(limit="1", sort="name").body.get("next")
    if cursor is None:
        raise NothingToCheckError("there is one page only")
    parameters = {"limit": "1", "sort": "size", "cursor": cursor}
    error = server.read_refusal(f"{API}/search", parameters)
    require(error["code"] == "PARAMETER_INVALID", f"a cursor of another order: {error['code']}")


CHECKS = (
    ("pages hold each result once", "3.3", pages_hold_each_result_once),
    ("the next page is linked", "2", the_next_page_is_linked),
    ("names are in order", "3.3", names_are_in_order),
    ("times and sizes are in order", "3.3", numbers_are_in_order),
    ("a cursor belongs to its order", "3.3", a_cursor_belongs_to_its_order),
)
