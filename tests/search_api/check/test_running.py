"""What is said of a service that runs: its notifications, its content, its disk."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.real_registry import Receiver
from tests.end_to_end.small_disk import SmallDisk
from tests.end_to_end.waiting import wait_until
from tests.programs import NeedsProgram, need_root
from tests.push import push
from tests.search_api.check.stage import Checked, Found, Stage, parse_checked
from tests.search_api.check.table import compare

HEADING = "### Settings, registry, notifications and disk"
WRONG_SECRET = "a-secret-of-somebody-else"


@pytest.fixture
def deployment(needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Deployment]:
    """Give a registry and a service of the test's own, not started."""
    with Deployment(tmp_path, program=needs_program("docker-registry")) as own:
        yield own


@pytest.fixture
def running(deployment: Deployment) -> Deployment:
    """Give both, running, with an image that the registry told of."""
    start(deployment)
    push(deployment.registry.url, "team/web", image(seed="first"), "1.0")
    deployment.service.wait_until_found("team/web:1.0", seconds=60)
    return deployment


def start(deployment: Deployment) -> None:
    deployment.registry.start()
    deployment.service.start(90)
    deployment.service.wait_until_idle(60)


def check(deployment: Deployment, *words: str) -> Checked:
    """Run the command beside the service."""
    service = deployment.service
    # Refusals are counted once a second.
    ended = service.command("check", "--json", *words, seconds=90)
    assert ended.stdout.startswith("{"), ended.stdout + ended.stderr
    return parse_checked(ended.returncode, json.loads(ended.stdout), ended.stdout)


def row(deployment: Deployment, mistake: str, found: Found) -> None:
    """Compare the row of the table."""
    registry, service = deployment.registry, deployment.service
    stage = Stage(service.data.parent, registry)
    stage.secrets = {registry.host: "127.0.0.1:5000", service.host: "127.0.0.1:8080"}
    compare(stage.row(mistake, found), below=HEADING)


def named(checked: Checked, verdict: str, value: str, remedy: str) -> Found:
    found = [
        one
        for one in checked.found
        if one.verdict == verdict and value in one.value and remedy in one.remedy
    ]
    assert found, checked.text
    return found[0]


