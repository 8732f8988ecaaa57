"""Random requests of callers with rights: ``python -m tests.search_api.access.fuzz``.

Asks the web application, in this process, for things that the caller may see and things that are
hidden. Ends with 1 if an answer tells a hidden name, digest or text, or is 500 or more. It prints
one line of figures, and with ``--seed`` the same requests are sent again.
"""

import argparse
import asyncio
import base64
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import httpx2
import structlog
from starlette.applications import Starlette
from starlette.routing import Mount

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model import ALL_RIGHTS
from tests.search_api.access.proof.addresses import (
    API,
    Known,
    api_addresses,
    docker_addresses,
    extension_addresses,
    known_of,
    page_addresses,
    sample,
)
from tests.search_api.access.proof.holders import (
    OPERATOR,
    Holder,
    Service,
    hidden_from,
    make_holders,
    settings_of,
)
from tests.search_api.access.proof.leaks import told_in
from tests.search_api.access.proof.world import HOSTS, World, fill_world, make_world

REPOSITORIES = 150
HOLDERS = 12
METHODS = ("GET",) * 20 + ("HEAD", "HEAD", "OPTIONS", "POST", "PUT", "DELETE")
PARAMETERS = (
    *("q", "type", "registry", "repository", "facets", "sort", "limit", "cursor", "platform"),
    *("expand", "match", "order", "a", "b", "ref", "n", "last", "page", "tags", "global", "key"),
)
REPORT_EVERY = 10_000


@dataclass(slots=True)
class Figures:
    """What was sent, and what was wrong."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return all in one line."""
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        return (
            f"requests {self.requests:,}, hidden names shown {len(self.leaks)},"
            f" answers of 500 or more {len(self.failures)} ({statuses})"
        )


