"""A label that is inherited from a hidden base is in the image that has it: a pull reads it too."""

import json
from pathlib import Path

import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model import ALL_RIGHTS
from tests.builders import image
from tests.search_api.access.proof.addresses import API
from tests.search_api.access.proof.holders import OPERATOR, Service, settings_of
from tests.search_api.access.proof.world import MARK, PUBLIC, World, fill_world, mark
from tests.search_api.filling import Pushed

pytestmark = pytest.mark.anyio

BOTH, OF_BASE, OF_IMAGE, SAME_KEY = map(mark, ("both", "base", "image", "same key"))
BASE = image(
    seed="hidden",
    labels={f"org.{BOTH}": BOTH, f"org.{OF_BASE}": OF_BASE, "team": SAME_KEY},
    env=[f"NAME={OF_BASE}"],
)
IMAGE = image(
    seed="shown",
    base=BASE,
    labels={f"org.{BOTH}": BOTH, f"org.{OF_IMAGE}": OF_IMAGE, "team": "web"},
    env=[f"NAME={OF_IMAGE}"],
)
WORLD = World((Pushed("base/hidden", BASE, "1", "inner7"), Pushed("web/shown", IMAGE, "1", PUBLIC)))
IMAGES = f"{API}/images/{IMAGE.digest}"


async def test_nothing_is_told_of_a_hidden_base_but_what_a_pull_of_the_image_tells(
    tmp_path: Path,
) -> None:
    await fill_world(tmp_path, WORLD, ALL_RIGHTS, WhooshEngine)
    service = Service(settings_of(tmp_path, [], "whoosh"), [])
    pulled = {*MARK.findall(json.dumps(IMAGE.config))}
    async with service.run() as (_, client):
        labels = (await client.get(IMAGES)).json()["labels"]
        inherited = [one["key"] for one in labels if one["inherited"]]
        assert inherited == [f"org.{BOTH}"], "the base is known, and it is a base of the image"
        for q in ("", BOTH, OF_BASE, OF_IMAGE, SAME_KEY, f"label:org.{BOTH}", "team"):
            for path in (
                f"{API}/search?type=image&facets=label:team,vendor&q={q}",
                f"/search?q={q}",
            ):
                answer = await client.get(path)
                assert {*MARK.findall(answer.text)} - {*MARK.findall(path)} <= pulled
        for path in ("", "/bases", "/places", "/derived", "/attachments"):
            assert {*MARK.findall((await client.get(f"{IMAGES}{path}")).text)} <= pulled
        # The label is found, and what only the base has is not.
        asked = (f"label:org.{BOTH}", OF_BASE, f"label:org.{OF_BASE}", f"label:team={SAME_KEY}")
        found = [
            (await client.get(f"{API}/search?type=image&q={q}")).json()["total"] for q in asked
        ]
        assert found == [1, 0, 0, 0]
        whole = await client.get(
            f"{API}/search?type=image&q={OF_BASE}", headers=service.tokens[OPERATOR]
        )
        assert whole.json()["total"] == 1
