"""What pulls named is readable for as long as its copy lives, and forgotten long after."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from indexer.model.names import Digest, RepositoryName
from indexer.store import Store
from tests.fakes.clock import START

TTL = timedelta(hours=168)
WEB = RepositoryName("library/web")
A, B = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
SECOND = timedelta(seconds=1)


class Pulled:
    """The table of one registry with one repository."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        with self.store.transaction():
            row = self.store.registries.put("r", url="", registry_host="r", pull_through_ttl=TTL)
            self.registry_id = row.id
            self.repository_id = self.store.repositories.put(row.id, WEB, seen_at=START)

    def pull(self, digest: Digest, at: datetime, *, delay: timedelta = timedelta(0)) -> None:
        with self.store.transaction():
            self.store.pulled.put(
                self.repository_id,
                digest,
                at=at,
                ttl=TTL,
                is_blob=False,
                readable_from=at + delay,
            )

    def is_readable(self, digest: Digest, at: datetime) -> bool:
        return self.store.pulled.is_readable(self.repository_id, digest, now=at, ttl=TTL)


@pytest.fixture
def pulled(tmp_path: Path) -> Iterator[Pulled]:
    opened = Pulled(tmp_path)
    yield opened
    opened.store.close()


def test_a_copy_lives_from_its_first_pull_however_often_it_is_pulled(pulled: Pulled) -> None:
    pulled.pull(A, START)
    pulled.pull(A, START + TTL / 2)
    assert pulled.is_readable(A, START + TTL - SECOND)
    assert not pulled.is_readable(A, START + TTL)
    pulled.pull(A, START + TTL)
    assert pulled.is_readable(A, START + TTL + TTL / 2)


def test_nothing_is_readable_before_it_is_stored_or_without_a_pull(pulled: Pulled) -> None:
    pulled.pull(A, START, delay=SECOND)
    assert not pulled.is_readable(A, START)
    assert pulled.is_readable(A, START + SECOND)
    assert pulled.store.pulled.is_cached(pulled.repository_id, A, now=START, ttl=TTL)
    assert not pulled.is_readable(B, START)


def test_an_older_pull_that_arrives_late_changes_no_time(pulled: Pulled) -> None:
    pulled.pull(A, START + TTL)
    pulled.pull(A, START)
    with pulled.store.transaction():
        assert not pulled.store.pulled.mark_doubtful(pulled.registry_id, before=START + TTL / 2)


def test_doubt_comes_and_goes_and_is_counted_once(pulled: Pulled) -> None:
    tables, registry_id = pulled.store.pulled, pulled.registry_id
    pulled.pull(A, START)
    with pulled.store.transaction():
        assert tables.mark_doubtful(registry_id, before=START) == 1
        assert tables.mark_doubtful(registry_id, before=START) == 0
    assert pulled.store.pulls.get_image(pulled.repository_id, A).is_doubtful is True
    pulled.pull(A, START + SECOND)
    with pulled.store.transaction():
        assert tables.mark_doubtful(registry_id, before=START) == 1
    assert pulled.store.pulls.list_images(pulled.repository_id)[A].is_doubtful is False
    assert pulled.store.pulls.get_repository(pulled.repository_id).is_doubtful is False


def test_what_was_not_pulled_for_long_is_forgotten(pulled: Pulled) -> None:
    pulled.pull(A, START)
    pulled.pull(B, START + TTL)
    with pulled.store.transaction():
        pulled.store.pulled.forget(pulled.registry_id, before=START)
    assert not pulled.is_readable(A, START)
    assert pulled.is_readable(B, START + TTL)
    with pulled.store.transaction():
        pulled.store.registries.put("r", url="", registry_host="r")
    assert not pulled.is_readable(B, START + TTL), "it pulls through no more"
