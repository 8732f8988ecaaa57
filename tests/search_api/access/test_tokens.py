"""Tokens are kept as hashes, and made, revoked and used while the service runs."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.errors import NotFoundError, SettingsError
from search_api.access import (
    add_token,
    list_tokens,
    make_token,
    read_uses,
    revoke_token,
)
from search_api.access.token_uses import TokenUses
from search_api.access.tokens import TOKENS_FILE, Tokens
from tests.fakes.clock import START, ManualClock
from tests.search_api.access.asking import (
    FOR_ALL,
    OF_TEAM,
    asking,
    basic,
    bearer,
    seen,
    settings_with,
)

pytestmark = pytest.mark.anyio


def made(path: Path, user: str = "alice", *groups: str, seconds: float = 60) -> tuple[str, str]:
    """Write a new token; return it and its id."""
    expires_at = START + timedelta(seconds=seconds)
    text, token = make_token(user, groups, metrics=False, now=START, expires_at=expires_at)
    add_token(path, token)
    return text, token.id


def test_the_file_holds_no_token_and_is_for_this_account_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    text, number = made(path)
    secret = text.rpartition("_")[2]
    assert len(secret) == 64
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Tokens(path).find(text, START) == list_tokens(path)[0]
    assert list_tokens(path)[0].id == number


@pytest.mark.parametrize(
    "change",
    [lambda text: text[:-1], lambda text: text + "x", lambda _: "", lambda _: "regsearch_"],
)
def test_another_text_is_no_token(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    text, _ = made(tmp_path / "tokens")
    assert Tokens(tmp_path / "tokens").find(change(text), START) is None


def test_a_token_ends_when_its_time_is_over(tmp_path: Path) -> None:
    text, _ = made(tmp_path / "tokens", seconds=60)
    tokens = Tokens(tmp_path / "tokens")
    assert tokens.find(text, START + timedelta(seconds=59)) is not None
    assert tokens.find(text, START + timedelta(seconds=60)) is None


def test_an_unknown_id_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no token has the id 'abc'"):
        revoke_token(tmp_path / "tokens", "abc")


@pytest.mark.parametrize("content", ["{", "[]", '{"tokens": [{}]}', '{"tokens": [{"id": 1}]}'])
def test_a_file_that_is_none_ends_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"^access.tokens_file '.*tokens': "):
        Tokens(path)


async def test_a_running_service_knows_new_tokens_and_forgets_revoked_ones(
    filled: Path, tmp_path: Path
) -> None:
    path = tmp_path / TOKENS_FILE
    settings = settings_with(filled, access={"tokens_file": path})
    async with asking(settings, clock=ManualClock()) as client:
        text, number = made(path)
        assert await seen(client, bearer(text)) == FOR_ALL + OF_TEAM
        # As docker and podman send it.
        assert await seen(client, basic("anybody", text)) == FOR_ALL + OF_TEAM
        other, _ = made(path, "carol", "payments")
        assert await seen(client, bearer(other)) == FOR_ALL + OF_TEAM
        revoke_token(path, number)
        response = await client.get("/api/v1/search", headers=bearer(text))
        assert response.status_code == 401
        assert await seen(client, bearer(other)) == FOR_ALL + OF_TEAM
        path.write_text("{")
        assert await seen(client, bearer(other)) == FOR_ALL + OF_TEAM
        path.unlink()
        assert (await client.get("/api/v1/search", headers=bearer(other))).status_code == 401


async def test_the_last_use_is_written_seldom_and_at_the_end(tmp_path: Path) -> None:
    clock = ManualClock()
    uses = TokenUses(tmp_path, clock)
    uses.note("a")
    first = dict(read_uses(tmp_path))
    assert first.keys() == {"a"}
    clock.advance(1)
    uses.note("a")
    uses.note("b")
    assert read_uses(tmp_path) == first
    uses.write()
    assert read_uses(tmp_path)["a"] > first["a"]
    assert read_uses(tmp_path).keys() == {"a", "b"}
    assert TokenUses(tmp_path, clock) is not None
    (tmp_path / "token-uses.json").write_text(json.dumps([]))
    assert read_uses(tmp_path) == {}
