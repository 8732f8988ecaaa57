"""A registry that is away or answers nonsense loses nothing, and the service reports it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.liar import (
    BROKEN,
    EMPTY_OBJECT,
    NOTHING_HERE,
    SIGN_IN_PAGE,
    UNAUTHORIZED,
    Lie,
    LyingServer,
)
from tests.end_to_end.processes import RunningProgram
from tests.end_to_end.sample_images import numbered_name, sample_images
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.fakes.events import delete_event, push_event

REPOSITORIES = tuple(f"kept/{numbered_name(number)}" for number in range(6))
TAKES_THE_BAIT_SECONDS = 3


@pytest.fixture
def filled(shared: Deployment, skopeo: Skopeo) -> Deployment:
    """Give a running registry and service with a few images, all searchable."""
    service = shared.service
    if _found(service) != set(REPOSITORIES):
        for number, repository in enumerate(REPOSITORIES):
            skopeo.push(numbered_name(number), shared.registry, f"{repository}:1.0")
        service.wait_until(lambda: _found(service) == set(REPOSITORIES), 20, "all is found")
    return shared


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(None, id="stopped"),
        pytest.param(UNAUTHORIZED, id="401", marks=pytest.mark.thorough),
        pytest.param(BROKEN, id="500", marks=pytest.mark.thorough),
        pytest.param(SIGN_IN_PAGE, id="html", marks=pytest.mark.thorough),
        pytest.param(NOTHING_HERE, id="404-of-a-proxy"),
        pytest.param(EMPTY_OBJECT, id="empty-object", marks=pytest.mark.thorough),
    ],
)
def test_while_the_registry_is_away_nothing_is_removed_and_afterwards_all_is_well(
    filled: Deployment, skopeo: Skopeo, lie: Lie | None, tmp_path: Path
) -> None:
    tag = "stopped" if lie is None else f"said-{lie.status}-{len(lie.body)}"
    service, registry = filled.service, filled.registry
    registry.stop()
    with _standing_in(registry.port, lie), _crawl(service, tmp_path / "backfill.log") as crawl:
        service.notify(*_events_that_are_not_true())
        service.wait_until(lambda: bool(service.freshness().error), 20, "freshness names the error")
        assert crawl.wait(TAKES_THE_BAIT_SECONDS) != 0, "no crawl can be complete now"
        assert _found(service) == set(REPOSITORIES)
        assert {row.repository for row in service.docker_rows("kept", n=100)} == set(REPOSITORIES)
        assert not service.search("kept").freshness.complete
    registry.start()
    service.backfill()
    assert not service.freshness().error
    service.wait_until_complete()
    assert _found(service) == set(REPOSITORIES)
    skopeo.push("webapp-1", registry, f"after/outage:{tag}")
    service.wait_until_found(f"repo:after/outage tag:{tag}")


def _found(service: Service) -> set[str]:
    return {image.repository for image in service.everything("repo:kept/*")}


def _events_that_are_not_true() -> list[dict[str, object]]:
    """Say that one image was pushed again, one deleted, and one tag deleted."""
    pushed, deleted = sample_images()[numbered_name(0)], sample_images()[numbered_name(1)]
    return [
        push_event(REPOSITORIES[0], pushed.digest, tag="1.0"),
        delete_event(REPOSITORIES[1], digest=deleted.digest),
        delete_event(REPOSITORIES[2], tag="1.0"),
    ]


def _standing_in(port: int, lie: Lie | None) -> AbstractContextManager[object]:
    return nullcontext() if lie is None else LyingServer(port, lie)


@contextmanager
def _crawl(service: Service, log: Path) -> Iterator[RunningProgram]:
    """Run ``regsearch backfill``, however long it tries."""
    backfill = service.command_in_background("backfill", log=log)
    try:
        yield backfill
    finally:
        backfill.kill()
