"""A service beside a registry that says who may read what: what each caller is shown."""

import base64
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from indexer.model.names import RepositoryName
from indexer.settings import RegistrySettings
from indexer.store import Store
from search_api.web import make_web
from tests.fakes.clock import START, ManualClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import Gate, TokenService
from tests.search_api.access.proof.answers import read_stream
from tests.search_api.access.servers import gate_with_basic, gate_with_tokens
from tests.search_api.filling import MAIN, settings_for
from tests.search_api.sample_content import CONTENT, MAIN_NAMES, WEB

pytestmark = pytest.mark.anyio

HIDDEN = "team/web"
OF_ALICE = set(MAIN_NAMES) - {HIDDEN}
PASSWORDS = {"alice": "secret", "bob": "word"}
RIGHTS = {"alice": OF_ALICE, "bob": {HIDDEN, "nginx"}, "": {"nginx"}}
AWAY = "a registry does not answer, so it is not known what you may see there"


def as_user(name: str) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{PASSWORDS.get(name, 'wrong')}".encode()).decode()
    return {"Authorization": f"Basic {pair}"} if name else {}


@pytest.fixture
def stack() -> Any:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def registry() -> FakeRegistry:
    made = FakeRegistry()
    for one in CONTENT:
        if one.registry == "main":
            made.put(one.repository, one.built, tag=one.tag)
    return made


