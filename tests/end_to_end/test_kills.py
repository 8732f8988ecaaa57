"""Either process may die at any moment, and the command that started both ends them cleanly."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.processes import is_alive
from tests.push import Push, push_many
from tests.series import series

REPOSITORIES = 50
TAGS = ("1.0", "1.1", "1.2", "1.3")
IMAGES = REPOSITORIES * len(TAGS)


@pytest.mark.parametrize("victim", series(("indexer", "web"), short=1))
def test_killing_a_process_while_200_images_are_pushed_loses_nothing_and_doubles_nothing(
    running: Deployment, victim: str
) -> None:
    service = running.service
    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(push_many, running.registry.url, _two_hundred_images(), threads=4)
        service.wait_until_found("label:batch=killed", seconds=60)
        killed = service.kill_child(victim)
        assert pushing.result(timeout=240) == IMAGES
    service.wait_until(
        lambda: service.child_pid(victim) not in {0, killed}, 60, f"a new {victim} runs"
    )
    service.wait_until(service.is_ready, 60, "the service is ready again")
    service.wait_until(lambda: _total(running) == IMAGES, 180, "all pushed images are found")
    service.wait_until_complete()
    images = service.everything("label:batch=killed")
    assert len(images) == len({image.digest for image in images}) == IMAGES
    assert {tag for image in images for tag in image.tags} == set(TAGS)
    repositories = [found.repository for found in service.everything("burst", "repository")]
    assert len(repositories) == len(set(repositories)) == REPOSITORIES


def _two_hundred_images() -> list[Push]:
    return [
        Push(
            f"burst/app{number:02}",
            image(seed="burst", layers=1, labels={"batch": "killed", "of": f"{number} {tag}"}),
            tag,
        )
        for number in range(REPOSITORIES)
        for tag in TAGS
    ]


def _total(deployment: Deployment) -> int:
    return deployment.service.search("label:batch=killed", limit=1).total


def test_sigterm_ends_the_service_with_exit_code_0_and_leaves_no_process(
    running: Deployment,
) -> None:
    service = running.service
    children = {service.child_pid("indexer"), service.child_pid("web")}
    assert len(children - {0}) == 2
    assert children < set(service.processes())
    assert service.stop() == 0, f"SIGTERM ({signal.SIGTERM}) did not end it cleanly"
    assert not service.processes()
    assert not any(is_alive(pid) for pid in children)


@pytest.mark.thorough
def test_a_restarted_service_answers_from_its_index_before_any_registry_does(
    running: Deployment,
) -> None:
    service = running.service
    push_many(running.registry.url, _two_hundred_images()[:8])
    service.wait_until(lambda: _total(running) == 8, 60, "the images are found")
    service.wait_until_idle()
    assert service.stop() == 0
    running.registry.stop()
    service.start()
    assert _total(running) == 8


def test_a_second_indexer_on_the_same_data_directory_refuses_and_says_why(
    running: Deployment,
) -> None:
    service = running.service
    first = service.child_pid("indexer")
    refused = service.command("indexer")
    complaint = refused.stdout + refused.stderr
    assert refused.returncode not in {0, -signal.SIGKILL}
    assert str(service.data) in complaint
    assert "indexer" in complaint
    assert "Traceback" not in complaint
    assert service.child_pid("indexer") == first
    push_many(running.registry.url, _two_hundred_images()[:1])
    service.wait_until_found("label:batch=killed")


def test_a_killed_web_process_takes_what_searches_for_it_along(running: Deployment) -> None:
    service = running.service
    service.wait_until(service.is_ready, 60, "the service is ready")
    before = set(service.processes())
    killed = service.kill_child("web")
    others = before - {service.supervisor_pid, service.child_pid("indexer"), killed}
    assert others, "some search"
    service.wait_until(
        lambda: not any(is_alive(pid) for pid in others), 30, "what searched is gone"
    )
    service.wait_until(service.is_ready, 60, "the service is ready again")
