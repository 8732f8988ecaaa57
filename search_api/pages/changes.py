"""The page of changes: what came, moved and went, newest first."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.clock import parse_rfc3339
from indexer.errors import CursorExpiredError, InvalidValueError
from search_api.pages.addresses import Addresses
from search_api.pages.site import PageView, Site
from search_api.resources import Resources, named_in

CHANGES_SHOWN = 100
LATE_SECONDS = 300
"""The difference of a push from when we saw it that readers are told of."""
_PUSHED = "tag.pushed"
_Targets = Mapping[tuple[str, str, str], str | None]


def change_view(change: Mapping[str, Any], targets: _Targets, to: Addresses) -> dict[str, Any]:
    """Return what is shown of a change beside what the API says of it.

    ``targets`` tells where tags point now: nothing leads to what is gone.
    """
    registry, repository = change["registry"], change["repository"]
    tag, digest = change["tag"] or "", change["digest"]
    place = (registry, repository, tag)
    is_there, target = place in targets, targets.get(place)
    pushed_at = change["pushed_at"] or change["at"]
    late = (parse_rfc3339(change["at"]) - parse_rfc3339(pushed_at)).total_seconds()
    return {
        **change,
        "what": _what(change),
        "repository_address": to.repository(registry, repository) if is_there else "",
        "tag_address": to.tag(registry, repository, tag) if target else "",
        "digest_address": (
            to.image(digest, registry, repository) if digest and digest == target else ""
        ),
        "is_push": change["kind"] == _PUSHED,
        "is_late": abs(late) > LATE_SECONDS,
    }


def _what(change: Mapping[str, Any]) -> str:
    if change["kind"] == _PUSHED:
        return "moved" if change["previous_digest"] else "new"
    return "removed"


def read_changes(
    resources: Resources, *, cursor: str, registry: str, repository: str
) -> dict[str, Any]:
    """Return a page of changes, where their tags point now, and the cursor behind everything."""
    # First, so that nothing that comes meanwhile is missed by who reads on from there.
    newest = resources.newest_change()
    page = resources.newest_changes(
        cursor or None,
        registry=registry or None,
        repository=repository or None,
        limit=CHANGES_SHOWN,
    )
    places = {(one["registry"], one["repository"], one["tag"] or "") for one in page.items}
    return {
        "changes": page.items,
        "next": page.next,
        "newest": newest,
        "targets": resources.targets(places),
        "registries": [one["registry"] for one in resources.registries()],
    }


async def answer(site: Site, request: Request) -> Response:
    """Return the page of changes; where its cursor is not kept any more, the first one."""
    given = request.query_params
    cursor, to = given.get("cursor", ""), site.to
    within = {name: given.get(name, "").strip() for name in ("registry", "repository")}
    try:
        found = await site.service.read(
            lambda resources: read_changes(resources, cursor=cursor, **within),
            names=lambda read: named_in(read["changes"]),
        )
    except (CursorExpiredError, InvalidValueError):
        if not cursor:
            raise
        first = to.page("changes", **within, changed="1")
        return RedirectResponse(first, status_code=303)
    of = within["repository"] or within["registry"]
    page = PageView(
        "changes.html",
        title=f"Changes of {of}" if of else "Changes",
        values={
            **within,
            "changes": [change_view(one, found["targets"], to) for one in found["changes"]],
            "registries": found["registries"],
            "is_limited": await site.hides_some(within["registry"]),
            "several": len(found["registries"]) > 1,
            "cursor": cursor,
            "newest": found["newest"],
            "next_address": to.page("changes", **within, cursor=found["next"]),
            "has_next": found["next"] is not None,
            "has_changed": "changed" in given,
        },
        twin=to.api("changes", order="newest", **within, cursor=cursor),
        canonical=to.page("changes", **within),
        fragment="changes",
    )
    return await site.respond(request, page)