@asynccontextmanager
async def searching(
    directory: Path,
    gate: Gate,
    stack: ExitStack,
    *,
    clock: ManualClock | None = None,
    challenge: bool = False,
    **settings: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of a service whose only registry is behind a gate."""
    url = stack.enter_context(serving(gate))
    asked = RegistrySettings(
        name="main", url=url, registry_host=MAIN, access="registry", **settings
    )
    made = settings_for(directory)
    access = made.access.model_copy(update={"challenge": challenge})
    made = made.model_copy(update={"registry": (asked,), "access": access})
    app = make_web(made, clock=clock or ManualClock())
    # Not from this machine: whoever is there sees more.
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=f"http://{MAIN}") as client,
    ):
        yield client


async def names(client: httpx2.AsyncClient, user: str, query: str = "") -> set[str]:
    answer = await search(client, user, query)
    return {one["repository"] for one in answer["results"]}


async def search(
    client: httpx2.AsyncClient, user: str, query: str = "", **more: str
) -> dict[str, Any]:
    response = await client.get(
        "/api/v1/search", params={"q": query, "limit": "100", **more}, headers=as_user(user)
    )
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("user", ["alice", "bob", ""])
async def test_each_caller_is_shown_what_their_tokens_allow(
    filled: Path, registry: FakeRegistry, stack: ExitStack, user: str
) -> None:
    tokens = TokenService(PASSWORDS, RIGHTS, names_refused=True)
    gate = gate_with_tokens(stack, registry, tokens)
    async with searching(filled, gate, stack) as client:
        answer = await search(client, user)
        assert {one["repository"] for one in answer["results"]} == RIGHTS[user]
        assert answer["total"] == len(RIGHTS[user])
        assert answer["total_is_exact"]
        assert answer["access"] == {"limited": True, "problem": None}
        listed = (await client.get("/v2/_catalog", headers=as_user(user))).json()
        assert set(listed["repositories"]) == RIGHTS[user]
        rows = (await client.get("/v1/search?q=", headers=as_user(user))).json()
        assert {row["name"] for row in rows["results"]} == RIGHTS[user]


@pytest.mark.parametrize("user", ["alice", "bob", ""])
@pytest.mark.parametrize("how", ["opaque", "lax", "basic", "open"])
async def test_each_caller_is_shown_what_a_pull_may_read(
    filled: Path, registry: FakeRegistry, stack: ExitStack, user: str, how: str
) -> None:
    if how in {"opaque", "lax"}:
        tokens = TokenService(
            PASSWORDS,
            RIGHTS,
            is_opaque=how == "opaque",
            is_lax=how == "lax",
        )
        gate = gate_with_tokens(stack, registry, tokens)
    else:
        gate = gate_with_basic(registry, PASSWORDS, RIGHTS, open_door=how == "open", status=401)
    # A registry that wants a password at `/v2/` shows nothing to who sends none.
    expected = RIGHTS[user] if user or how != "basic" else set()
    async with searching(filled, gate, stack) as client:
        answer = await search(client, user, facets="namespace")
        assert {one["repository"] for one in answer["results"]} == expected
        assert answer["total"] == len(expected)
        counted = sum(one["count"] for one in answer["facets"]["namespace"]["values"])
        assert counted <= len(expected)
        assert answer["total_is_exact"] is (how == "basic" and not user)
        assert await names(client, user) == expected


async def test_what_is_hidden_is_as_what_does_not_exist(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        for path in (
            "/api/v1/repositories/main/{}",
            "/api/v1/repositories/main/{}/tags",
            "/api/v1/repositories/main/{}/tags/1.0",
        ):
            hidden, unknown = [
                await client.get(path.format(name), headers=as_user("alice"))
                for name in (HIDDEN, "team/wob")
            ]
            assert hidden.status_code == unknown.status_code == 404
            mine, theirs = hidden.json(), unknown.json()
            assert mine.pop("request_id") != theirs.pop("request_id")
            assert str(mine).replace(HIDDEN, "team/wob") == str(theirs)
            shown = await client.get(path.format(HIDDEN), headers=as_user("bob"))
            assert shown.status_code in {200, 404}
        assert (await client.get(f"/api/v1/images/{WEB.digest}", headers=as_user("bob"))).is_success
        assert (
            await client.get(f"/api/v1/images/{WEB.digest}", headers=as_user("alice"))
        ).status_code == 404


@pytest.mark.parametrize(
    "address", [f"/api/v1/repositories/main/{HIDDEN}", f"/api/v1/images/{WEB.digest}"]
)
async def test_a_repository_that_is_asked_for_by_name_or_digest_needs_no_search_before(
    filled: Path, registry: FakeRegistry, stack: ExitStack, address: str
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        assert (await client.get(address, headers=as_user("bob"))).status_code == 200
        assert (await client.get(address, headers=as_user("alice"))).status_code == 404


async def test_a_page_is_filled_although_most_is_refused(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    """The names before `nginx` are refused, and so are those between it and the hidden one."""
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        first = await search(client, "bob", sort="name", limit="1")
        assert [one["repository"] for one in first["results"]] == ["nginx"]
        second = await search(client, "bob", sort="name", limit="100", type="image")
        assert {one["repository"] for one in second["results"]} == RIGHTS["bob"]
        first = await search(client, "bob", sort="name", limit="1")
        assert first["total"] == 2
        following = await search(client, "bob", sort="name", limit="1", cursor=first["next"])
        assert [one["repository"] for one in following["results"]] == [HIDDEN]
        asked = [line for line, _ in gate.seen if line.startswith("HEAD")]
        assert len(set(asked)) == len(MAIN_NAMES)


async def test_rights_that_change_are_seen_after_their_lifetime_and_none_if_it_is_away(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    rights: Mapping[str, set[str]] = {"alice": {"nginx"}}
    tokens = TokenService(PASSWORDS, dict(rights))
    gate = gate_with_tokens(stack, registry, tokens)
    clock = ManualClock()
    async with searching(filled, gate, stack, clock=clock, rights_lifetime="1m") as client:
        assert await names(client, "alice") == {"nginx"}
        tokens.rights["alice"] = {HIDDEN}
        assert await names(client, "alice") == {"nginx"}
        clock.advance(60)
        assert await names(client, "alice") == {HIDDEN}
        gate.is_away = True
        clock.advance(59)
        assert await names(client, "alice") == {HIDDEN}
        clock.advance(1)
        answer = await search(client, "alice")
        assert (answer["results"], answer["total_is_exact"]) == ([], False)
        assert answer["access"] == {"limited": True, "problem": AWAY}
        rows = await client.get("/v1/search?q=web", headers=as_user("alice"))
        assert rows.json()["results"] == []
        assert AWAY in rows.headers["warning"]
        assert MAIN not in rows.headers["warning"]
        gate.is_away = False
        clock.advance(60)
        assert await names(client, "alice") == {HIDDEN}


async def test_wrong_credentials_are_told_so(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        for path in ("/api/v1/search", "/v1/search?q=web", "/v2/_catalog"):
            assert (await client.get(path, headers=as_user("eve"))).status_code == 401


PODMAN = {"Docker-Distribution-API-Version": "registry/2.0"}


async def test_podman_is_asked_for_credentials_and_shown_its_catalog(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    tokens = TokenService(PASSWORDS, RIGHTS, names_refused=True)
    gate = gate_with_tokens(stack, registry, tokens)
    async with searching(filled, gate, stack, challenge=True) as client:
        asked = await client.get("/v2/", headers=PODMAN)
        assert asked.status_code == 401
        assert asked.headers["www-authenticate"].startswith('Basic realm="regsearch"')
        assert (await client.get("/v2/", headers=as_user("alice"))).status_code == 200
        assert (await client.get("/v2/", headers=as_user("eve"))).status_code == 401
        assert (await client.get("/v1/search?q=web", headers=PODMAN)).status_code == 404
        catalog = await client.get("/v2/_catalog?n=2", headers=PODMAN | as_user("alice"))
        found = catalog.json()["repositories"]
        while following := catalog.links.get("next"):
            catalog = await client.get(following["url"], headers=as_user("alice"))
            found += catalog.json()["repositories"]
        assert sorted(found) == sorted(OF_ALICE)
        # Docker sends its credentials unasked, and others may search anonymously.
        assert (await client.get("/v1/search?q=nginx")).json()["num_results"] == 1
        rows = await client.get("/v1/search?q=", headers=as_user("bob"))
        assert {row["name"] for row in rows.json()["results"]} == RIGHTS["bob"]


async def test_without_the_setting_podman_searches_as_anybody(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    tokens = TokenService(PASSWORDS, RIGHTS, names_refused=True)
    gate = gate_with_tokens(stack, registry, tokens)
    async with searching(filled, gate, stack) as client:
        assert (await client.get("/v2/", headers=PODMAN)).status_code == 200
        rows = await client.get("/v1/search?q=", headers=PODMAN)
        assert {row["name"] for row in rows.json()["results"]} == RIGHTS[""]


async def suggested(client: httpx2.AsyncClient, user: str, q: str, kind: str) -> list[str]:
    answer = await client.get(
        "/api/v1/suggest", params={"q": q, "type": kind}, headers=as_user(user)
    )
    return [one["text"] for one in answer.json()["suggestions"]]


@pytest.mark.parametrize("kind", ["repository", "image"])
async def test_suggestions_are_asked_for_before_they_are_shown(
    filled: Path, registry: FakeRegistry, stack: ExitStack, kind: str
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        assert HIDDEN in await suggested(client, "bob", "team/w", kind)
        assert HIDDEN not in await suggested(client, "alice", "team/w", kind)
        asked = {line for line, _ in gate.seen if line.startswith("HEAD")}
        assert asked, "the registry decides"
        assert len(asked) < len(MAIN_NAMES), "and only of what would be suggested"


async def test_values_are_suggested_of_what_the_registry_lets_read(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        assert await suggested(client, "bob", "namespace:", "repository") == ["namespace:team"]


async def test_the_first_page_shows_the_newest_that_the_registry_lets_read(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        page = await client.get("/", headers=as_user("bob") | {"Accept": "text/html"})
        assert shown_in(page.text) == RIGHTS["bob"]


def shown_in(page: str) -> set[str]:
    return {name for name in MAIN_NAMES if f'"/r/main/{name}"' in page}


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_lists_are_asked_for_before_they_are_shown(
    filled: Path, registry: FakeRegistry, stack: ExitStack, order: str
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        changes = await client.get(f"/api/v1/changes?order={order}", headers=as_user("bob"))
        assert {one["repository"] for one in changes.json()["changes"]} == RIGHTS["bob"]
    async with searching(filled, gate, stack) as client:
        listed = await client.get("/api/v1/repositories/main", headers=as_user("bob"))
        assert {one["repository"] for one in listed.json()["repositories"]} == RIGHTS["bob"]
    async with searching(filled, gate, stack) as client:
        page = await client.get("/changes", headers=as_user("bob") | {"Accept": "text/html"})
        assert shown_in(page.text) == RIGHTS["bob"]
        # The cursor of a change that is seen leads on.
        [first, *_] = (await client.get("/api/v1/changes", headers=as_user("bob"))).json()[
            "changes"
        ]
        after = await client.get(
            "/api/v1/changes", params={"cursor": first["cursor"]}, headers=as_user("bob")
        )
        assert after.status_code == 200


async def test_a_stream_asks_for_what_it_shows(
    filled: Path, registry: FakeRegistry, stack: ExitStack
) -> None:
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(filled, gate, stack) as client:
        expected = (await client.get("/api/v1/changes", headers=as_user("bob"))).json()["changes"]
    async with searching(filled, gate, stack) as client:
        app = client._transport.app  # type: ignore[attr-defined]
        text = await read_stream(
            app, "/api/v1/changes/stream", as_user("bob") | {"Host": MAIN}, events=len(expected)
        )
        lines = [line for line in text.splitlines() if line.startswith("data: ")]
        assert {json.loads(line[6:])["repository"] for line in lines} == RIGHTS["bob"]


async def test_what_has_no_tag_is_not_asked_for(
    filled: Path, registry: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    """A registry answers 404 for a tag that is gone, as for a repository that may not be read."""
    own = shutil.copytree(filled, tmp_path / "own")
    with closing(Store(own)) as store, store.transaction():
        main = store.registries.registry_id("main")
        assert main is not None
        row = store.repositories.find(main, RepositoryName("nginx"))
        assert row is not None
        for tag in store.content.tags(row):
            store.content.hide_tag(row, tag, seen_at=START)
    gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    async with searching(own, gate, stack) as client:
        changes = await client.get("/api/v1/changes", headers=as_user("bob"))
        assert {one["repository"] for one in changes.json()["changes"]} == {HIDDEN}
        assert not any(line.startswith("HEAD /v2/nginx/") for line, _ in gate.seen)
