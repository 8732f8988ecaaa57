"""In a real browser: sign in, search, sign out."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import demo_content
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.conftest import Check, Open
from tests.end_to_end.pages.test_looks import SHIFTS, STICKING_OUT
from tests.end_to_end.pages.windows import SCHEMES, WIDTHS
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.programs import find_program
from tests.push import push_many
from tests.search_api.access.asking import PASSWORD, write_users

SETTINGS = """\
[[registry]]
name = "default"
url = "{url}"
access = "rules"
[[registry.rule]]
repositories = ["base/*"]
users = ["*"]
[[registry.rule]]
repositories = ["*"]
users = ["alice"]

[access]
htpasswd_file = "{users}"
"""
LONG = "a-name-that-is-rather-long-for-the-header-of-a-page"
NOT_EVERYTHING = re.compile("You may not see everything here")


@pytest.fixture
def demo(registry_program: str, request: pytest.FixtureRequest) -> Deployment:
    """Give the service of this module in the place of that of all tests of pages."""
    guarded = request.getfixturevalue("guarded")
    assert isinstance(guarded, Deployment)
    return guarded


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run a registry and a service that shows it whole to one user, and in part to others."""
    program = find_program(DISTRIBUTION_2)
    assert program is not None
    folder = tmp_path_factory.mktemp("guarded")
    users = write_users(folder / "users", "alice", LONG)
    with Deployment(folder, program=program) as own:
        own.registry.start()
        push_many(own.registry.url, demo_content.before(), threads=2)
        file = folder / "regsearch.toml"
        file.write_text(SETTINGS.format(url=own.registry.url, users=users))
        own.service.configure(REGSEARCH_CONFIG=str(file))
        own.service.start()
        own.service.wait_until_found("repo:base/debian", seconds=30)
        own.service.wait_until_idle()
        yield own


def fill_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Sign in; return when the page that follows is whole, with its script."""
    page.fill("#username", username)
    page.fill("#password", password)
    with page.expect_navigation():
        page.click(".account button")


@pytest.mark.parametrize("scripts", [True, False])
def test_sign_in_search_and_sign_out(open_page: Open, scripts: bool) -> None:
    page = open_page("/search?q=web", java_script_enabled=scripts)
    expect(page.locator(".limited")).to_have_text(NOT_EVERYTHING)
    expect(page.locator(".result")).to_have_count(0)
    page.click(".limited a")
    fill_in(page, "alice", "wrong")
    expect(page.locator("#mistake")).to_have_text("wrong user name or password")
    fill_in(page, "alice")
    expect(page).to_have_url(re.compile(r"/search\?q=web$"))
    expect(page.locator(".result h2").first).to_have_text(re.compile("team/web"))
    expect(page.locator(".visitor bdi")).to_have_text("alice")
    page.click(".visitor button")
    expect(page).to_have_url(re.compile("/$"))
    page.goto("/search?q=web")
    expect(page.locator(".result")).to_have_count(0)


def test_the_way_back_shows_nothing_of_the_session(open_page: Open) -> None:
    page = open_page("/sign-in?next=/search%3Fq%3Dweb")
    fill_in(page, "alice")
    expect(page.locator(".result h2").first).to_have_text(re.compile("team/web"))
    page.click(".result h2 a")
    expect(page.locator("h1")).to_have_text(re.compile("team/web"))
    page.click(".visitor button")
    expect(page.locator(".visitor")).to_have_text("Sign in")
    page.go_back()
    expect(page.locator(".visitor")).to_have_text("Sign in")
    page.go_back()
    expect(page.locator(".result")).to_have_count(0)


def test_results_that_follow_the_typing_are_those_of_the_user(open_page: Open) -> None:
    page = open_page("/sign-in?next=/search")
    fill_in(page, "alice")
    page.fill("#q", "invoice")
    expect(page.locator(".result h2")).to_have_text([re.compile("windows/invoice_service")])
    page.context.clear_cookies()
    page.fill("#q", "invoices")
    page.fill("#q", "invoice")
    expect(page.locator(".result")).to_have_count(0)


def test_signing_in_leads_back_to_what_was_typed(open_page: Open) -> None:
    page = open_page("/search?q=web")
    page.fill("#q", "invoice")
    expect(page).to_have_url(re.compile(r"/search\?q=invoice$"))
    page.click(".visitor a")
    fill_in(page, "alice")
    expect(page).to_have_url(re.compile(r"/search\?q=invoice$"))
    expect(page.locator("#q")).to_have_value("invoice")
    expect(page.locator(".result h2")).to_have_text([re.compile("windows/invoice_service")])


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_the_pages_are_for_everybody(open_page: Open, axe: Check, is_signed_in: bool) -> None:
    page = open_page("/sign-in")
    if is_signed_in:
        fill_in(page, LONG)
        expect(page.locator(".visitor button")).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    for address in ("/sign-in", "/", "/search"):
        page.goto(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{address} {width}: {page.evaluate(STICKING_OUT)}"
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert axe(page) == [], f"{address} {scheme}"
    page.goto("/sign-in")
    if not is_signed_in:
        fill_in(page, "alice", "wrong")
        assert axe(page) == []


def test_nothing_moves_while_a_page_is_loaded(open_page: Open) -> None:
    page = open_page("/sign-in")
    fill_in(page, "alice")
    page.add_init_script(SHIFTS)
    for address in ("/", "/search?q=web", "/sign-in"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.shifts") == [], address
