"""The page of a layer: what made it, and the images with it."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.builders import artifact, image
from tests.fakes.clock import ManualClock
from tests.lineage_builders import diff_ids, layer_digests
from tests.search_api.filling import Pushed, fill
from tests.search_api.pages import image_content as content
from tests.search_api.pages.conftest import Show
from tests.search_api.pages.links import links_of
from tests.search_api.pages.statements import count_statements

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 25
ROOT, INSTALLED = (f"/l/{blob.digest}" for blob in content.RUNTIME.blobs[1:])


@pytest.fixture
def client(image_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return image_client


async def test_it_says_what_made_it(show: Show) -> None:
    page = await show(INSTALLED)
    assert page.one("h1").text == f"Layer {content.RUNTIME.blobs[2].digest}"
    made = page.one("pre", class_="made").text
    assert made == "RUN apt-get update && apt-get install -y python3"
    facts = page.one("article").one(class_="facts").text
    assert "3.2 kB compressed" in facts
    assert diff_ids(content.RUNTIME)[1] in [one.attributes.get("title") for one in page.all("code")]


async def test_it_lists_the_images_with_it(show: Show) -> None:
    table = (await show(ROOT)).one("section", aria_labelledby="images-heading")
    assert table.one("h2").text == "5 images hold it"
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
    assert sorted((row[0], row[1]) for row in rows) == [
        ("base/debian:13", "1 of 1 the only one"),
        ("base/runtime:3", "1 of 2 the first"),
        ("mirror/debian:13", "1 of 1 the only one"),
        ("team/theme:1", "1 of 4 the first"),
        ("team/web:1.1", "1 of 3 the first"),
    ]


async def test_a_diff_id_leads_to_the_same(show: Show) -> None:
    by_digest, by_diff_id = await show(ROOT), await show(f"/l/{diff_ids(content.DEBIAN)[0]}")
    assert by_digest.one("h1").text == by_diff_id.one("h1").text


async def test_every_link_of_a_layer_leads_on(client: httpx2.AsyncClient, show: Show) -> None:
    for link in links_of(await show(ROOT)):
        if not link.startswith("#"):
            response = await client.get(link, follow_redirects=True)
            assert response.status_code == 200, link


async def test_a_layer_takes_a_fixed_number_of_queries(
    images: tuple[Path, ManualClock], figure: Callable[[str], None]
) -> None:
    statements, response = await count_statements(images[0], ROOT)
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
    figure(f"a layer of 5 images: {statements} statements to the store")


async def test_more_images_with_a_layer_take_no_more_queries(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Before, each took five: 265 for sixty images."""
    base = image(seed="base")
    above = [image(seed=f"{number}", base=base) for number in range(60)]
    pushed = [Pushed("team/app", built, f"{number}") for number, built in enumerate(above)]
    await fill(tmp_path, [Pushed("base", base), *pushed])
    for address in (f"/l/{layer_digests(base)[0]}", f"/api/v1/layers/{layer_digests(base)[0]}"):
        statements, response = await count_statements(tmp_path, address)
        assert response.status_code == 200
        assert 0 < statements <= STATEMENTS_MAX
        figure(f"a layer of 61 images, {address[:4]}: {statements} statements to the store")


async def test_a_layer_that_no_image_says_all_of_takes_no_more_queries(tmp_path: Path) -> None:
    """Files have no history, so that all with the layer are asked what made it."""
    shared = {"shared.bin": b"shared"}
    files = [artifact("application/vnd.acme.v1", shared | {f"{n}": b"%d" % n}) for n in range(60)]
    await fill(tmp_path, [Pushed("file", one, f"{n}") for n, one in enumerate(files)])
    digest = layer_digests(files[0])[0]
    statements, response = await count_statements(tmp_path, f"/l/{digest}")
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
