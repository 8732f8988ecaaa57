"""What is hidden is as what is not there: an answer does not tell one from the other.

Each identifier of something hidden is asked for in every place of an address, and then one that
nothing has, with the same form. The answers are the same but for the identifier itself.
"""

import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, unquote_plus

import httpx2
import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model import ALL_RIGHTS
from tests.search_api.access.fuzz import client_document
from tests.search_api.access.proof.addresses import (
    API,
    Known,
    api_addresses,
    docker_addresses,
    extension_addresses,
    known_of,
    page_addresses,
)
from tests.search_api.access.proof.answers import Answer, answer_of, difference, walk
from tests.search_api.access.proof.holders import (
    OPERATOR,
    Holder,
    Service,
    hidden_from,
    make_holders,
    settings_of,
)
from tests.search_api.access.proof.world import HEX, HOSTS, MARK, World, fill_world, make_world
from tests.search_api.filling import Pushed
from tests.search_api.pages.conftest import HTML
from tests.series import thorough

pytestmark = pytest.mark.anyio

LAST, MIDDLE = -1, 4
"""Which character of an identifier is another one. The last one leaves it at its place in lists."""
_CUT = 12
_WORD = re.compile(r"[A-Za-z0-9]+")


class Hiding:
    """A service, one of its callers, and what is hidden from them."""

    def __init__(
        self, world: World, client: httpx2.AsyncClient, document: dict[str, object]
    ) -> None:
        self.world = world
        self.client = client
        self.document = document
        self.told = world.told()
        self.requests = 0
        self.differences: list[str] = []

    def hidden_things(self, holder: Holder, number: int, dice: Random) -> list[Pushed]:
        """Return some of what was pushed of which the caller sees no part."""
        hidden = hidden_from(holder, self.world)
        starts = [one[:5] for one in self.told if MARK.fullmatch(one)]
        found = []
        for one in self.world.pushed:
            known = known_of([one])
            text = f"{one.repository} {one.tag} {known.digests} {known.layers} {known.marks}"
            parts = {*MARK.findall(text), *HEX.findall(text)}
            # Others that begin alike may be seen, and a pattern finds them.
            are_alone = all(starts.count(part[:5]) == 1 for part in MARK.findall(text))
            if parts <= hidden and are_alone:
                found.append(one)
        return dice.sample(found, min(number, len(found)))

    def unknown(self, text: str, at: int) -> str:
        """Return a text with identifiers like its own that nothing has."""

        def other(match: re.Match[str]) -> str:
            word = match[0]
            place = at % len(word)
            for sign in "0123456789abcdef":
                made = f"{word[:place]}{sign}{word[place + 1 :]}"
                is_like = any(
                    one.startswith(made[:5]) for one in self.told if len(one) == len(made)
                )
                if made not in self.told and (at == LAST or len(made) > 10 or not is_like):
                    return made
            raise AssertionError(f"everything like {word} is there")

        return HEX.sub(other, MARK.sub(other, text))

    def unknown_things(self, known: Known, at: int) -> Known:
        """Return identifiers that nothing has."""

        def each(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self.unknown(one, at) for one in texts)

        places = [replace(one, repository=self.unknown(one.repository, at)) for one in known.places]
        tags = [
            (place, self.unknown(tag, at))
            for place, (_, tag) in zip(places, known.tags, strict=True)
        ]
        return Known(
            tuple(places), tuple(tags), each(known.digests), each(known.layers), each(known.marks)
        )

    async def compare(
        self, address: str, other: str, headers: Mapping[str, str], note: str = ""
    ) -> None:
        """Ask for two addresses, and compare the answers."""
        if address == other:
            return
        got = await self._ask(address, headers)
        wanted = await self._ask(other, headers)
        for one, two in zip(got, wanted, strict=False):
            if one.body != two.body:
                one, two = one.without("etag"), two.without("etag")  # noqa: PLW2901
            told = renamed(one, address, other)
            if told != str(two):
                self.differences.append(f"{note}: {address}: {difference(told, two)}")
        if len(got) != len(wanted):
            self.differences.append(f"{note}: {address}: {len(got)} pages and {len(wanted)}")

    async def _ask(self, address: str, headers: Mapping[str, str]) -> list[Answer]:
        answers = await walk(self.client, address, headers)
        self.requests += len(answers)
        return [answer_of(one, address) for one in answers]


