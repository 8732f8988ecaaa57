"""What all pages share."""

from pathlib import Path

import pytest

from search_api.pages import Site
from search_api.search import make_web_service
from tests.fakes.clock import ManualClock
from tests.search_api.filling import settings_for

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
