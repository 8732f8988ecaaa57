"""Pushes without a receiver are found: the registry sends them again, or a crawl reads them.

A registry keeps what it could not send in memory, so that its own end loses it.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from indexer.store import Store, TagMove
from tests.builders import image
from tests.end_to_end.answers import Found, parse_docker_rows
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.ports import listening
from tests.end_to_end.service import PAGE, Service
from tests.push import Push, client_for, push, push_many

PUSHES = 500
PUSHING_SECONDS = 75.0
"""How long the pushes take, evenly: some before the receiver goes, most while it is away."""
AWAY_SECONDS = 60.0
FOUND_BEFORE = 30
LOST = 20
PATIENCE_SECONDS = 120.0
SELDOM_SECONDS = 0.25


@pytest.mark.thorough
def test_what_is_pushed_while_the_service_is_stopped_for_a_minute_is_sent_again_and_found(
    deployment: Deployment, figure: Callable[[str], None]
) -> None:
    """By the registry's retries alone, configured with the block that the service prints."""
    service, registry = deployment.service, deployment.registry
    service.start()
    registry.paste(service.printed_block())
    registry.start()
    # The first crawl may have met no registry; this one is the last.
    service.backfill()
    crawled = service.status()["crawl"]
    pushed: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(_push_evenly, registry.url, pushed)
        service.wait_until(
            lambda: len(_found(service)) >= FOUND_BEFORE, PATIENCE_SECONDS, "the first are found"
        )
        assert service.stop() == 0
        gone_at, before = time.monotonic(), len(pushed)
        while time.monotonic() - gone_at < AWAY_SECONDS:
            assert not listening(service.port), "connections are refused all the time"
            time.sleep(1)
        assert not pushing.done(), "pushes go on"
        while_away = len(pushed) - before
        waited_for = set(pushed)
        service.start()
        back_at = time.monotonic()
        service.wait_until(
            lambda: waited_for <= _repositories(service),
            PATIENCE_SECONDS,
            "all that was pushed before the service came back is found",
            every=SELDOM_SECONDS,
        )
        seconds = time.monotonic() - back_at
        pushing.result()
    assert before + while_away < len(pushed) == PUSHES
    assert while_away > PUSHES / 2
    service.wait_until(
        lambda: len(_found(service)) >= PUSHES,
        PATIENCE_SECONDS,
        "all is found",
        every=SELDOM_SECONDS,
    )
    figure(
        f"receiver away for {AWAY_SECONDS:.0f} s of {PUSHES} pushes: {while_away} sent again,"
        f" all found {seconds:.1f} s after it was ready again"
    )
    _expect_each_once(service, set(pushed))
    told_of = [name for name, moves in _moves(service).items() if moves[0].from_event]
    assert len(told_of) == PUSHES, "each was told of by the registry itself"
    after = service.status()
    assert after["crawl"] == crawled, "no crawl helped"
    assert after["registry_restarted_at"] is None
    assert after["entries_rejected"] == 0


@pytest.mark.thorough
def test_what_a_killed_registry_had_not_sent_is_found_by_the_crawl_after_its_restart(
    running: Deployment, figure: Callable[[str], None]
) -> None:
    service, registry = running.service, running.registry
    push(registry.url, "away/known", image(seed="known", layers=1), "1.0")
    service.wait_until_found("repo:away/known")
    crawled = service.status()["crawl"]
    assert service.stop() == 0
    lost = [_push(number) for number in range(LOST)]
    push_many(registry.url, lost)
    registry.kill()
    registry.start()
    service.start()
    service.wait_until_idle()
    assert _repositories(service) == {"away/known"}
    assert service.status()["registry_restarted_at"] is None, "nothing was heard of it yet"
    push(registry.url, "away/since", image(seed="since", layers=1), "1.0")
    pushed_at = time.monotonic()
    service.wait_until_found("repo:away/since")
    restarted_at = service.status()["registry_restarted_at"]
    assert restarted_at > crawled["started_at"]
    everything = {"away/known", "away/since", *(each.repository for each in lost)}
    service.wait_until(
        lambda: _repositories(service) == everything, PATIENCE_SECONDS, "what was lost is found"
    )
    seconds = time.monotonic() - pushed_at
    figure(
        f"registry killed with {LOST} pushes not sent: found {seconds:.1f} s after its next push"
    )
    service.wait_until(lambda: bool(service.status()["crawl"]["complete"]), 60, "the crawl ends")
    assert service.status()["crawl"]["started_at"] > restarted_at
    assert "the registry restarted: " not in service.command("status").stdout
    _expect_each_once(service, everything)


def _push(number: int) -> Push:
    """Give one small image of its own; some share their layers."""
    built = image(seed=f"away {number % 20}", layers=1, labels={"number": str(number)})
    return Push(f"away/app-{number:03}", built, "1.0")


def _push_evenly(url: str, pushed: list[str]) -> None:
    """Push everything, one after the other; ``pushed`` names what the registry took so far."""
    start = time.monotonic()
    with client_for(url) as client:
        for number in range(PUSHES):
            due_at = start + number * PUSHING_SECONDS / PUSHES
            time.sleep(max(0.0, due_at - time.monotonic()))
            item = _push(number)
            push(client, item.repository, item.built, item.tag)
            pushed.append(item.repository)


def _found(service: Service) -> list[Found]:
    return service.everything("repo:away/*")


def _repositories(service: Service) -> set[str]:
    return {each.repository for each in _found(service)}


def _expect_each_once(service: Service, repositories: set[str]) -> None:
    """Each push is there, and nothing twice: in searches, for docker, in the history."""
    images = [(each.repository, *each.tags) for each in _found(service)]
    assert sorted(images) == [(repository, "1.0") for repository in sorted(repositories)]
    pages = -(-len(repositories) // PAGE)
    answers = [service.get("/v1/search", q="away", n=PAGE, page=n + 1).json() for n in range(pages)]
    assert {answer["num_results"] for answer in answers} == {len(repositories)}
    listed = [row.repository for answer in answers for row in parse_docker_rows(answer)]
    assert sorted(listed) == sorted(repositories)
    moves = _moves(service)
    assert sorted(moves) == sorted(repositories)
    assert {len(of_one) for of_one in moves.values()} == {1}


def _moves(service: Service) -> dict[str, list[TagMove]]:
    """Give the history of the one tag of each repository."""
    with closing(Store(service.data, read_only=True)) as store:
        registry_id = store.registries.registry_id(service.registry) or 0
        ids = {
            name: store.repositories.find(registry_id, name) or 0
            for name in store.repositories.list_visible(registry_id)
        }
        return {name: store.content.tag_moves(number, "1.0") for name, number in ids.items()}
