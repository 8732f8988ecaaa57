"""The OpenAPI document tells the truth: requests made from it, good and bad, to a real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from search_api.api import make_api
from search_api.search.setup import make_service
from search_api.web import make_web
from tests.fakes.serving import serving
from tests.search_api.filling import settings_for
from tests.search_api.sample_content import NGINX

EXAMPLES = 30
CONFIG = SchemathesisConfig.from_path(Path(__file__).with_name("schemathesis.toml"))


def document() -> schemathesis.BaseSchema:
    service = make_service(settings_for(Path("nowhere")))
    described = make_api(service).openapi()
    described["servers"] = [{"url": "/api/v1"}]
    for path in described["paths"].values():
        for parameter in path["get"].get("parameters", []):
            if parameter["name"] in {"digest", "a", "b"}:
                # One that is there, so that not all answers are that it is not.
                parameter["examples"] = {"existing": {"value": NGINX.digest}}
    return schemathesis.openapi.from_dict(described, config=CONFIG)


schema = document()


@pytest.fixture(scope="module")
def address(filled: Path) -> Iterator[str]:
    with serving(make_web(settings_for(filled))) as made:
        yield f"{made}/api/v1"


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_the_document_says(case: schemathesis.Case[Any], address: str) -> None:
    case.call_and_validate(base_url=address)
