"""Backups of a service that works, and what a restore makes of them."""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attack import backups
from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.service import WEBHOOK_SECRET, Service

Figure = Callable[[str], None]
TIMES, TIMES_FULL = 3, 6
"""``python -m tests.attack.backups --times 100`` is the long form."""


@pytest.fixture
def copy(service: Service, registry: StubRegistry) -> Iterator[Service]:
    """Give a service with an empty data directory beside the same registry."""
    folder = service.data.parent / "copy"
    folder.mkdir()
    own = Service(folder)
    own.configure(REGSEARCH_REGISTRY=registry.url)
    try:
        yield own
    finally:
        own.close()


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup of a running service with 5 tags, and its registry."""

    registry: StubRegistry
    content: bytes


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    folder = tmp_path_factory.mktemp("taken")
    with StubRegistry() as registry:
        for number in range(5):
            registry.push("team/web", f"1.{number}", image(seed=f"web-{number}"))
        service = Service(folder)
        service.configure(REGSEARCH_REGISTRY=registry.url)
        try:
            service.start()
            service.wait_until_idle(60)
            ended = service.command("backup", str(folder / "backup.tar"))
            assert ended.returncode == 0, f"regsearch backup: {ended.stderr}"
        finally:
            service.close()
        yield Taken(registry, (folder / "backup.tar").read_bytes())


@pytest.fixture
def backup(taken: Taken, tmp_path: Path) -> Path:
    """Give a file with that backup."""
    file = tmp_path / "backup.tar"
    file.write_bytes(taken.content)
    return file


def test_backups_under_load_hold_every_acknowledged_event_and_the_history(
    service: Service, registry: StubRegistry, tmp_path: Path, is_full: bool, figure: Figure
) -> None:
    times = TIMES_FULL if is_full else TIMES
    figure(backups.run(service, registry, tmp_path, times=times))


def test_a_restore_and_a_crawl_end_equal_to_the_registry(
    taken: Taken, backup: Path, copy: Service
) -> None:
    """What changed after the backup is found, though nobody tells of it again."""
    copy.configure(REGSEARCH_REGISTRY=taken.registry.url)
    taken.registry.push("team/later", "1.0", image(seed="later"))
    ended = copy.command("restore", str(backup))
    assert ended.returncode == 0, ended.stderr
    # It says what it is, of when, and what is lost.
    assert "5 tags of default" in ended.stdout
    assert "lost" in ended.stdout
    begun = datetime.now(UTC).isoformat()
    copy.start()
    copy.wait_until(
        lambda: (copy.status()["last_complete_crawl_started_at"] or "") > begun,
        60,
        "a crawl began by itself and is complete",
    )
    held = {*(f"team/web:1.{number}" for number in range(5)), "team/later:1.0"}
    copy.wait_until(
        lambda: (
            {f"{one.repository}:{tag}" for one in copy.everything("") for tag in one.tags} == held
        ),
        30,
        "searches find what the registry holds, and nothing else",
    )


def test_a_made_secret_is_in_the_backup(
    service: Service, registry: StubRegistry, tmp_path: Path, copy: Service
) -> None:
    """So the registries need no other configuration after a restore."""
    service.configure(REGSEARCH_REGISTRY=registry.url, REGSEARCH_WEBHOOK_SECRET="")
    copy.configure(REGSEARCH_REGISTRY=registry.url, REGSEARCH_WEBHOOK_SECRET="")
    service.start()
    file = tmp_path / "backup.tar"
    ended = service.command("backup", str(file))
    assert ended.returncode == 0, ended.stderr
    assert copy.command("restore", str(file)).returncode == 0
    made = (service.data / "webhook-secret").read_text()
    assert WEBHOOK_SECRET not in made
    assert (copy.data / "webhook-secret").read_text() == made
    assert {path.stat().st_mode & 0o777 for path in copy.data.glob("[jsw]*")} == {0o600}


def test_tokens_are_in_the_backup_and_the_key_of_sessions_is_not(
    service: Service, registry: StubRegistry, tmp_path: Path, copy: Service
) -> None:
    """With the key, who reads a backup could sign in as anybody."""
    service.start()
    token = service.command("token", "create", "--user", "alice").stdout.strip()
    (service.data / "session-secret").write_text("k" * 43)
    (service.data / "ended-sessions.json").write_text("{}")
    file = tmp_path / "backup.tar"
    ended = service.command("backup", str(file))
    assert ended.returncode == 0, ended.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        databases = {"store.db", "journal.db"}
        assert {*archive.getnames()} == {"backup.json", "tokens.json", "checksums", *databases}
        assert {member.mode for member in archive} == {0o600}
    assert token.encode() not in file.read_bytes(), "only its hash is kept"
    assert copy.command("restore", str(file)).returncode == 0
    assert (copy.data / "tokens.json").stat().st_mode & 0o777 == 0o600
    copy.start()
    assert copy.answer_to(f"Bearer {token}") == 200
    assert copy.answer_to(f"Bearer {token[:-1]}") == 401


def test_a_restore_takes_the_place_of_nothing(copy: Service, backup: Path) -> None:
    assert copy.command("restore", str(backup)).returncode == 0
    before = (copy.data / "store.db").read_bytes()
    ended = copy.command("restore", str(backup))
    assert ended.returncode == 2
    assert "is not empty" in ended.stderr
    assert (copy.data / "store.db").read_bytes() == before


@pytest.mark.parametrize("place", [0.001, 0.3, 0.7, 0.999])
def test_a_damaged_backup_is_refused(backup: Path, copy: Service, place: float) -> None:
    content = bytearray(backup.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        end = archive.getmembers()[-1].offset_data
    content[int(end * place)] ^= 1
    backup.write_bytes(content)
    ended = copy.command("restore", str(backup))
    assert ended.returncode == 2
    assert str(backup) in ended.stderr
    assert not (copy.data / "store.db").exists()


def test_half_a_backup_is_refused(backup: Path, copy: Service) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: len(content) // 2])
    ended = copy.command("restore", str(backup))
    assert ended.returncode == 2
    assert str(backup) in ended.stderr


def test_a_failed_backup_leaves_the_one_of_before(copy: Service, backup: Path) -> None:
    assert copy.command("restore", str(backup)).returncode == 0
    before = backup.read_bytes()
    (copy.data / "journal.db").rename(copy.data / "away")
    ended = copy.command("backup", str(backup))
    assert ended.returncode == 1
    assert "journal.db" in ended.stderr
    assert backup.read_bytes() == before
    assert not list(backup.parent.glob(".regsearch-*"))
