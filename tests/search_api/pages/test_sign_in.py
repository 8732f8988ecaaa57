"""The header says who one is, the pages say that not everything may be shown, and what to do."""

from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest

from indexer.settings import RegistrySettings, RuleSettings, Settings
from tests.search_api.access.asking import (
    ELSEWHERE,
    MAIN_RULED,
    SECOND_PUBLIC,
    settings_with,
    write_users,
)
from tests.search_api.access.browser import browsing, sign_in
from tests.search_api.filling import MAIN
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.html import Element, read_html

pytestmark = pytest.mark.anyio

HIDDEN = RegistrySettings(
    name="main",
    url=f"http://{MAIN}",
    access="rules",
    rule=(RuleSettings(repositories=("*",), users=("root",)),),
)
SECOND_HIDDEN = HIDDEN.model_copy(update={"name": "second", "url": SECOND_PUBLIC.url})


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return write_users(tmp_path / "users", "alice", "bob", "root", "<b>eve</b>")


@pytest.fixture
def settings(filled: Path, users: Path) -> Settings:
    return settings_with(filled, access={"htpasswd_file": users})


async def read(browser: httpx2.AsyncClient, address: str) -> Element:
    response = await browser.get(address)
    assert response.status_code == 200, response.text[:500]
    return read_html(response.text)


def visitor(page: Element) -> Element:
    return page.one("div", class_="visitor")


async def test_the_link_to_sign_in_leads_back(settings: Settings) -> None:
    async with browsing(settings) as browser:
        page = await read(browser, "/search?q=web&type=image")
        link = visitor(page).one("a")
        assert link.text == "Sign in"
        form = (await read(browser, link["href"])).one("form", class_="account")
        fields = {one["name"]: one.attributes.get("value", "") for one in form.all("input")}
        filled = {**fields, "username": "alice", "password": "correct horse"}
        response = await browser.post(
            form["action"], data=filled, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert response.headers["location"] == "/search?q=web&type=image"


async def test_below_a_path_too(settings: Settings) -> None:
    below = settings.model_copy(update={"public_url": "https://example.org/tools"})
    async with browsing(below) as browser:
        link = visitor(await read(browser, "/search?q=web")).one("a")
        assert link["href"] == "/tools/sign-in?next=/tools/search%3Fq%3Dweb"
        response = await sign_in(browser, path="/tools/sign-in", next="/elsewhere")
        assert response.headers["location"] == "/tools/"


async def test_the_header_says_who_one_is(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        shown = visitor(await read(browser, "/help"))
        assert shown.one("a").text == "Signed in as alice"
        assert shown.one("form")["action"] == "/sign-out"
        assert shown.one("form")["method"] == "post"
        mine = await read(browser, "/sign-in")
    assert mine.one("h1").text == "Who you are"
    text = mine.one("main").text
    assert "You are signed in as alice, with a password of this service." in text
    assert "registry main: 5 repositories" in text
    assert "registry second: everything" in text


async def test_a_name_is_a_text(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser, "<b>eve</b>")
        for address in ("/help", "/sign-in", "/search"):
            page = await read(browser, address)
            assert visitor(page).one("a").text == "Signed in as <b>eve</b>"


@pytest.mark.parametrize("address", ["/", "/search", "/search?q=web", "/changes", "/r/main/nginx"])
async def test_lists_say_that_they_may_not_be_whole(settings: Settings, address: str) -> None:
    async with browsing(settings) as browser:
        note = (await read(browser, address)).one("p", class_="limited")
        assert note.text.startswith("You may not see everything here. Sign in")
        assert note.one("a")["href"].startswith("/sign-in?next=/")
        await sign_in(browser)
        note = (await read(browser, address)).one("p", class_="limited")
        assert note.one("a")["href"] == "/sign-in"


async def test_a_page_of_a_repository_that_is_not_there_says_it_too(settings: Settings) -> None:
    async with browsing(settings) as browser:
        for unseen in ("team/web", "team/nothing"):
            response = await browser.get(f"/r/main/{unseen}", headers=HTML)
            assert response.status_code == 404
            assert "You may not see everything here" in response.text


@pytest.mark.parametrize("address", ["/search?registry=second", "/changes?registry=second"])
async def test_lists_of_what_everybody_sees_do_not(settings: Settings, address: str) -> None:
    async with browsing(settings) as browser:
        assert (await read(browser, address)).all("p", class_="limited") == []


async def test_results_that_follow_the_typing_say_it_too(settings: Settings) -> None:
    async with browsing(settings) as browser:
        response = await browser.get("/search?q=web", headers={"X-Fragment": "results"})
        assert "You may not see everything here" in response.text


async def test_who_sees_nothing_is_told_what_can_be_done(filled: Path, users: Path) -> None:
    hidden = settings_with(
        filled, registries=[HIDDEN, SECOND_HIDDEN], access={"htpasswd_file": users}
    )
    async with browsing(hidden) as browser:
        page = await read(browser, "/")
        assert "Nothing is shown here before you sign in. Sign in" in page.text
        await sign_in(browser, "bob")
        assert "Nothing is shown here to bob." in (await read(browser, "/")).text
        text = (await read(browser, "/sign-in")).one("main").text
        assert "No repository here is shown to you." in text
        assert "Ask those who run this service" in text
        # Registries that do not exist for him are not named.
        assert "second" not in text


async def test_where_all_is_public_nothing_speaks_of_signing_in(filled: Path) -> None:
    public = settings_with(filled, registries=[SECOND_PUBLIC])
    async with browsing(public) as browser:
        page = await read(browser, "/")
        assert page.all("div", class_="visitor") == []
        assert "Nobody can sign in here" in (await read(browser, "/sign-in")).text
        response = await sign_in(browser)
        assert response.status_code == 403


async def test_a_user_of_a_proxy_is_named_and_cannot_sign_out_here(filled: Path) -> None:
    proxied = settings_with(
        filled,
        registries=[MAIN_RULED, SECOND_PUBLIC],
        trusted_proxies=(ip_network(f"{ELSEWHERE}/32"),),
        access={"user_header": "X-User"},
    )
    async with browsing(proxied) as browser:
        browser.headers["X-User"] = "alice"
        shown = visitor(await read(browser, "/"))
        assert shown.one("a").text == "Signed in as alice"
        assert shown.all("form") == []


async def test_the_form_asks_for_which_registry(filled: Path, users: Path) -> None:
    asked = HIDDEN.model_copy(update={"access": "registry", "rule": ()})
    settings = settings_with(
        filled, registries=[asked, SECOND_PUBLIC], access={"htpasswd_file": users}
    )
    async with browsing(settings) as browser:
        page = await read(browser, "/sign-in")
        choices = [one.text for one in page.one("select", id="with").all("option")]
        assert choices == ["this service", "registry main"]
        for label in page.one("form", class_="account").all("label"):
            assert page.one(id=label["for"])


async def test_pages_depend_on_the_cookie(settings: Settings) -> None:
    async with browsing(settings) as browser:
        for address in ("/", "/search", "/sign-in", "/r/main/bistro"):
            response = await browser.get(address)
            assert "Cookie" in response.headers["vary"]
            kept = response.headers["cache-control"]
            assert "no-store" in kept or "private" in kept
            before = response.headers.get("etag")
            await sign_in(browser)
            if before:
                again = await browser.get(address, headers={"If-None-Match": before})
                assert again.status_code == 200
            browser.cookies.clear()
