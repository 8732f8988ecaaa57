"""Passwords in a file of htpasswd."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import bcrypt
import pytest
import structlog

from indexer.errors import BusyError, SettingsError
from search_api.access import Basic
from search_api.access.htpasswd import WAITING_MAX, HtpasswdFile
from tests.search_api.access.asking import PASSWORD, write_users

pytestmark = pytest.mark.anyio


@pytest.fixture
def users(tmp_path: Path) -> Iterator[HtpasswdFile]:
    found = HtpasswdFile(write_users(tmp_path / "users", "alice", "bob"))
    yield found
    found.close()


async def test_a_password_is_of_one_user(users: HtpasswdFile) -> None:
    assert await users.is_right(Basic("alice", PASSWORD))
    for name, password in (
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", PASSWORD + "x"),
        ("alice", f"{PASSWORD}\0"),
        ("ALICE", PASSWORD),
        ("carol", PASSWORD),
        ("", PASSWORD),
    ):
        assert not await users.is_right(Basic(name, password))


@pytest.mark.skipif(shutil.which("htpasswd") is None, reason="htpasswd is missing")
@pytest.mark.parametrize("password", ["pa:ss wörd", "x" * 72, "x" * 100])
async def test_what_the_real_program_writes_is_read(tmp_path: Path, password: str) -> None:
    path = tmp_path / "users"
    subprocess.run(["htpasswd", "-cbB", "-C", "4", path, "alice", password], check=True)
    users = HtpasswdFile(path)
    assert await users.is_right(Basic("alice", password))
    assert not await users.is_right(Basic("alice", password[:40] + "y"))
    users.close()


async def test_a_change_of_the_file_counts_at_once(tmp_path: Path) -> None:
    users = HtpasswdFile(write_users(tmp_path / "users", "alice", "bob"))
    assert await users.is_right(Basic("alice", PASSWORD))
    assert users.was_right(Basic("alice", PASSWORD))
    write_users(tmp_path / "users", "alice", password="another")
    assert not users.was_right(Basic("alice", PASSWORD))
    assert not await users.is_right(Basic("alice", PASSWORD))
    assert await users.is_right(Basic("alice", "another"))
    with structlog.testing.capture_logs() as logged:
        (tmp_path / "users").write_text("alice:plain\n")
        assert await users.is_right(Basic("alice", "another"))
    assert [line["event"] for line in logged] == ["file_unusable"]
    users.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("alice:plain", "line 1, user 'alice': no bcrypt hash; `htpasswd -B` makes one"),
        ("# users\n\nbob:$apr1$x$y", "line 3, user 'bob': no bcrypt hash"),
        ("alice", "line 1, user 'alice': no bcrypt hash"),
        (":x", "line 1, user '': no bcrypt hash"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_none_ends_the_start(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "users"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        HtpasswdFile(path)
    assert str(caught.value).startswith(f"access.htpasswd_file {str(path)!r}: {said}")


async def test_too_many_passwords_at_once_are_not_taken(users: HtpasswdFile) -> None:
    asked = [users.is_right(Basic("alice", f"guess {n}")) for n in range(2 * WAITING_MAX)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, BusyError) for one in found) == WAITING_MAX
    assert await users.is_right(Basic("alice", PASSWORD))


async def test_an_unknown_user_takes_as_long_as_a_known_one(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """The same work is done for both; the times are told, and only a gross difference fails."""
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(8)).decode()
    path = tmp_path / "users"
    path.write_text(f"alice:{kept}\n")
    users = HtpasswdFile(path)
    await users.is_right(Basic("first", "x"))
    times: dict[str, list[float]] = {"alice": [], "nobody": []}
    for number in range(15):
        for name, seconds in times.items():
            began = time.perf_counter()
            await users.is_right(Basic(name, f"guess {number}"))
            seconds.append(time.perf_counter() - began)
    users.close()
    known, unknown = (median(seconds) for seconds in times.values())
    told = f"{known * 1_000:.1f} ms, of an unknown user {unknown * 1_000:.1f} ms"
    figure(f"a wrong password takes {told}")
    assert 1 / 5 < known / unknown < 5
