"""Tokens on the command line: printed once, listed without the token, revoked by their id."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from search_api.access.tokens import Tokens
from search_api.cli.main import main
from tests.fakes.clock import START

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; give its status and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    monkeypatch.setenv("REGSEARCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(["token", *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_it


def test_a_token_is_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    status, out, err = run("create", "--user", "alice", "--group", "payments", "--expires", "1h")
    text = out.strip()
    number = text.split("_")[1]
    assert status == 0
    assert err.startswith(f"token {number}, valid until 2")
    path = tmp_path / "data" / "tokens.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = Tokens(path).find(text, START)
    assert found is not None
    assert (found.user, found.groups, found.metrics) == ("alice", ("payments",), False)

    (listed,) = json.loads(run("list", "--json")[1])["tokens"]
    assert (listed["id"], listed["user"], listed["groups"]) == (number, "alice", ["payments"])
    assert (listed["expired"], listed["last_used_at"]) == (False, None)
    for _, shown, _ in (run("list"), run("list", "--json")):
        assert number in shown
        assert text.split("_")[2] not in shown
        assert found.hash not in shown

    assert run("revoke", number) == (0, f"revoked: token {number} of alice\n", "")
    assert Tokens(path).find(text, START) is None
    assert run("list")[1] == "no tokens: regsearch token create --user NAME makes one\n"
    status, _, err = run("revoke", number)
    assert (status, err) == (
        1,
        f"regsearch: no token has the id {number!r}: see `regsearch token list`\n",
    )


def test_a_token_for_the_metrics_is_of_nobody(run: Run, tmp_path: Path) -> None:
    _, out, err = run("create", "--metrics", "--expires", "0s")
    assert "valid for ever" in err
    found = Tokens(tmp_path / "data" / "tokens.json").find(out.strip(), START)
    assert found is not None
    assert (found.user, found.metrics, found.expires_at) == ("metrics", True, None)
    assert "metrics (metrics alone)" in run("list")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--user is missing"),
        (["--user", "a\nb"], "is no name of a user"),
        (["--user", "x" * 301], "is no name of a user"),
        (["--user", "a", "--group", ""], "is no name of a user or a group"),
        (["--user", "a", "--expires", "soon"], "--expires 'soon': write a number and a unit"),
        (["--user", "a", "--expires", "99999999d"], "--expires '99999999d': "),
        (["--metrics", "--group", "a"], "--metrics is for no group"),
    ],
)
def test_a_mistake_makes_no_token(
    run: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    status, out, err = run("create", *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert not (tmp_path / "data" / "tokens.json").exists()


def test_a_file_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tokens.json").write_text("{")
    for arguments in (["list"], ["create", "--user", "a"], ["revoke", "a"]):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert "tokens.json" in err