class Fuzzer:
    """Makes random requests and looks at their answers."""

    def __init__(
        self, world: World, holders: Sequence[Holder], service: Service, *, seed: int
    ) -> None:
        self._dice = Random(seed)
        self._holders = holders
        self._tokens = service.tokens
        self._world = world
        self._hidden = {one.name: hidden_from(one, world) for one in holders}
        self._cursors = ["now", "e30=", ""]
        self._all = known_of(world.pushed)
        self._addresses: list[str] = []
        self.figures = Figures()

    async def run(self, app: Starlette, client: httpx2.AsyncClient, *, requests: int) -> None:
        """Send so many requests."""
        document = client_document(app)
        await self._collect_cursors(client)
        for number in range(requests):
            if number % 500 == 0:
                self._addresses = self._make_addresses(document)
            await self._ask(client)
            if number % REPORT_EVERY == REPORT_EVERY - 1:
                print(f"{number + 1} sent, {self.figures}", file=sys.stderr, flush=True)

    async def _collect_cursors(self, client: httpx2.AsyncClient) -> None:
        """Keep cursors that an operator gets, which tell of everything."""
        for path in ("search?sort=name", "search?q=nginx", "search?type=image", "changes?"):
            cursor = ""
            for _ in range(9):
                address = f"{API}/{path}&limit={self._dice.randint(1, 50)}&cursor={cursor}"
                response = await client.get(address, headers=self._tokens[OPERATOR])
                body = response.json()
                self._cursors += [one["cursor"] for one in body.get("changes", ())]
                cursor = body["next"] or ""
                self._cursors.append(cursor)
        for registry in HOSTS:
            for limit in range(1, 20):
                address = f"{API}/repositories/{registry}?limit={limit}"
                response = await client.get(address, headers=self._tokens[OPERATOR])
                self._cursors.append(response.json()["next"] or "")

    def _make_addresses(self, document: dict[str, object]) -> list[str]:
        known: Known = sample(self._world, 4, self._dice)
        return [
            *api_addresses(document, known),
            *docker_addresses(known),
            *extension_addresses(known),
            *page_addresses(known),
        ]

    async def _ask(self, client: httpx2.AsyncClient) -> None:
        dice, holder = self._dice, self._dice.choice(self._holders)
        address = self._address()
        method = dice.choice(METHODS)
        headers = self._headers(holder)
        sent = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
        response = await client.request(method, address, headers=sent)
        self.figures.requests += 1
        self.figures.statuses[response.status_code] += 1
        if len(self._cursors) < 5_000 and '"next":"' in response.text:
            self._cursors.append(response.json().get("next") or "")
        about = f"{holder.name or 'nobody'}: {method} {address} {headers}"
        if response.status_code >= 500:
            self.figures.failures.append(f"{response.status_code} {about}")
        given = told_in(address) | told_in(str(headers))
        # A cursor names where its page begins.
        shown = (told_in(response.text) | told_in(str(response.headers))) - given
        if leaked := shown & self._hidden[holder.name]:
            self.figures.leaks.append(f"{sorted(leaked)} {about}")

    def _address(self) -> str:
        dice = self._dice
        address = dice.choice(self._addresses)
        if dice.random() < 0.3:
            name = dice.choice(PARAMETERS)
            value = self._value(name)
            address += ("&" if "?" in address else "?") + urlencode({name: value})
        if dice.random() < 0.05:
            at = dice.randrange(len(address))
            address = f"/{address[1:at]}{dice.choice('a0/:%?&~*@')}{address[at + 1 :]}"
        return address

    def _value(self, name: str) -> str:
        dice = self._dice
        if name in {"cursor", "last"} or dice.random() < 0.1:
            cursor = dice.choice(self._cursors)
            return self._mutated(cursor) if dice.random() < 0.4 else cursor
        if name == "registry":
            return dice.choice((*HOSTS, *HOSTS.values(), "nobody", ""))
        place, tag = dice.choice(self._all.tags)
        return dice.choice(
            (
                *(
                    place.repository,
                    tag,
                    f"{place.repository}:{tag}",
                    dice.choice(self._all.digests),
                ),
                *(dice.choice(self._all.layers), dice.choice(self._all.marks), "image", "name"),
                *(
                    "1",
                    "100",
                    "kind,tag",
                    "",
                    "linux/arm64",
                    "*",
                    "label:team",
                    "history",
                    "newest",
                ),
            )
        )

    def _mutated(self, cursor: str) -> str:
        dice = self._dice
        if not cursor:
            return "="
        at = dice.randrange(len(cursor))
        text = cursor[:at] + dice.choice("0aZ-_=.") + cursor[at + 1 :]
        try:
            decoded = base64.urlsafe_b64decode(text).decode()
        except ValueError:
            return text
        mark = dice.choice(self._all.marks)
        changed = decoded.replace('"image"', '"repository"').replace("mk", mark)
        return base64.urlsafe_b64encode(changed.encode()).decode()

    def _headers(self, holder: Holder) -> Iterator[tuple[str, str]] | list[tuple[str, str]]:
        dice = self._dice
        token = self._tokens[holder.name].get("Authorization", "")
        found = [("Authorization", token)] if token else []
        odd = dice.random()
        if odd < 0.15:
            found = [("Authorization", one) for one in self._authorizations(token)]
        others = [
            ("Cookie", dice.choice(("session=x", f"session={OPERATOR}", "a=b; c=;;", "\xff"))),
            ("X-Forwarded-User", OPERATOR),
            ("X-Forwarded-Groups", "platform"),
            ("Remote-User", OPERATOR),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1"),
            ("X-Forwarded-Host", dice.choice(list(HOSTS.values()))),
            ("Host", dice.choice((*HOSTS.values(), "other.example", "127.0.0.1", ""))),
            ("Accept", dice.choice(("text/html", "*/*", "application/json", "x"))),
            ("X-Fragment", dice.choice(("results", "changes", "tags", "x"))),
            ("Docker-Distribution-API-Version", "registry/2.0"),
            ("If-None-Match", dice.choice(("*", '"x"', 'W/"0"'))),
            ("Last-Event-ID", dice.choice(self._cursors)),
            ("X-Request-ID", "x" * dice.choice((1, 300))),
            ("Origin", "http://other.example"),
        ]
        return found + dice.sample(others, dice.choice((0, 0, 1, 2, 4)))

    def _authorizations(self, token: str) -> list[str]:
        dice = self._dice
        basic = base64.b64encode(f"{OPERATOR}:{token[7:] or 'x'}".encode()).decode()
        other = base64.b64encode(b"no colon").decode()
        odd = (
            *(
                "Bearer",
                "Bearer ",
                f"Bearer {token[7:-1]}",
                "Bearer regsearch_0_0",
                "Basic",
                "Basic =",
            ),
            *(f"Basic {other}", "Basic Og==", f"bearer  {token[7:]}", "Digest x", "", "\xff\xfe"),
            *(f"Basic {basic}", f"Bearer {'x' * 5_000}", token.lower(), f"{token}, {token}"),
        )
        return dice.sample(odd, dice.choice((1, 1, 1, 2)))


def client_document(app: Starlette) -> dict[str, object]:
    """Return the OpenAPI document of an application."""
    [api] = [one.app for one in app.router.routes if isinstance(one, Mount) and one.path == API]
    document: dict[str, object] = api.openapi()  # type: ignore[attr-defined]
    return document


async def fuzz(
    directory: Path, *, requests: int, seed: int, repositories: int = REPOSITORIES
) -> Figures:
    """Send so many requests to a new service in a directory; return the figures."""
    world = make_world(repositories, seed=seed)
    holders = make_holders(world, HOLDERS, seed=seed)
    await fill_world(directory, world, ALL_RIGHTS, WhooshEngine)
    service = Service(settings_of(directory, holders, "whoosh"), holders)
    fuzzer = Fuzzer(world, holders, service, seed=seed)
    async with service.run(raise_errors=False) as (app, client):
        # A stream of changes ends at once.
        app.state.streams.stop()
        await fuzzer.run(app, client, requests=requests)
    return fuzzer.figures


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # A line for each refused caller.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(fuzz(Path(directory), requests=options.requests, seed=options.seed))
    for one in (*figures.leaks[:20], *figures.failures[:20]):
        print(one[:2_000])
    print(f"{figures}; seed {options.seed}, {time.monotonic() - started:.0f} s")
    return 1 if figures.leaks or figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