def renamed(answer: Answer, address: str, other: str) -> str:
    """Return an answer with what is in its address as it is in the other one."""
    text = str(answer)
    words = [_WORD.findall(unquote_plus(one)) for one in (address, other)]
    for one, two in sorted(set(zip(*words, strict=True)), key=lambda pair: -len(pair[0])):
        # Pages cut long words.
        for length in (None, _CUT):
            for change in (str, str.lower, str.upper):
                text = text.replace(change(one[:length]), change(two[:length]))
    return text


@asynccontextmanager
async def hiding(
    directory: Path, repositories: int
) -> AsyncIterator[tuple[Hiding, Service, list[Holder]]]:
    world = make_world(repositories, seed=3)
    holders = make_holders(world, 7, seed=3)
    await fill_world(directory, world, ALL_RIGHTS, WhooshEngine)
    service = Service(settings_of(directory, holders, "whoosh"), holders)
    async with service.run() as (app, client):
        # A stream that is found ends at once.
        app.state.streams.stop()
        yield Hiding(world, client, client_document(app)), service, holders


def addresses(document: dict[str, object], known: Known) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield everything that can be asked, with the headers of who asks it."""
    for one in (*api_addresses(document, known), *extension_addresses(known)):
        yield one, {}
    for place in known.places:
        yield f"{API}/changes/stream?repository={place.repository}", {}
    for number, one in enumerate(docker_addresses(known)):
        hosts = ("search.example", *HOSTS.values())
        yield one, {"Host": hosts[number % len(hosts)]}
    for one in page_addresses(known):
        yield one, HTML


def is_of_place(address: str) -> bool:
    """Tell whether an address names a place in an order, which any text has."""
    return "last=" in address


def of_registry(name: str, host: str, known: Known) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield addresses that name a registry or its host."""
    place, digest = known.places[0].repository, known.digests[0]
    for path in (f"registries/{name}", f"repositories/{name}", f"repositories/{name}/{place}"):
        yield f"{API}/{path}", {}
    for path in (f"tags/{name}/{place}", f"tags/{name}/{place}:1.1"):
        yield f"{API}/{path}", {}
    for path in (f"images/{digest}", "search", "changes", "changes/stream"):
        yield f"{API}/{path}?registry={name}", {}
        yield (
            f"{API}/{path}?registry={name}&repository={place}".replace(
                "search?", "images/sha256:0?"
            ),
            {},
        )
    yield f"{API}/search?registry={host}", {}
    for q in (f"registry:{name}", f"host:{host}", f"{host}/{place}", f"{name}/{place}", host, name):
        quoted = quote(q)
        for kind in ("repository", "image"):
            yield f"{API}/search?q={quoted}&type={kind}&facets=registry", {}
            yield f"{API}/suggest?q={quoted}&type={kind}", {}
        for beginning in range(3, 5):
            yield f"{API}/suggest?q={quote(q[:-beginning])}", {}
        yield f"/v1/search?q={quoted}", {}
        yield f"/v2/_oci/ext/search?repository={quoted}", {}
        yield f"/search?q={quoted}", HTML
        yield f"/go?ref={quoted}:1", HTML
        yield f"/compare?a={quoted}&b=nginx", HTML
        yield f"{API}/compare?a={quoted}&b={quoted}", {}
    for path in (f"/r/{name}/{place}", f"/r/{name}/{place}:latest", f"/search?registry={name}"):
        yield path, HTML
    for path in (f"/changes?registry={name}", f"/i/{digest}?registry={name}"):
        yield path, HTML


@pytest.mark.parametrize(("repositories", "things"), [(60, 1), thorough(200, 6)])
async def test_what_is_hidden_is_as_what_is_not_there(
    tmp_path: Path, figure: Callable[[str], None], repositories: int, things: int
) -> None:
    dice = Random(1)
    async with hiding(tmp_path, repositories) as (asked, service, holders):
        for number, holder in enumerate(holders):
            hidden = asked.hidden_things(holder, things, dice)
            known = known_of(hidden)
            for at in (LAST, MIDDLE):
                if things == 1 and number % 2 == (at == LAST):
                    # The short form asks each caller for half of it.
                    continue
                unknown = asked.unknown_things(known, at)
                pairs = zip(
                    addresses(asked.document, known),
                    addresses(asked.document, unknown),
                    strict=True,
                )
                for (address, headers), (other, _) in pairs:
                    if at == LAST or not is_of_place(address):
                        token = service.tokens[holder.name]
                        await asked.compare(address, other, {**headers, **token}, holder.name)
    figure(f"hidden and unknown: requests {asked.requests:,}, differences {len(asked.differences)}")
    assert not asked.differences, "\n".join(asked.differences[:10])


