"""Measurements of a registry with 1,000 repositories, on any machine."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.measures import durations, hey_requests_a_second, memory_megabytes, spread
from tests.end_to_end.service import Service
from tests.programs import NeedsProgram
from tests.push import Push, push_many

REPOSITORIES = 1_000
CONNECTIONS = 8
SEARCHES = 200
HEY_REQUESTS = 2_000
WEB_MEMORY_MEGABYTES = 200
INDEXER_MEMORY_MEGABYTES = 400
PARTS = ("nginx", "redis", "billing", "gateway", "worker", "mailer", "search", "frontend")


@pytest.mark.thorough
def test_a_thousand_repositories_are_read_held_and_searched_within_bounds(
    deployment: Deployment, needs_program: NeedsProgram, figure: Callable[[str], None]
) -> None:
    needs_program("hey")
    service, registry = deployment.service, deployment.registry
    registry.start()
    push_many(registry.url, [_item(number) for number in range(REPOSITORIES)], threads=CONNECTIONS)
    # The restarted registry no longer tells of the pushes, so that all is left to the crawl.
    registry.restart()
    reached = _backfill_requests_a_second(service, figure)
    possible = _hey_requests_a_second(registry.url, figure)
    figure(f"backfill reaches {reached / possible:.0%} of hey asking for the same three in turn")
    assert service.search("", "repository").total == REPOSITORIES
    _measure_searches(service, figure)
    _measure_memory(service, figure)


def _item(number: int) -> Push:
    """Give one small image of its own, in a repository with a name as teams give them."""
    part = PARTS[number % len(PARTS)]
    labels = {
        "team": f"team{number % 25}",
        "org.opencontainers.image.description": f"The {part} service of group {number % 40}",
    }
    built = image(seed=f"base {number % 20}", layers=2, labels={**labels, "number": str(number)})
    return Push(f"group{number % 40}/{part}-{number}", built, "1.0")


def _backfill_requests_a_second(service: Service, figure: Callable[[str], None]) -> float:
    service.start()
    already, start = service.requests_made(), time.monotonic()
    # Polled seldom, because each look is a search that takes time from the crawl.
    service.wait_until_idle(seconds=120, every=0.25)
    seconds = time.monotonic() - start
    requests = service.requests_made() - already
    figure(
        f"backfill of {REPOSITORIES} repositories: {requests} requests in {seconds:.1f} s, "
        f"{requests / seconds:.0f} requests/s, {REPOSITORIES / seconds:.0f} images/s searchable"
    )
    return requests / seconds


def _hey_requests_a_second(url: str, figure: Callable[[str], None]) -> float:
    """Return the speed of hey on the requests of a crawl: tags, manifest, config."""
    item = _item(0)
    config = item.built.blobs[0].digest
    rates = {}
    for what in ("tags/list", "manifests/1.0", f"blobs/{config}"):
        address = f"{url}/v2/{item.repository}/{what}"
        rate = hey_requests_a_second(address, requests=HEY_REQUESTS, connections=CONNECTIONS)
        rates[what.partition("/")[0]] = rate
    shown = ", ".join(f"{what} {rate:.0f}" for what, rate in rates.items())
    figure(f"hey -c {CONNECTIONS} on the same registry, requests/s: {shown}")
    return len(rates) / sum(1 / rate for rate in rates.values())


def _measure_searches(service: Service, figure: Callable[[str], None]) -> None:
    queries = {
        "common word": "service",
        "prefix": "ngin*",
        "substring": "illin",
        "label": "label:team=team7",
    }
    for name, query in queries.items():
        answer = service.search(query, "repository", limit=25)
        assert answer.results, f"{query} finds nothing"
        ask = partial(service.get, "/api/v1/search", q=query, type="repository", limit=25)
        taken = durations(ask, times=SEARCHES)
        figure(f"search, {name} ({query}): {spread(taken, 'ms')}, {answer.total} found")
    taken = durations(partial(service.docker_rows, "billing"), times=SEARCHES)
    figure(f"search, /v1/search (billing): {spread(taken, 'ms')}")


def _measure_memory(service: Service, figure: Callable[[str], None]) -> None:
    bounds = {"web": WEB_MEMORY_MEGABYTES, "indexer": INDEXER_MEMORY_MEGABYTES}
    for name, bound in bounds.items():
        now, peak = memory_megabytes(service.child_pid(name))
        figure(f"memory, {name}: {now:.0f} MB now, {peak:.0f} MB at its peak")
        assert peak < bound
