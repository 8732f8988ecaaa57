"""Real ways to be behind: each is named in every answer, and none is called complete."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.real_registry import Receiver
from tests.end_to_end.service import Service
from tests.push import push

PATIENCE_SECONDS = 60.0


def reasons(service: Service) -> list[str]:
    """Return each reason for which the answers of a service are not complete."""
    answer = service.search("", limit=1)
    fresh = answer.freshness
    found = [*fresh.behind, *fresh.registries[service.registry].behind]
    assert answer.total_is_exact is fresh.complete is (not found)
    return found


def wait_for(service: Service, reason: str) -> None:
    """Wait until a reason is the only one."""

    def is_alone() -> bool:
        found = reasons(service)
        return len(found) == 1 and reason in found[0]

    service.wait_until(is_alone, PATIENCE_SECONDS, f"it says {reason!r}")
    assert reason in service.command("status").stdout


def push_some(deployment: Deployment, name: str) -> None:
    push(deployment.registry.url, name, image(seed=name, layers=1), "1.0")


def test_a_registry_with_a_wrong_secret(deployment: Deployment) -> None:
    service, registry = deployment.service, deployment.registry
    registry.receiver = Receiver(service.receiver.url, "another-secret")
    deployment.start()
    service.wait_until_complete()
    push_some(deployment, "refused/one")
    wait_for(service, "refused: wrong secret")
    assert service.misses("repo:refused/one")
    assert " from 127.0.0.1\n" in service.command("status").stdout
    assert "sender=127.0.0.1" in service.log_text()
    registry.stop()
    service.stop()
    service.start()
    wait_for(service, "refused: wrong secret")
    registry.receiver = service.receiver
    registry.start()
    service.backfill()
    assert service.finds("repo:refused/one")
    # The crawl made up for the refused one. Nobody knows yet whether the new secret is right.
    wait_for(service, "no notification ever came, but a crawl found changes")
    push_some(deployment, "taken/one")
    service.wait_until_found("repo:taken/one")
    service.wait_until_complete()


@pytest.mark.thorough
def test_a_registry_that_never_notified(deployment: Deployment, tmp_path: Path) -> None:
    service, registry = deployment.service, deployment.registry
    registry.receiver = None
    deployment.start()
    push_some(deployment, "untold/one")
    service.wait_until_complete()
    service.backfill()
    assert service.finds("repo:untold/one")
    wait_for(service, "no notification ever came, but a crawl found changes")
    service.stop()
    file = tmp_path / "regsearch.toml"
    file.write_text(f'[[registry]]\nurl = "{registry.url}"\nnotifications = false\n', "utf-8")
    service.configure(REGSEARCH_CONFIG=str(file))
    service.start()
    service.wait_until_complete()
    assert "it sends no notifications: all is as of its crawl" in service.command("status").stdout


def test_an_indexer_that_is_stopped(running: Deployment) -> None:
    service = running.service
    service.wait_until_complete()
    indexer = service.child_pid("indexer")
    os.kill(indexer, signal.SIGSTOP)
    try:
        wait_for(service, "the indexer has not been alive for ")
    finally:
        os.kill(indexer, signal.SIGCONT)
    service.wait_until_complete()


@pytest.mark.thorough
def test_a_store_from_a_backup_without_its_journal(running: Deployment, tmp_path: Path) -> None:
    service = running.service
    push_some(running, "backup/before")
    service.wait_until_found("repo:backup/before")
    service.wait_until_complete()
    service.stop()
    backup = shutil.copytree(service.data, tmp_path / "backup")
    service.start()
    push_some(running, "backup/after")
    service.wait_until_found("repo:backup/after")
    service.stop()
    shutil.rmtree(service.data)
    shutil.copytree(backup, service.data, ignore=shutil.ignore_patterns("journal.*"))
    service.start()
    service.wait_until_found("repo:backup/after", seconds=PATIENCE_SECONDS)
    service.wait_until_complete()
    assert "store_is_older" in service.log_text()
