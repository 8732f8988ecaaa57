"""What ``regsearch show`` prints of charts, of repositories and of unknown sizes."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import closing, redirect_stdout
from pathlib import Path

import pytest

from indexer.extract import BUILT_IN
from indexer.model import media_types
from indexer.store import Store
from search_api.cli.details import print_shown
from search_api.resources import Resources, look_up
from tests.builders import BuiltManifest, digest_of, helm_chart, image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, fill

pytestmark = pytest.mark.anyio

TITLE = "org.opencontainers.image.title"
DESCRIPTION = "org.opencontainers.image.description"
TEXTS = {TITLE: "The shop", DESCRIPTION: "Sells things"}
BASE = image(annotations=TEXTS, seed="base")
APP = image(annotations=TEXTS, seed="app", base=BASE)
CHART = helm_chart("gateway", "3.2.1", "Routes parcels", app_version="1.27")
LAYERS = [{"blobSum": blob.digest} for blob in reversed(BASE.blobs[1:])]
OLD_BODY = json.dumps({"schemaVersion": 1, "fsLayers": LAYERS, "history": []}).encode()
OLD = BuiltManifest(digest_of(OLD_BODY), media_types.SCHEMA1, OLD_BODY)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    web = [Pushed("web", BASE, "1"), Pushed("web", APP, "2")]
    await fill(tmp_path, [*web, Pushed("charts/gateway", CHART, "3.2.1"), Pushed("old", OLD)])
    with closing(Store(tmp_path, read_only=True)) as opened:
        yield opened


def show(store: Store, reference: str) -> list[str]:
    """Return the lines that are printed of a reference."""
    resources = Resources(store, now=ManualClock().now(), kinds=BUILT_IN)
    with redirect_stdout(io.StringIO()) as printed:
        print_shown(look_up(resources, reference))
    return printed.getvalue().splitlines()


async def test_a_chart_says_its_version_and_that_of_its_application(store: Store) -> None:
    lines = show(store, "charts/gateway:3.2.1")
    assert {"version: 3.2.1", "app version: 1.27"} <= set(lines)


async def test_a_repository_says_what_it_is_and_what_all_its_tags_take(store: Store) -> None:
    blobs = {blob for built in (BASE, APP) for blob in built.blobs}
    size = sum(len(blob.body) for blob in blobs) / 1_000
    lines = show(store, "web")
    assert {"title: The shop", "description: Sells things"} <= set(lines)
    assert f"all tags: {size:.1f} kB" in lines


async def test_what_is_not_known_is_not_called_nothing(store: Store) -> None:
    assert "all tags: unknown" in show(store, "old")
    lines = show(store, "old:latest")
    assert "size: unknown" in lines
    assert [line.split()[1:] for line in lines if BASE.blobs[1].digest in line] == [["unknown"]]
    assert not any(" 0 B" in line for line in lines)