async def test_a_registry_that_is_hidden_is_as_one_that_is_not_there(tmp_path: Path) -> None:
    async with hiding(tmp_path, 60) as (asked, service, holders):
        for holder in holders:
            rights = holder.rights(asked.world.places)
            known = known_of(asked.world.seen_by(rights).pushed[:1])
            for name, host in HOSTS.items():
                if rights.sees_registry(name):
                    continue
                other, elsewhere = f"{name[:-1]}9", host.replace(name, f"{name[:-1]}9")
                pairs = zip(
                    of_registry(name, host, known),
                    of_registry(other, elsewhere, known),
                    strict=True,
                )
                for (address, headers), (unknown, _) in pairs:
                    token = service.tokens[holder.name]
                    await asked.compare(address, unknown, {**headers, **token}, holder.name)
    assert asked.requests > 100
    assert not asked.differences, "\n".join(asked.differences[:10])


async def test_cursors_of_others_tell_nothing(tmp_path: Path) -> None:
    """A cursor that an operator got at something hidden is as one of what is not there."""
    async with hiding(tmp_path, 60) as (asked, service, holders):
        operator = service.tokens[OPERATOR]
        lists = [
            f"{API}/search?q={q}&type={kind}&sort={sort}&limit=1"
            for q in ("", "nginz")
            for kind in ("repository", "image")
            for sort in ("name", "relevance", "-created", "size")
        ]
        lists += [f"{API}/repositories/{registry}?limit=1" for registry in HOSTS]
        for address in lists:
            following = [
                one.json().get("next") for one in await walk(asked.client, address, operator)
            ]
            for cursor in [one for one in following if one][::9]:
                changed = with_unknown(cursor, asked)
                for holder in holders[:3]:
                    token = service.tokens[holder.name]
                    one, two = (f"{address}&cursor={quote(text)}" for text in (cursor, changed))
                    hidden = hidden_from(holder, asked.world)
                    if set(MARK.findall(decoded(cursor))) <= hidden:
                        await asked.compare(one, two, token, holder.name)
    assert asked.requests > 100
    assert not asked.differences, "\n".join(asked.differences[:10])


def decoded(cursor: str) -> str:
    return base64.urlsafe_b64decode(cursor).decode()


def with_unknown(cursor: str, asked: Hiding) -> str:
    text = decoded(cursor)
    return base64.urlsafe_b64encode(asked.unknown(text, LAST).encode()).decode()


async def test_cursors_of_hidden_changes_tell_nothing(tmp_path: Path) -> None:
    async with hiding(tmp_path, 60) as (asked, service, holders):
        pages = await walk(asked.client, f"{API}/changes?limit=100", service.tokens[OPERATOR])
        changes: list[Mapping[str, Any]] = [one for page in pages for one in page.json()["changes"]]
        for holder in holders:
            rights, token = holder.rights(asked.world.places), service.tokens[holder.name]
            hidden = [
                one["cursor"]
                for one in changes
                if not rights.sees(one["registry"], one["repository"])
            ]
            for cursor in hidden[::7]:
                other = f"{cursor.partition('.')[0]}.{'0' * 16}"
                for path in (f"{API}/changes?", f"{API}/changes?order=newest&", "/changes?"):
                    await asked.compare(
                        f"{path}cursor={cursor}", f"{path}cursor={other}", token, holder.name
                    )
                path = f"{API}/changes/stream"
                answers = []
                for each in (cursor, other):
                    headers = {**token, "Last-Event-ID": each}
                    response = await asked.client.get(path, headers=headers)
                    answers.append(str(answer_of(response, path)).replace(each, ""))
                assert answers[0] == answers[1]
    assert asked.requests > 100
    assert not asked.differences, "\n".join(asked.differences[:10])
