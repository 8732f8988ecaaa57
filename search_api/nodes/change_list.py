"""The list of changes of all nodes, which are asked for theirs."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.errors import InvalidValueError, NodeAwayError
from indexer.model import parse_json_object
from search_api.api import next_link
from search_api.nodes.changes import NOW, JointCursor, NodeChanges, join_newest, join_oldest
from search_api.nodes.node import Node, WholeAnswer
from search_api.nodes.nodes import Nodes

LIMIT_DEFAULT = 100
_NOT_KEPT = {"Cache-Control": "no-store"}


class ChangeList:
    """Answers a request for the changes of all registries."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def answer(self, request: Request) -> Response:
        """Return a page of changes; :class:`NodeAwayError` if a node does not tell its own.

        :class:`InvalidValueError` if the cursor is not one of this list.
        """
        cursor = request.query_params.get("cursor", "")
        is_newest = request.query_params.get("order") == "newest"
        place = JointCursor.parse(cursor) if cursor and cursor != NOW else None
        asked = (
            self._before(node, request, place) if is_newest else self._behind(node, request, place)
            for node in self._nodes.all
        )
        pages: dict[str, NodeChanges] = {}
        for node, page in zip(self._nodes.all, await asyncio.gather(*asked), strict=True):
            if isinstance(page, WholeAnswer):
                # Such as that a cursor is too old.
                return page.response()
            pages[node.name] = page
        limit = _limit(request)
        if is_newest:
            found, following = join_newest(pages, limit=limit)
        else:
            behind = place.behind if place else {}
            found, following = join_oldest(pages, behind=behind, limit=limit)
        link = next_link(request, following) if is_newest else {}
        return JSONResponse({"changes": found, "next": following}, headers={**_NOT_KEPT, **link})

    async def _behind(
        self, node: Node, request: Request, place: JointCursor | None
    ) -> NodeChanges | WholeAnswer:
        """Return what follows at a node."""
        given = request.query_params.get("cursor", "")
        cursor = place.behind.get(node.name, "") if place else given
        return await self._read(node, request, {"cursor": cursor})

    async def _before(
        self, node: Node, request: Request, place: JointCursor | None
    ) -> NodeChanges | WholeAnswer:
        """Return what is before a place at a node: with the last change there, if another has it.

        A node tells what is before a change. So it is asked for the change behind that one first.
        """
        cursor = place.behind.get(node.name, "") if place else ""
        if place is not None and not cursor:
            return NodeChanges((), None)
        if place is not None and place.node != node.name:
            follower = {"cursor": cursor, "order": "oldest", "limit": "1"}
            found = await self._read(node, request, follower)
            if isinstance(found, WholeAnswer):
                return found
            cursor = str(found.changes[0]["cursor"]) if found.changes else ""
        return await self._read(node, request, {"cursor": cursor})

    async def _read(
        self, node: Node, request: Request, changed: Mapping[str, str]
    ) -> NodeChanges | WholeAnswer:
        """Return a page of a node, or its answer if that is none."""
        given = [pair for pair in request.query_params.multi_items() if pair[0] not in changed]
        query = urlencode([*given, *((name, text) for name, text in changed.items() if text)])
        answer = await self._nodes.read(node, request, query=query)
        if answer is None:
            # Nobody may know that it is away. What it has is hidden anyway.
            return NodeChanges((), None)
        return answer if answer.status != 200 else _changes_in(answer)


def _limit(request: Request) -> int:
    """Return how many changes are wanted; what is wrong was refused by the nodes."""
    text = request.query_params.get("limit", "")
    return int(text) if text.isdecimal() else LIMIT_DEFAULT


def _changes_in(answer: WholeAnswer) -> NodeChanges:
    try:
        value = parse_json_object(answer.body)
        page = NodeChanges(value["changes"], value["next"])
        is_page = all(isinstance(one["cursor"], str) and one["at"] for one in page.changes)
    except (InvalidValueError, KeyError, TypeError) as error:
        raise _odd(answer) from error
    if not is_page or not isinstance(page.next, str | None):
        raise _odd(answer)
    return page


def _odd(answer: WholeAnswer) -> NodeAwayError:
    return answer.node.away("its changes cannot be read")
