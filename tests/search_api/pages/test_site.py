"""What all pages share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search_api.pages import Site
from search_api.search import make_web_service
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, fill, settings_for
from tests.search_api.pages.statements import count_statements

pytestmark = pytest.mark.anyio


async def test_keys_of_objects_are_read_before_attributes_but_not_their_methods(
    filled: Path,
) -> None:
    """A key may be any word that somebody searched for."""
    clock = ManualClock()
    service = make_web_service(settings_for(filled), clock=clock)
    site = Site(service, clock=clock, version="0")
    template = site._environment.from_string("{{ one.name }} {{ one.items() | length }}")
    assert template.render(one={"name": "web", "items": "found", "__class__": ""}) == "web 3"
    await service.close()


async def test_pages_of_more_tags_and_repositories_take_no_more_queries(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    counted: dict[str, set[int]] = {}
    for number in (2, 60):
        images = [image(seed=f"{one}") for one in range(number)]
        many = [Pushed("team/many", built, f"1.{one}") for one, built in enumerate(images)]
        others = [Pushed(f"team/other-{one}", built) for one, built in enumerate(images)]
        directory = tmp_path / f"{number}"
        directory.mkdir()
        await fill(directory, [*many, *others])
        for address in ("/", "/search?q=team", "/r/main/team/many", "/r/main/team/many?sort=name"):
            statements, response = await count_statements(directory, address)
            assert response.status_code == 200
            counted.setdefault(address, set()).add(statements)
    figure(f"statements to the store with 2 and 60 tags and repositories: {counted}")
    assert all(len(numbers) == 1 for numbers in counted.values())
