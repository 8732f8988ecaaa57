"""In a real browser, at a real issuer: node's oidc-provider. Sign in, search, sign out."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests import demo_content
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import RunningProgram, log_tail
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.end_to_end.waiting import wait_until
from tests.programs import NeedsProgram, find_program
from tests.push import push_many

SETTINGS = """\
[[registry]]
name = "default"
url = "{url}"
access = "rules"
[[registry.rule]]
repositories = ["base/*"]
users = ["*"]
[[registry.rule]]
repositories = ["team/*"]
groups = ["shop"]

[access.oidc]
issuer = "{issuer}"
client_id = "regsearch"
client_secret = "secret-of-the-client"
"""


@pytest.fixture
def demo(
    registry_program: str, needs_program: NeedsProgram, request: pytest.FixtureRequest
) -> Deployment:
    """Give the service of this module in the place of that of all tests of pages."""
    needs_program("node", package="nodejs")
    needs_program("oidc-provider")
    issued = request.getfixturevalue("issued")
    assert isinstance(issued, Deployment)
    return issued


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run an issuer, a registry, and a service that shows most of it to a group of the issuer."""
    registry, node, provider = map(find_program, (DISTRIBUTION_2, "node", "oidc-provider"))
    assert registry is not None
    assert node is not None
    assert provider is not None
    folder = tmp_path_factory.mktemp("issued")
    with Deployment(folder, program=registry) as own:
        port = free_port()
        script = Path(__file__).with_name("issuer.mjs")
        redirect = f"{own.service.url}/sign-in/callback"
        log = folder / "issuer.log"
        running = RunningProgram(
            [node, str(script), provider, str(port), redirect], log=log, folder=folder
        )
        try:
            issuer = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(issuer), 30, f"the issuer answers: {log_tail(log)}")
            own.registry.start()
            push_many(own.registry.url, demo_content.before(), threads=2)
            file = folder / "regsearch.toml"
            file.write_text(SETTINGS.format(url=own.registry.url, issuer=issuer))
            own.service.configure(REGSEARCH_CONFIG=str(file))
            own.service.start()
            own.service.wait_until_found("repo:base/debian", seconds=30)
            own.service.wait_until_idle()
            yield own
        finally:
            running.kill()


def answers(issuer: str) -> bool:
    """Tell whether an issuer says what it is."""
    try:
        return httpx2.get(f"{issuer}/.well-known/openid-configuration").status_code == 200
    except httpx2.TransportError:
        return False


def open_alone(open_page: Open, address: str) -> Page:
    """Open an address; fonts that pages of the issuer have from other hosts are empty."""
    page = open_page("about:blank")
    page.route(re.compile("^https:"), lambda route: route.fulfill(body=""))
    page.goto(address)
    return page


def sign_in_at_the_issuer(page: Page) -> None:
    """Fill in the pages of the issuer."""
    page.fill("[name=login]", "carol")
    page.fill("[name=password]", "any")
    # The page that follows has a button like this one.
    with page.expect_navigation():
        page.click("[type=submit]")
    # Whether this service may know who it is.
    page.click("[type=submit]")


def test_sign_in_at_an_issuer_search_and_sign_out(open_page: Open) -> None:
    page = open_alone(open_page, "/search?q=web")
    expect(page.locator(".result")).to_have_count(0)
    page.click(".limited a")
    page.click("a.button")
    sign_in_at_the_issuer(page)
    expect(page).to_have_url(re.compile(r"/search\?q=web$"))
    expect(page.locator(".result h2").first).to_have_text(re.compile("team/web"))
    expect(page.locator(".visitor bdi")).to_have_text("carol")
    page.goto("/sign-in")
    expect(page.locator("main")).to_contain_text("Groups that count here: shop.")
    page.click(".visitor button")
    page.goto("/search?q=web")
    expect(page.locator(".result")).to_have_count(0)


def test_who_does_not_sign_in_reads_why(open_page: Open) -> None:
    page = open_alone(open_page, "/sign-in/oidc")
    page.click("text=Cancel")
    expect(page.locator("#mistake")).to_contain_text("did not let you in: access_denied")
    expect(page.locator("a.button")).to_be_visible()
