"""Sessions in a browser: their cookies, how long they go on, and who cannot begin or end one."""

from datetime import timedelta
from pathlib import Path

import bcrypt
import pytest

from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.access.sessions import COOKIE, IDLE, LIFETIME, RENEWED_AFTER
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.access.asking import FOR_ALL, OF_TEAM, basic, seen, settings_with, write_users
from tests.search_api.access.browser import FROM_HERE, browsing, send_form, sign_in

pytestmark = pytest.mark.anyio

HOST_COOKIE = f"__Host-{COOKIE}"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return write_users(tmp_path / "users", "alice", "bob")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def settings(filled: Path, users: Path, data_dir: Path) -> Settings:
    """Give settings with users; the key of sessions is of this test alone."""
    secret = data_dir / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    return settings_with(filled, access={"htpasswd_file": users, "session_secret_file": secret})


async def test_a_user_signs_in_searches_and_signs_out(settings: Settings) -> None:
    async with browsing(settings) as browser:
        assert await seen(browser) == FOR_ALL
        response = await sign_in(browser, next="/search?q=web")
        assert response.status_code == 303
        assert response.headers["location"] == "/search?q=web"
        assert await seen(browser) == FOR_ALL + OF_TEAM
        left = await send_form(browser, "/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "/")
        assert left.headers["clear-site-data"] == '"cache"'
        assert HOST_COOKIE not in browser.cookies
        assert await seen(browser) == FOR_ALL


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(settings: Settings) -> None:
    async with browsing(settings) as browser:
        cookie = (await sign_in(browser)).headers["set-cookie"]
    assert cookie.startswith(f"{HOST_COOKIE}=")
    assert cookie.partition(";")[2] == " Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "alice" not in cookie


async def test_below_a_path_the_cookie_stays_there(settings: Settings) -> None:
    below = settings.model_copy(update={"public_url": "https://example.org/tools/search"})
    async with browsing(below, site="http://127.0.0.1:8080") as browser:
        cookie = (await sign_in(browser, path="/tools/search/sign-in")).headers["set-cookie"]
    assert cookie.startswith(f"__Secure-{COOKIE}=")
    assert cookie.endswith("; Path=/tools/search; HttpOnly; SameSite=Lax; Secure")


async def test_without_tls_the_cookie_has_no_prefix(settings: Settings) -> None:
    async with browsing(settings, site="http://search.example") as browser:
        cookie = (await sign_in(browser)).headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert "Secure" not in cookie
        assert await seen(browser) == FOR_ALL + OF_TEAM


async def test_a_cookie_without_prefix_does_not_count_over_tls(settings: Settings) -> None:
    """Who can write cookies over http, or at another host of the domain, cannot sign others in."""
    async with browsing(settings, site="http://search.example") as browser:
        await sign_in(browser)
        value = browser.cookies[COOKIE]
        response = await browser.get(
            "https://search.example/api/v1/search?registry=main",
            headers={"Cookie": f"{COOKIE}={value}"},
        )
    assert {one["repository"] for one in response.json()["results"]} == set(FOR_ALL)


async def test_no_changed_cookie_counts(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        value = browser.cookies[HOST_COOKIE]
        browser.cookies.clear()
        changed = [
            value[:-1],
            value[1:],
            value.swapcase(),
            value.partition(".")[0],
            ".",
            "x" * 9_000,
        ]
        changed += [
            f"{value[:at]}{'A' if value[at] != 'A' else 'B'}{value[at + 1 :]}" for at in (0, 20)
        ]
        for text in changed:
            response = await browser.get(
                "/api/v1/search?registry=main", headers={"Cookie": f"{HOST_COOKIE}={text}"}
            )
            assert response.status_code == 200
            assert {one["repository"] for one in response.json()["results"]} == set(FOR_ALL)


async def test_a_session_ends_at_the_server_too(settings: Settings) -> None:
    """Also after a restart: who copied the cookie has nothing of it."""
    async with browsing(settings) as browser:
        await sign_in(browser)
        kept = {HOST_COOKIE: browser.cookies[HOST_COOKIE]}
        await send_form(browser, "/sign-out")
        browser.cookies.update(kept)
        assert await seen(browser) == FOR_ALL
    async with browsing(settings) as browser:
        browser.cookies.update(kept)
        assert await seen(browser) == FOR_ALL


async def test_a_session_outlives_a_restart(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        kept = dict(browser.cookies)
    async with browsing(settings) as browser:
        browser.cookies.update(kept)
        assert await seen(browser) == FOR_ALL + OF_TEAM


async def test_each_sign_in_begins_a_new_session_and_ends_the_one_before(
    settings: Settings,
) -> None:
    """A cookie that was put into the browser before does not become that of the user."""
    async with browsing(settings) as browser:
        await sign_in(browser, "bob")
        planted = browser.cookies[HOST_COOKIE]
        await sign_in(browser, "alice")
        assert browser.cookies[HOST_COOKIE] != planted
        assert await seen(browser) == FOR_ALL + OF_TEAM
        browser.cookies.clear()
        browser.cookies.set(HOST_COOKIE, planted)
        page = await browser.get("/")
        assert "Signed in as" not in page.text


async def test_a_session_ends_when_it_is_not_used(settings: Settings) -> None:
    clock = ManualClock()
    async with browsing(settings, clock=clock) as browser:
        await sign_in(browser)
        clock.advance((IDLE - timedelta(seconds=1)).total_seconds())
        first = await browser.get("/help")
        assert first.headers["set-cookie"].startswith(f"{HOST_COOKIE}=")
        clock.advance((RENEWED_AFTER - timedelta(seconds=1)).total_seconds())
        assert "set-cookie" not in (await browser.get("/help")).headers
        clock.advance((IDLE - timedelta(seconds=1)).total_seconds() - 300)
        assert await seen(browser) == FOR_ALL + OF_TEAM
        clock.advance(IDLE.total_seconds())
        assert await seen(browser) == FOR_ALL


async def test_a_session_ends_however_much_it_is_used(settings: Settings) -> None:
    clock = ManualClock()
    async with browsing(settings, clock=clock) as browser:
        await sign_in(browser)
        for _ in range(int(LIFETIME / timedelta(hours=1)) - 1):
            clock.advance(3_600)
            assert "Signed in as" in (await browser.get("/help")).text
        clock.advance(3_600)
        assert "Signed in as" not in (await browser.get("/help")).text


async def test_files_that_everybody_may_keep_set_no_cookie(settings: Settings) -> None:
    clock = ManualClock()
    async with browsing(settings, clock=clock) as browser:
        await sign_in(browser)
        clock.advance(3_600)
        page = await browser.get("/help")
        address = page.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        clock.advance(3_600)
        file = await browser.get(address)
        assert "public" in file.headers["cache-control"]
        assert "set-cookie" not in file.headers


async def test_a_new_password_ends_the_sessions_of_the_old_one(
    settings: Settings, users: Path
) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        other = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
        users.write_text(f"alice:{other}\n")
        assert await seen(browser) == FOR_ALL
        await sign_in(browser, password="another")
        assert await seen(browser) == FOR_ALL + OF_TEAM
        users.write_text("")
        assert await seen(browser) == FOR_ALL


async def test_an_authorization_counts_more_than_the_session(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        assert await seen(browser, basic("bob")) == FOR_ALL


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://search.example.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://search.example"},
        {"Referer": "https://search.example/"},
    ],
)
async def test_no_other_site_signs_in_or_out(settings: Settings, headers: dict[str, str]) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        response = await send_form(browser, "/sign-out", headers=headers)
        assert response.status_code == 403
        assert "set-cookie" not in response.headers
        assert await seen(browser) == FOR_ALL + OF_TEAM
        fields = {"username": "bob", "password": "correct horse"}
        response = await send_form(browser, "/sign-in", fields, headers)
        assert response.status_code == 403
        assert "set-cookie" not in response.headers


async def test_a_browser_that_says_only_the_origin_signs_in(settings: Settings) -> None:
    fields = {"username": "alice", "password": "correct horse"}
    async with browsing(settings, site="http://search.example:8080") as browser:
        origin = {"Origin": "http://search.example:8080"}
        assert (await send_form(browser, "/sign-in", fields, origin)).status_code == 303
        page = await browser.get("/help")
        # Otherwise browsers would write "null" into the Origin of the form to sign out.
        assert page.headers["referrer-policy"] == "same-origin"
        assert '<meta name="referrer" content="same-origin">' in page.text
        assert (await send_form(browser, "/sign-out", headers=origin)).status_code == 303


async def test_signing_out_needs_a_form(settings: Settings) -> None:
    async with browsing(settings) as browser:
        await sign_in(browser)
        assert (await browser.get("/sign-out")).status_code == 405
        assert await seen(browser) == FOR_ALL + OF_TEAM


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/%0d%0aSet-Cookie: x=y\r\nX: y",
        " //evil.example",
        "/" + "x" * 5_000,
    ],
)
async def test_no_sign_in_leads_elsewhere(settings: Settings, text: str) -> None:
    async with browsing(settings) as browser:
        response = await sign_in(browser, next=text)
        assert (response.status_code, response.headers["location"]) == (303, "/")
        page = await browser.get("/sign-in", params={"next": text})
        assert "evil.example" not in page.text


