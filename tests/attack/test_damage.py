"""Bits of the files flip while the service is stopped: what is damaged is named, the rest goes on.

SQLite keeps no checksums of rows, so most of this passes its check at the start.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.attack.stub_registry import StubRegistry
from tests.builders import BuiltManifest, image
from tests.end_to_end.processes import kill_process
from tests.end_to_end.service import Service
from tests.fakes.events import push_event

Figure = Callable[[str], None]

REPOSITORIES, TAGS = 4, 6
SEEDS, SEEDS_FULL = 1, 5
BITS, MANY_BITS = 20, 500
HEAL_SECONDS = 60
USELESS = 2
"""The exit status that means: do not start it again."""


@dataclass(frozen=True, slots=True)
class Before:
    """A data directory that holds all of a registry, and was stopped."""

    registry: StubRegistry
    built: Mapping[str, BuiltManifest]
    data: Path


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Before]:
    """Give images by repository and tag, and the data directory of who has read them."""
    built = {
        f"team/app-{repository}:1.{tag}": image(
            seed=f"{repository}-{tag}", labels={"about": f"image {tag} of {repository} " * 20}
        )
        for repository in range(REPOSITORIES)
        for tag in range(TAGS)
    }
    with StubRegistry() as registry:
        for reference, one in built.items():
            repository, _, tag = reference.partition(":")
            registry.push(repository, tag, one)
        service = Service(tmp_path_factory.mktemp("before"))
        service.configure(REGSEARCH_REGISTRY=registry.url)
        try:
            service.start()
            service.wait_until_idle(60)
            service.wait_until(lambda: references(service) == set(built), 60, "all is found")
            stop(service)
        finally:
            service.close()
        yield Before(registry, built, service.data)


@pytest.fixture
def built(before: Before) -> Mapping[str, BuiltManifest]:
    return before.built


@pytest.fixture
def registry(before: Before) -> StubRegistry:
    return before.registry


@pytest.fixture
def filled(service: Service, before: Before) -> Iterator[Service]:
    """Give a service with a copy of that data directory, not started."""
    shutil.copytree(before.data, service.data)
    yield service
    print(service.log_text()[-6_000:])


def stop(service: Service) -> None:
    """Stop all processes, and have all that they wrote in the files themselves."""
    service.stop()
    for pid in service.processes():
        kill_process(pid)
    for name in ("store.db", "journal.db"):
        with closing(sqlite3.connect(service.data / name)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def references(service: Service) -> set[str]:
    """Return what searches find, by repository and tag."""
    return {
        f"{one.repository}:{tag}" for one in service.everything("repo:team/*") for tag in one.tags
    }


def is_whole(service: Service, built: Mapping[str, BuiltManifest]) -> bool:
    """Tell whether everything is found and the details of each image are answered."""
    return references(service) == set(built) and all(
        details(service, one).status_code == 200 for one in built.values()
    )


def details(service: Service, one: BuiltManifest) -> httpx2.Response:
    return httpx2.get(f"{service.url}/api/v1/images/{one.digest}", timeout=20)


def damaged(service: Service) -> list[dict[str, Any]]:
    """Return the damaged rows that the status names."""
    found: list[dict[str, Any]] = service.get("/api/v1/status").json().get("damaged", [])
    return found


def flip_value(path: Path, query: str, *, bit: int = 7) -> None:
    """Flip a bit in the bytes of one value, where they are in the file."""
    with closing(sqlite3.connect(path)) as database:
        (value,) = database.execute(query).fetchone()
    content = bytearray(path.read_bytes())
    value = value.encode() if isinstance(value, str) else value
    at = content.find(value)
    assert at >= 0, query
    while at >= 0:
        content[at + len(value) // 2] ^= 1 << bit
        at = content.find(value, at + 1)
    path.write_bytes(content)


def schema(path: Path) -> list[tuple[str, ...]] | None:
    """Return the tables and the steps that made them; None if the check at the start fails."""
    queries = ("SELECT sql FROM sqlite_master", "SELECT name FROM _sqlite_migrations")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None
            return [row for query in queries for row in database.execute(query)]
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def flip_bits(path: Path, *, bits: int, seed: int, unseen: bool) -> None:
    """Flip bits anywhere behind the first page, seen by the check at the start or not."""
    content, chosen = path.read_bytes(), random.Random(seed)
    before = schema(path)
    assert before is not None
    flipped = 0
    while flipped < bits:
        changed = bytearray(content)
        for _ in range(1 if unseen else bits):
            changed[chosen.randrange(4_096, len(changed))] ^= 1 << chosen.randrange(8)
        path.write_bytes(changed)
        if (schema(path) == before) == unseen:
            content, flipped = bytes(changed), flipped + (1 if unseen else bits)
    path.write_bytes(content)


def test_damaged_rows_are_named_and_read_again_and_the_rest_answers(
    filled: Service, built: Mapping[str, BuiltManifest], figure: Figure
) -> None:
    for query in (
        "SELECT body FROM manifests LIMIT 1 OFFSET 3",
        "SELECT body FROM configs LIMIT 1 OFFSET 5",
        # In every table and index where it is.
        "SELECT digest FROM tags LIMIT 1 OFFSET 7",
        "SELECT name FROM repositories LIMIT 1 OFFSET 3",
    ):
        flip_value(filled.data / "store.db", query)
    filled.start()
    waited = filled.wait_until(lambda: is_whole(filled, built), HEAL_SECONDS, "all is whole again")
    rows = damaged(filled)
    assert {"manifests", "configs", "tags", "repositories"} <= {row["table"] for row in rows}
    assert all(row["row"] and row["reason"] and row["found_at"] for row in rows)
    status = filled.get("/api/v1/status").json()
    assert status["indexer"]["alive"]
    assert status.get("restarts") == {"web": 0, "indexer": 0}
    assert f"regsearch_damaged_rows_total {len(rows)}.0" in filled.get("/metrics").text
    figure(f"{len(rows)} damaged rows of the store: all is whole again after {waited:.1f} s")


def test_an_image_that_cannot_be_read_is_503_with_its_name_and_then_read_again(
    filled: Service, built: Mapping[str, BuiltManifest]
) -> None:
    """No search and no other image suffers."""
    bad, *others = built.values()
    query = f"SELECT body FROM manifests WHERE digest = '{bad.digest}'"
    flip_value(filled.data / "store.db", query)
    filled.start()
    answer = details(filled, bad)
    assert answer.status_code in {200, 404, 503}, answer.text
    if answer.status_code == 503:
        assert bad.digest in answer.text
        assert "manifests" in answer.text
    assert {details(filled, one).status_code for one in others} == {200}
    assert references(filled) == set(built)
    filled.wait_until(
        lambda: details(filled, bad).status_code == 200, HEAL_SECONDS, "it is read again"
    )
    (named,) = damaged(filled)
    assert named["table"] == "manifests"
    assert bad.digest in named["row"]


@pytest.mark.parametrize("table", ["registries", "crawls", "queue"])
def test_what_says_how_fresh_all_is_may_be_damaged_too(
    filled: Service, built: Mapping[str, BuiltManifest], table: str
) -> None:
    """Searches are answered all the time."""
    broken = {
        "registries": "UPDATE registries SET error = CAST(x'66ff66' AS TEXT)",
        "crawls": "UPDATE crawls SET started_at = 'never', finished_at = CAST(x'ff' AS TEXT)",
        "queue": "INSERT INTO queue (registry_id, kind, repository, reference, priority, due_at)"
        " VALUES (1, 'tbg', 'team/app-0', '1.0', 0, '2026-01-01T00:00:00.000000Z')",
    }
    with closing(sqlite3.connect(filled.data / "store.db")) as database, database:
        database.execute(broken[table])
    filled.start()
    statuses: list[int] = []

    def heals() -> bool:
        answer = httpx2.get(f"{filled.url}/api/v1/search?q=team", timeout=20)
        statuses.append(answer.status_code)
        return answer.status_code == 200 and answer.json()["freshness"]["complete"] is True

    filled.wait_until(heals, HEAL_SECONDS, "answers are complete")
    assert set(statuses) == {200}
    assert references(filled) == set(built)
    assert [row["table"] for row in damaged(filled)] == [table]


def test_a_damaged_entry_of_the_journal_costs_a_crawl(
    filled: Service, registry: StubRegistry
) -> None:
    begun = datetime.now(UTC).isoformat()
    filled.start()
    # Web may be ready before it, and the copied file holds the id of a process that is gone. To
    # signal process 0 would stop the tests themselves.
    filled.wait_until(
        lambda: (filled.get("/api/v1/status").json()["indexer"]["alive_at"] or "") > begun,
        HEAL_SECONDS,
        "the indexer has opened its files",
    )
    indexer = filled.child_pid("indexer")
    assert indexer in filled.processes()
    os.kill(indexer, signal.SIGSTOP)
    for name in ("lost/app", "kept/app"):
        one = image(seed=name)
        registry.push(name, "1.0", one)
        filled.notify(push_event(name, one.digest, tag="1.0", event_id=f"event-{name}"))
    os.kill(filled.supervisor_pid, signal.SIGKILL)
    for pid in filled.processes():
        kill_process(pid)
    stop(filled)
    flip_value(
        filled.data / "journal.db", "SELECT event_id FROM entries WHERE event_id LIKE '%lost/app'"
    )
    begun = datetime.now(UTC).isoformat()
    filled.start()
    filled.wait_until_found("repo:lost/app", "repo:kept/app", seconds=HEAL_SECONDS)
    filled.wait_until(
        lambda: (filled.status()["last_complete_crawl_started_at"] or "") > begun,
        HEAL_SECONDS,
        "a crawl finds what is lost",
    )
    assert [row["table"] for row in damaged(filled)] == ["entries"]


def test_flipped_bits_that_no_check_sees_stop_nobody(
    filled: Service, built: Mapping[str, BuiltManifest], is_full: bool, figure: Figure
) -> None:
    """Nothing answers 500, the indexer stays alive, and what was lost comes back."""
    named = 0
    path = filled.data / "store.db"
    for seed in range(SEEDS_FULL if is_full else SEEDS):
        flip_bits(path, bits=BITS, seed=seed, unseen=True)
        filled.start()
        filled.wait_until(
            lambda: len(references(filled) & set(built)) >= len(built) * 9 // 10,
            HEAL_SECONDS,
            "most is found",
        )
        for one in built.values():
            assert details(filled, one).status_code in {200, 404, 503}
        assert filled.get("/api/v1/status").json()["indexer"]["alive"]
        named += len(damaged(filled))
        stop(filled)
    figure(f"{BITS} flipped bits that no check sees: {named} rows named and read again")


@pytest.mark.parametrize("name", ["store.db", "journal.db"])
def test_a_file_that_is_no_database_any_more_ends_every_process_with_2(
    filled: Service, name: str
) -> None:
    path = filled.data / name
    flip_bits(path, bits=MANY_BITS, seed=1, unseen=False)
    for command in ("serve", "web", "indexer", "backfill", "backup"):
        words = (command, str(filled.data.parent / "backup")) if command == "backup" else (command,)
        try:
            ended = filled.command(*words, seconds=30)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{command} runs on with a damaged {name}")
        assert ended.returncode == USELESS, f"{command}: {ended.returncode} {ended.stderr[-2000:]}"
        output = ended.stderr
        assert str(path) in output, command
        assert "restore" in output, command
        assert "Traceback" not in output, command
