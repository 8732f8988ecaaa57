"""The page of a repository: what it is, how to pull it, and its tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.errors import InvalidValueError, NotFoundError
from indexer.model import DocumentType
from search_api.pages.addresses import Addresses
from search_api.pages.image_facts import links_view
from search_api.pages.pull import PullCommand, pull_commands
from search_api.pages.search import result_view
from search_api.pages.site import PageView, Site, wants_html
from search_api.pages.tag_rows import (
    LANES_MAX,
    group_tags,
    lanes_view,
    platform_table,
    sizes_view,
    tag_rows,
)
from search_api.query import facet_query, quoted
from search_api.resources import Resources, TagOrder, TagPage
from search_api.search import (
    Order,
    SearchRequest,
    decode_place,
    encode_place,
    search_page,
)
from search_api.server import client_of

TAGS_SHOWN = 50
"""Tags of one page."""
SIZES_SHOWN = 30
"""Tags in the chart of sizes."""
PLACES_SHOWN = 10
SIMILAR_SHOWN = 10
"""Repositories that are offered in the place of one that is not there."""
NAME_MAX = 200
SORTS = {
    TagOrder.NEWEST: "Newest",
    TagOrder.VERSION: "Version",
    TagOrder.NAME: "Name",
    TagOrder.SIZE: "Largest",
}


@dataclass(frozen=True, slots=True)
class AskedTags:
    """What the address of a repository says; ``tags`` is the pattern or text that tags have."""

    registry: str
    repository: str
    tags: str
    sort: TagOrder
    cursor: str

    @property
    def match(self) -> str:
        """The pattern for whole tags: a text without wildcards may stand anywhere in them."""
        has_wildcard = "*" in self.tags or "?" in self.tags
        return self.tags if has_wildcard or not self.tags else f"*{self.tags}*"

    @property
    def list_name(self) -> str:
        """The name of the list in its cursors, which is that of the API."""
        return f"tags {self.sort}"

    def address(self, to: Addresses, **changed: str | None) -> str:
        """Return the address of the first page of these tags, with something else."""
        given = {
            "tags": self.tags,
            "sort": self.sort.value if self.sort is not TagOrder.NEWEST else None,
        }
        return to.repository(self.registry, self.repository, **{**given, **changed})

    def twin(self, to: Addresses) -> str:
        """Return the address of the same in the API: the tags if some of them were chosen."""
        if not (self.tags or self.cursor or self.sort is not TagOrder.NEWEST):
            return to.api(f"repositories/{self.registry}/{self.repository}")
        return to.api(
            f"tags/{self.registry}/{self.repository}",
            sort=self.sort.value,
            match=self.match,
            expand="image",
            limit=TAGS_SHOWN,
            cursor=self.cursor,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What the page shows, as the API tells it."""

    live_cursor: str
    """The place behind every change that the page shows."""
    repository: Mapping[str, Any]
    page: TagPage[dict[str, Any]]
    every: Mapping[str, Sequence[str]]
    """All tags of each image of the page, by its digest."""
    newest: tuple[dict[str, Any], ...]
    """The newest tags, with their histories."""
    places: tuple[dict[str, Any], ...]
    """Other repositories with the newest image, and one more if there are."""


def read_address(request: Request) -> AskedTags:
    """Return what was asked; :class:`InvalidValueError` names a wrong parameter."""
    given = request.query_params
    sort = given.get("sort") or TagOrder.NEWEST
    if sort not in set(TagOrder):
        raise InvalidValueError(f"sort: {sort[:100]!r} is not one of {', '.join(SORTS)}")
    return AskedTags(
        registry=request.path_params["registry"],
        repository=request.path_params["place"].strip("/"),
        tags=given.get("tags", "").strip(),
        sort=TagOrder(sort),
        cursor=given.get("cursor", ""),
    )


async def answer(site: Site, request: Request) -> Response:
    """Return the page of a repository, of one without tags, or of what has a similar name."""
    asked = read_address(request)
    try:
        after = decode_place(asked.cursor, asked.list_name) if asked.cursor else ""
    except InvalidValueError:
        # Of another order: its beginning is of more use.
        return RedirectResponse(asked.address(site.to, changed="1"), status_code=303)
    try:
        found = await site.service.read(lambda resources: read_repository(resources, asked, after))
    except NotFoundError as error:
        if not wants_html(request.headers):
            raise
        return await _missing(site, request, asked, error)
    if isinstance(found, Found):
        page = repository_page(
            asked,
            found,
            site,
            has_changed="changed" in request.query_params,
            # The same image may be in repositories of any registry.
            is_limited=await site.hides_some(),
        )
    else:
        page = _empty_page(asked, found, site.to)
    return await site.respond(request, page)


def read_repository(resources: Resources, asked: AskedTags, after: str) -> Found | dict[str, Any]:
    """Return what the page shows; the repository alone if it has no tags."""
    # First, so that no change is missed; one may be shown and told of.
    live_cursor = resources.newest_change()
    place = (asked.registry, asked.repository)
    try:
        repository = resources.repository(*place)
    except NotFoundError:
        empty = resources.empty_repository(*place)
        if empty is None:
            raise
        return empty
    # What is shown first has them already.
    is_newest = asked.sort is TagOrder.NEWEST and not (asked.match or after)
    page = resources.tags(
        *place,
        order=asked.sort,
        match=asked.match,
        with_image=True,
        with_history=is_newest,
        after=after,
        limit=TAGS_SHOWN,
    )
    newest = page
    if not is_newest:
        newest = resources.tags(
            *place, order=TagOrder.NEWEST, with_image=True, with_history=True, limit=SIZES_SHOWN
        )
    return Found(
        live_cursor=live_cursor,
        repository=repository,
        page=page,
        every=resources.tags_of(*place, [tag["digest"] for tag in page.items]),
        newest=newest.items[:SIZES_SHOWN],
        places=_places(resources, repository),
    )