def contents(folder: Path) -> dict[Path, bytes]:
    """Return what is in the files of a folder; SQLite notes in some only who reads now."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".db-shm"
    }


def soon(check: Callable[[], Checked], condition: Callable[[Checked], bool]) -> Checked:
    """Check until something holds: what is received is counted a moment later."""
    kept: list[Checked] = []

    def holds() -> bool:
        kept.append(check())
        return condition(kept[-1])

    wait_until(holds, 90, "the check says it", every=0.5)
    return kept[-1]


def test_all_is_well(running: Deployment) -> None:
    checked = check(running)
    assert (checked.status, checked.not_ok) == (0, []), checked.text
    said = {(one.area, one.thing) for one in checked.found}
    assert said >= {
        ("settings", "all"),
        ("data directory", "writing"),
        ("data directory", "free space"),
        ("service", "version"),
        ("service", "readiness"),
        ("service", "notification of default"),
        ("service", "indexer"),
        ("registry default", "address"),
        ("registry default", "clock"),
        ("registry default", "credentials"),
        ("registry default", "catalog"),
        ("registry default", "tags"),
        ("registry default", "rights"),
        ("registry default", "referrers"),
        ("registry default", "notifications"),
        ("registry default", "content"),
    }


@pytest.mark.thorough
def test_a_check_changes_nothing(running: Deployment) -> None:
    """Neither beside a service that runs nor of one that is stopped."""
    service, registry = running.service, running.registry
    registry.stop()
    registry.logs_requests = True
    registry.start()
    before = service.status()
    assert check(running).status == 0
    # Counts are written once a second.
    service.wait_until_idle()
    after = service.status()
    assert after["notifications"] == before["notifications"]
    assert {one.method for one in registry.requests("regsearch")} <= {"GET", "HEAD"}
    service.stop()
    files = contents(service.data)
    checked = check(running)
    assert {(one.area, one.thing) for one in checked.not_ok} == {("service", "running")}
    assert contents(service.data) == files


@pytest.mark.thorough
def test_a_wrong_webhook_secret(running: Deployment) -> None:
    registry, service = running.registry, running.service
    right = registry.receiver
    registry.receiver = Receiver(service.receiver.url, WRONG_SECRET)
    registry.restart()
    push(registry.url, "team/web", image(seed="second"), "2.0")
    checked = soon(
        lambda: check(running),
        lambda now: any(one.thing == "webhook secret" for one in now.wrong),
    )
    one = named(checked, "wrong", "because of a wrong secret", "`regsearch notifications default`")
    assert "from 127.0.0.1" in one.value
    assert checked.status == 1
    mended = Found(one.area, one.thing, one.verdict, f"5 {one.value.partition(' ')[2]}", one.remedy)
    row(running, "wrong webhook secret in the registry", mended)

    registry.receiver = right
    registry.restart()
    push(registry.url, "team/web", image(seed="third"), "3.0")
    service.backfill()
    soon(lambda: check(running), lambda now: not now.not_ok)


@pytest.mark.thorough
def test_a_registry_that_does_not_notify(deployment: Deployment) -> None:
    registry, service = deployment.registry, deployment.service
    right, registry.receiver = registry.receiver, None
    registry.start()
    push(registry.url, "team/web", image(seed="first"), "1.0")
    service.start(90)
    service.wait_until_complete()
    checked = check(deployment)
    one = named(checked, "warning", "none ever came", "`regsearch notifications default`")
    row(deployment, "registry that does not notify", one)

    registry.receiver = right
    registry.restart()
    push(registry.url, "team/web", image(seed="second"), "2.0")
    service.wait_until_found("team/web:2.0", seconds=60)
    soon(lambda: check(deployment), lambda now: not now.not_ok)


@pytest.mark.thorough
def test_a_notification_that_was_lost(running: Deployment) -> None:
    registry, service = running.registry, running.service
    right, registry.receiver = registry.receiver, None
    registry.restart()
    push(registry.url, "team/lost", image(seed="lost"), "1.0")
    checked = check(running)
    one = named(checked, "wrong", "such as team/lost", "`regsearch backfill default` reads all")
    assert named(checked, "warning", "of team/lost", "look into the log of the registry")
    row(running, "notification lost", one)

    registry.receiver = right
    registry.restart()
    service.backfill()
    soon(lambda: check(running), lambda now: not now.not_ok)


@pytest.mark.thorough
def test_a_service_that_was_not_restarted(running: Deployment) -> None:
    """The settings have another secret than the service that runs."""
    service = running.service
    own = {"REGSEARCH_REGISTRY": running.registry.url}
    service.configure(**own, REGSEARCH_WEBHOOK_SECRET=WRONG_SECRET)
    checked = check(running)
    one = named(checked, "wrong", "a regsearch with other settings", "restart it")
    row(running, "service not restarted after a change of the secret", one)

    service.stop()
    service.start(90)
    service.wait_until_idle()
    assert check(running).wrong == []


@pytest.mark.thorough
def test_a_service_without_an_indexer(running: Deployment) -> None:
    service = running.service
    service.stop()
    web = service.command_in_background("web", log=service.data.parent / "web.log")
    try:
        wait_until(service.is_ready, 60, "the web process is ready")
        checked = soon(
            lambda: check(running), lambda now: any(one.thing == "indexer" for one in now.wrong)
        )
        one = named(checked, "wrong", "and no indexer", "start `regsearch indexer`")
        row(running, "web process without an indexer", one)
    finally:
        web.terminate(10)
        web.kill()
    service.start(90)
    service.wait_until_idle()
    soon(lambda: check(running), lambda now: not now.not_ok)


@pytest.mark.thorough
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "read-only"])
def test_a_disk(running: Deployment, *, is_full: bool) -> None:
    need_root("for a disk of its own")
    service = running.service
    service.stop()
    folder = service.data.parent / "disk"
    right = {"REGSEARCH_REGISTRY": running.registry.url}
    with SmallDisk(folder) as disk:
        if not is_full:
            disk.make_read_only()
        service.configure(**right, REGSEARCH_DATA_DIR=str(folder))
        checked = check(running)
        value = "are free in" if is_full else "a file system that is read-only"
        remedy = "make room" if is_full else "mount it for writing"
        one = named(checked, "wrong", value, remedy)
        row(running, "disk almost full" if is_full else "disk read-only", one)
        disk.make_writable()
    service.configure(**right)
    assert check(running).wrong == []
