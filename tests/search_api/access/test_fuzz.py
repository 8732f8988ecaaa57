"""The short form of the command that sends random requests, and that it finds what it looks for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model import ALL_RIGHTS
from indexer.settings import RuleSettings
from tests.search_api.access.fuzz import Fuzzer, fuzz
from tests.search_api.access.proof.holders import RULED, Holder, Service, settings_of
from tests.search_api.access.proof.world import fill_world, make_world

pytestmark = pytest.mark.anyio


async def test_random_requests_show_nothing_hidden(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    figures = await fuzz(tmp_path, requests=2_000, seed=7, repositories=60)
    figure(str(figures))
    assert figures.requests == 2_000
    assert figures.statuses[200] > 500
    assert not figures.leaks
    assert not figures.failures


async def test_what_is_shown_too_much_is_found(tmp_path: Path) -> None:
    """With rules that give more than is expected, the command finds it."""
    world, expected = make_world(20), Holder("bob")
    await fill_world(tmp_path, world, ALL_RIGHTS, WhooshEngine)
    too_much = RuleSettings(repositories=("*",), users=("bob",))
    wrong = replace(expected, rules=tuple((name, too_much) for name in RULED))
    service = Service(settings_of(tmp_path, [wrong], "whoosh"), [expected])
    fuzzer = Fuzzer(world, [expected], service, seed=1)
    async with service.run(raise_errors=False) as (app, client):
        app.state.streams.stop()
        await fuzzer.run(app, client, requests=100)
    assert len(fuzzer.figures.leaks) > 10
