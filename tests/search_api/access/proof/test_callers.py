"""Callers with random rights see all that they may see, and nothing else, on every surface.

The answers of each caller are searched for everything that is hidden from them. Lists, totals and
facets are compared with those of an operator, of which what may not be seen is taken away. And for
some callers a second service has a store with only what they may see: each answer must be the same.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from indexer.engines import Engine
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model import ALL_RIGHTS, Rights
from indexer.settings import Settings
from tests.search_api.access.fuzz import client_document
from tests.search_api.access.proof.addresses import (
    API,
    OPERATIONS,
    api_addresses,
    docker_addresses,
    extension_addresses,
    is_of_api,
    operations,
    page_addresses,
    sample,
)
from tests.search_api.access.proof.answers import answer_of, difference, read_stream, walk
from tests.search_api.access.proof.holders import (
    OPERATOR,
    Holder,
    Service,
    hidden_from,
    make_holders,
    settings_of,
    start_asked,
)
from tests.search_api.access.proof.leaks import told_in
from tests.search_api.access.proof.world import HOSTS, World, fill_world, make_world
from tests.search_api.pages.conftest import HTML

pytestmark = pytest.mark.anyio

ENGINES: Mapping[str, Callable[[Path], Engine]] = {"whoosh": WhooshEngine, "tantivy": TantivyEngine}
DOCKER_HEADERS: Sequence[Mapping[str, str]] = (
    {"User-Agent": "Docker-Client/28.0 (linux)"},
    {"Docker-Distribution-API-Version": "registry/2.0"},
    *({"Host": host} for host in HOSTS.values()),
)
COUNTED = ("namespace", "kind", "registry")
"""Facets that can be counted from what the results say."""
_STATE = ("access", "freshness")
"""What an answer says of the service and of its caller."""


@dataclass(slots=True)
class Compared:
    """What was compared."""

    callers: int = 0
    requests: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return all in one line."""
        return (
            f"callers {self.callers}, requests {self.requests:,},"
            f" differences {len(self.differences)}"
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """A service that runs, and what its callers send."""

    app: Starlette
    client: httpx2.AsyncClient
    tokens: Mapping[str, Mapping[str, str]]

    def as_holder(self, holder: str) -> Mapping[str, str]:
        return self.tokens[holder]


class Comparing:
    """Compares what callers are told with what they should be told."""

    def __init__(self, world: World, whole: Asking, *, things: int, step: int) -> None:
        self._world = world
        self._whole = whole
        self._things = things
        self._step = step
        self._dice = Random(step)
        self._everything: dict[str, Sequence[Mapping[str, Any]]] = {}
        self.compared = Compared()

    async def compare(self, holder: Holder, part: Asking | None) -> None:
        """Compare all that a caller is told; ``part`` has only what they may see."""
        self.compared.callers += 1
        rights = holder.rights(self._world.places)
        seen = self._world.seen_by(rights)
        hidden = hidden_from(holder, self._world)
        others = World(tuple(one for one in self._world.pushed if one not in set(seen.pushed)))
        known = sample(seen, self._things, self._dice) + sample(others, self._things, self._dice)
        token = self._whole.as_holder(holder.name)
        document = client_document(self._whole.app)
        asked: list[tuple[str, Mapping[str, str]]] = [
            *((address, {}) for address in api_addresses(document, known)),
            *((address, {}) for address in extension_addresses(known)),
            *((address, HTML) for address in page_addresses(known)),
        ]
        for number, address in enumerate(docker_addresses(known)):
            asked.append((address, DOCKER_HEADERS[number % len(DOCKER_HEADERS)]))
        first = self._dice.randrange(self._step)
        for address, headers in asked[first :: self._step]:
            await self._compare(address, {**headers, **token}, holder, part, hidden)
            # An operator knows all registries of the settings.
            names = [name for name in HOSTS if not rights.sees_registry(name)]
            if part and is_of_api(address) and not any(name in address for name in names):
                await self._compare_with_all_of_it(address, token, part, holder)
        await self._compare_lists(holder, rights)
        await self._compare_streams(list(OPERATIONS["stream_changes"](known)), holder, hidden)

    async def _compare(
        self,
        address: str,
        headers: Mapping[str, str],
        holder: Holder,
        part: Asking | None,
        hidden: set[str],
    ) -> None:
        answers = await walk(self._whole.client, address, headers)
        self.compared.requests += len(answers)
        given = told_in(f"{address} {headers}")
        for response in answers:
            shown = told_in(f"{response.headers} {response.text}") - given
            if leaked := shown & hidden:
                self._note(holder, address, f"tells {sorted(leaked)}: {response.text[:300]}")
            if response.status_code >= 500:
                said = f"status {response.status_code}: {response.text[:300]}"
                self._note(holder, address, said)
        if part is None:
            return
        theirs = {**headers, **part.as_holder(holder.name)}
        expected = await walk(part.client, address, theirs)
        for one, other in zip(answers, expected, strict=False):
            got, wanted = answer_of(one, address), answer_of(other, address)
            if got != wanted:
                self._note(holder, address, difference(got, wanted))
        if len(answers) != len(expected):
            self._note(holder, address, f"{len(answers)} pages, not {len(expected)}")

    async def _compare_with_all_of_it(
        self, address: str, token: Mapping[str, str], part: Asking, holder: Holder
    ) -> None:
        """Compare with what somebody is told who sees all of what the caller may see."""
        if "/status" in address or "/changes" in address:
            return
        answers = await walk(self._whole.client, address, token)
        expected = await walk(part.client, address, part.as_holder(OPERATOR))
        if [_content(one) for one in answers] != [_content(one) for one in expected]:
            self._note(holder, address, "an operator of the same content is told something else")

    async def _compare_lists(self, holder: Holder, rights: Rights) -> None:
        """Compare lists, totals and facets with those of an operator without what is hidden."""
        token = self._whole.as_holder(holder.name)
        for kind in ("repository", "image"):
            for q in ("", "nginx", "label:team", "is:multiarch"):
                address = f"{API}/search?type={kind}&q={q}&sort=name&limit=200"
                address += f"&facets={','.join(COUNTED)},label:team"
                theirs = [one.json() for one in await walk(self._whole.client, address, token)]
                everything = await self._list_everything(address)
                may_see = [
                    one for one in everything if rights.sees(one["registry"], one["repository"])
                ]
                self.compared.requests += len(theirs)
                listed = [_ranked(result) for one in theirs for result in one["results"]]
                if listed != [_ranked(result) for result in may_see]:
                    self._note(holder, address, f"{len(listed)} listed, not {len(may_see)}")
                if {one["total"] for one in theirs} != {len(may_see)}:
                    self._note(holder, address, f"a total that is not {len(may_see)}")
                for facet, counts in _counted(may_see, is_image=kind == "image"):
                    told = _facet(theirs[0], facet)
                    if told != dict(counts):
                        self._note(holder, address, f"{facet}: {told}, not {dict(counts)}")

    async def _list_everything(self, address: str) -> Sequence[Mapping[str, Any]]:
        if address not in self._everything:
            pages = await walk(self._whole.client, address, self._whole.as_holder(OPERATOR))
            self._everything[address] = [one for page in pages for one in page.json()["results"]]
        return self._everything[address]

    async def _compare_streams(
        self, addresses: Sequence[str], holder: Holder, hidden: set[str]
    ) -> None:
        token = self._whole.as_holder(holder.name)
        for address in addresses:
            listing = address.replace("/changes/stream", "/changes")
            pages = await walk(self._whole.client, listing, token)
            if pages[0].status_code != 200:
                continue
            changes = [change for one in pages for change in one.json()["changes"]]
            if not changes:
                continue
            text = await read_stream(self._whole.app, address, token, events=len(changes))
            self.compared.requests += 1
            lines = [line for line in text.splitlines() if line.startswith("data: ")]
            if [json.loads(line.removeprefix("data: ")) for line in lines] != changes:
                self._note(holder, address, "events that are not those of the list")
            if leaked := (told_in(text) - told_in(address)) & hidden:
                self._note(holder, address, f"tells {sorted(leaked)}")

    def _note(self, holder: Holder, address: str, what: str) -> None:
        self.compared.differences.append(f"{holder.name or 'nobody'}: {address}: {what}")


def _content(response: httpx2.Response) -> tuple[int, Any]:
    if response.status_code >= 400:
        # Messages name the registries that are seen.
        return response.status_code, None
    body = response.json()
    return response.status_code, {k: v for k, v in body.items() if k not in _STATE}


def _ranked(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without what depends on the other results."""
    return {key: value for key, value in result.items() if key != "match"}


def _counted(
    results: Sequence[Mapping[str, Any]], *, is_image: bool
) -> Iterator[tuple[str, Counter[str]]]:
    """Yield facets as they are counted from a whole list; labels are told of images alone."""
    namespaces = (one["repository"].rpartition("/")[0] for one in results)
    yield "namespace", Counter(namespaces)
    yield "registry", Counter(one["registry"] for one in results)
    # A repository counts for all its images, and tells of one.
    if is_image:
        yield "kind", Counter(one["kind"] for one in results)
        # Those that an image only has from its base do not count.
        yield (
            "label:team",
            Counter(
                one["labels"]["team"]
                for one in results
                if "team" in one["labels"] and "team" not in one["inherited_labels"]
            ),
        )


def _facet(body: Mapping[str, Any], name: str) -> dict[str, int]:
    return {one["value"]: one["count"] for one in body["facets"][name]["values"]}


async def compare_callers(
    directory: Path,
    *,
    engine: str,
    repositories: int,
    callers: int,
    parts: int,
    things: int,
    step: int = 1,
    is_asked: bool = False,
) -> Compared:
    """Compare what callers are told; for ``parts`` of them with a service that has their part.

    ``step``: each of so many addresses is asked. With ``is_asked``, one registry decides by itself.
    """
    with ExitStack() as stack:
        world = make_world(repositories)
        holders = make_holders(world, callers)
        asked = start_asked(world, holders, stack) if is_asked else ""
        settings = partial(settings_of, holders=holders, engine=engine, asked=asked)
        comparing = await _compare(
            directory,
            world,
            holders,
            settings,
            engine=engine,
            parts=parts,
            things=things,
            step=step,
        )
        return comparing.compared


async def _compare(
    directory: Path,
    world: World,
    holders: Sequence[Holder],
    settings: Callable[[Path], Settings],
    *,
    engine: str,
    parts: int,
    things: int,
    step: int,
) -> Comparing:
    whole = directory / "whole"
    whole.mkdir()
    await fill_world(whole, world, ALL_RIGHTS, ENGINES[engine])
    service = Service(settings(whole), holders)
    async with service.run() as (app, client):
        asking = Asking(app, client, service.tokens)
        comparing = Comparing(world, asking, things=things, step=step)
        for number, holder in enumerate(holders):
            if number >= parts:
                await comparing.compare(holder, None)
                continue
            part = directory / f"part-{number}"
            part.mkdir()
            rights = holder.rights(world.places)
            await fill_world(part, world.seen_by(rights), rights, ENGINES[engine])
            theirs = Service(settings(part), holders)
            async with theirs.run() as (their_app, their_client):
                await comparing.compare(holder, Asking(their_app, their_client, theirs.tokens))
    return comparing


def check(compared: Compared) -> None:
    """Fail with the first differences, if there are any."""
    assert not compared.differences, "\n".join(map(str, (compared, *compared.differences[:20])))


@pytest.mark.parametrize(
    ("engine", "is_asked"), [("whoosh", False), ("tantivy", False), ("whoosh", True)]
)
async def test_callers_see_what_they_may_see_and_nothing_else(
    tmp_path: Path, figure: Callable[[str], None], engine: str, *, is_asked: bool
) -> None:
    """Fifty callers of 1,000 repositories take a quarter of an hour: a command asks them."""
    compared = await compare_callers(
        tmp_path,
        engine=engine,
        repositories=100,
        callers=5,
        parts=4,
        things=1,
        step=5,
        is_asked=is_asked,
    )
    figure(f"{engine}{', one registry asked' if is_asked else ''}: {compared}")
    check(compared)


ASKED_ELSEWHERE = {
    *("/healthz", "/readyz", "/metrics", "/static/{hash}/{name}", "/favicon.svg", "/robots.txt"),
    *("/v1/_ping/", "/v1/search/", "/v2", "/v2/_catalog/", "/v1/{path:path}", "/v2/{path:path}"),
    *("/sign-in/oidc", "/sign-in/callback"),
}
"""Addresses that tell nothing of content, or are other names of those that are asked."""


async def test_every_operation_and_page_is_asked(tmp_path: Path) -> None:
    """A new operation or page needs addresses in ``addresses.py``."""
    await fill_world(tmp_path, World(()), ALL_RIGHTS, WhooshEngine)
    known = sample(make_world(10), 1, Random(1))
    async with Service(settings_of(tmp_path, [], "whoosh"), []).run() as (app, _):
        assert sorted(operations(client_document(app))) == sorted(OPERATIONS)
        asked = {
            address.partition("?")[0]
            for addresses in (docker_addresses, extension_addresses, page_addresses)
            for address in addresses(known)
        }
        for route in app.router.routes:
            if not isinstance(route, Route) or "GET" not in (route.methods or ()):
                continue
            is_asked = any(route.path_regex.fullmatch(unquote(path)) for path in asked)
            assert is_asked or route.path in ASKED_ELSEWHERE, route.path