async def test_wrong_passwords_are_not_told_from_unknown_users(settings: Settings) -> None:
    async with browsing(settings) as browser:
        texts = set()
        for name in ("alice", "nobody"):
            response = await sign_in(browser, name, "wrong")
            assert response.status_code == 401
            assert "www-authenticate" not in response.headers
            assert "set-cookie" not in response.headers
            texts.add(response.text.replace(name, ""))
        assert len(texts) == 1
        assert "wrong user name or password" in texts.pop()


async def test_many_wrong_passwords_are_answered_429_in_words(settings: Settings) -> None:
    async with browsing(settings) as browser:
        for _ in range(10):
            assert (await sign_in(browser, password="wrong")).status_code == 401
        response = await sign_in(browser)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert "too many wrong passwords for user" in response.text
        assert (await sign_in(browser, "bob")).status_code == 303


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"username=alice&password=x", "text/plain"),
        (b"{}", "application/json"),
        (b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"&".join([b"a=b"] * 20), "application/x-www-form-urlencoded"),
        (b"username=\xff", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_is_answered_400(settings: Settings, body: bytes, kind: str) -> None:
    async with browsing(settings) as browser:
        headers = {**FROM_HERE, "Content-Type": kind}
        response = await browser.post("/sign-in", content=body, headers=headers)
    assert response.status_code == 400


@pytest.mark.parametrize("name", ["", " ", "a" * 301, "a\x00b"])
async def test_names_that_nobody_has_are_wrong(settings: Settings, name: str) -> None:
    async with browsing(settings) as browser:
        assert (await sign_in(browser, name)).status_code == 401


async def test_the_key_is_made_once_and_for_this_account_alone(filled: Path, users: Path) -> None:
    settings = settings_with(filled, access={"htpasswd_file": users})
    make_web(settings)
    path = filled / "session-secret"
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text()
    assert len(first) > 40
    make_web(settings)
    assert path.read_text() == first


async def test_where_nobody_can_sign_in_there_is_no_key(tmp_path: Path) -> None:
    make_web(settings_with(tmp_path))
    assert not (tmp_path / "session-secret").exists()


@pytest.mark.parametrize("text", ["", "short"])
async def test_a_key_that_can_be_guessed_is_refused(
    filled: Path, users: Path, tmp_path: Path, text: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(text)
    access = {"htpasswd_file": users, "session_secret_file": secret}
    with pytest.raises(SettingsError, match="session_secret_file"):
        make_web(settings_with(filled, access=access))


async def test_groups_that_count_for_nothing_take_no_place(settings: Settings) -> None:
    """A cookie has room for 4,096 bytes."""
    async with browsing(settings) as browser:
        cookie = (await sign_in(browser)).headers["set-cookie"]
    assert len(cookie) < 600