def _places(resources: Resources, repository: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    image = repository["newest_image"]
    if image is None:
        return ()
    try:
        found = resources.places(image["digest"], limit=PLACES_SHOWN + 2).items
    except NotFoundError:
        # The tag moved on, and the search index does not know yet.
        return ()
    own = (repository["registry"], repository["repository"])
    return tuple(one for one in found if (one["registry"], one["repository"]) != own)


def repository_page(
    asked: AskedTags, found: Found, site: Site, *, has_changed: bool, is_limited: bool
) -> PageView:
    """Return the page of a repository."""
    to, repository = site.to, found.repository
    rows = tag_rows(found.page.items, to, every=found.every)
    following = encode_place(found.page.next, asked.list_name) if found.page.next else None
    return PageView(
        "repository.html",
        title=asked.repository,
        values={
            "asked": asked,
            "repository": repository,
            "crumbs": crumbs(asked, to),
            "head": head_view(repository, to),
            "commands": _commands(found),
            "rows": rows,
            "total": found.page.total,
            "tag_count": found.page.tag_count,
            "next": asked.address(to, cursor=following) if following else None,
            "first": asked.address(to),
            "sorts": SORTS,
            "has_changed": has_changed,
            "is_limited": is_limited,
            "live_cursor": found.live_cursor,
            "choices": [tag for group in group_tags(found.page.items) for tag in group],
            "lanes_max": LANES_MAX,
            "platforms": platform_table(found.newest[:LANES_MAX], to),
            "lanes": lanes_view(found.newest, to, now=site.clock.now()),
            "sizes": sizes_view(found.newest, to),
            "untagged": _untagged_address(asked, to),
            "places": found.places[:PLACES_SHOWN],
            "has_more_places": len(found.places) > PLACES_SHOWN,
        },
        twin=asked.twin(to),
        canonical=asked.address(to, cursor=asked.cursor),
        is_kept=True,
    )


def crumbs(asked: AskedTags, to: Addresses) -> list[tuple[str, str]]:
    """Return the registry and each namespace above a repository, with what is in it."""
    *above, _ = asked.repository.split("/")
    paths = ["/".join(above[: number + 1]) for number in range(len(above))]
    return [
        (asked.registry, to.search("", registry=asked.registry)),
        *(
            (name, to.search(f"repo:{path}/*", registry=asked.registry))
            for name, path in zip(above, paths, strict=True)
        ),
    ]


def head_view(repository: Mapping[str, Any], to: Addresses) -> dict[str, Any]:
    """Return what the head of the page shows, with the searches that it leads to."""
    kind, vendor = repository["kind"], repository["vendor"]
    title = repository["title"]
    return {
        "title": title if title != repository["repository"].rpartition("/")[2] else "",
        "kind": (kind, to.search(facet_query("kind", kind))) if kind else None,
        "vendor": (vendor, to.search(facet_query("vendor", vendor))) if vendor else None,
        "licenses": [
            (one, to.search(facet_query("license", one))) for one in repository["licenses"]
        ],
        "links": links_view(repository),
    }


def _commands(found: Found) -> list[PullCommand]:
    """Return how to pull what speaks for the repository; the reference alone if it is not read."""
    reference, kind = found.repository["reference"], found.repository["kind"]
    if reference and kind:
        return pull_commands(reference, kind)
    return [PullCommand("reference", tag["reference"]) for tag in found.newest[:1]]


def _untagged_address(asked: AskedTags, to: Addresses) -> str:
    q = f"is:untagged repo:{asked.repository}"
    return to.search(q, type="image", registry=asked.registry)


def _empty_page(asked: AskedTags, repository: Mapping[str, Any], to: Addresses) -> PageView:
    return PageView(
        "repository_empty.html",
        title=asked.repository,
        values={
            "asked": asked,
            "repository": repository,
            "crumbs": crumbs(asked, to),
            "untagged": _untagged_address(asked, to),
        },
        canonical=asked.address(to),
    )


async def _missing(
    site: Site, request: Request, asked: AskedTags, error: NotFoundError
) -> Response:
    """Return the page of a repository that is not there, with those of a similar name."""
    name = asked.repository.rpartition("/")[2][:NAME_MAX]
    results: list[dict[str, Any]] = []
    freshness = None
    if name.strip():
        wanted = SearchRequest(
            text=f"name:{quoted(name)}",
            order=Order(DocumentType.REPOSITORY),
            limit=SIMILAR_SHOWN,
            with_texts=True,
        )
        found = await site.service.call_for(client_of(request), search_page, wanted)
        results, freshness = found["results"], found["freshness"]
    page = PageView(
        "repository_missing.html",
        title="Not found",
        status=404,
        values={
            "query": name,
            "heading": "Not found",
            "message": str(error),
            "column": None,
            "retry_seconds": None,
            "results": [result_view(one, site.to) for one in results],
            "is_limited": await site.hides_some(),
        },
    )
    return await site.respond(request, page, freshness=freshness)
