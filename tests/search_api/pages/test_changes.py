"""The page of changes: newest first, each in words, nothing leads to what is gone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.store import Store, TagMove
from search_api.pages.changes import CHANGES_SHOWN
from tests.builders import BuiltManifest, image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, put, searching_client
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.html import Element, read_html
from tests.search_api.pages.statements import count_statements

pytestmark = pytest.mark.anyio

OLD, NEW, OTHER = image(seed="old"), image(seed="new"), image(seed="other")
HOSTILE = "<script>alert(1)</script> \u202egnp.exe"
STATEMENTS_MAX = 8


class Scene:
    """Pushes and removes tags in a store, and tells what a page says of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.store = Store(directory)

    def push(
        self,
        built: BuiltManifest,
        *,
        tag: str = "1.1",
        repository: str = "team/web",
        registry: str = "main",
        by: str | None = None,
        late_seconds: float = 0,
    ) -> None:
        """Push a tag; a minute passes. ``by``: an event told who did, maybe late."""
        self.clock.advance(60)
        put(self.store, [Pushed(repository, built, tag, registry)], clock=self.clock)
        if by is not None:
            at = self.clock.now() - timedelta(seconds=late_seconds)
            move = TagMove(TagName(tag), parse_digest(built.digest), at, by)
            with self.store.transaction():
                self.store.content.add_tag_moves(self.repository_id(repository, registry), [move])

    def remove(self, *, tag: str = "1.1", repository: str = "team/web") -> None:
        """Remove a tag; a minute passes."""
        self.clock.advance(60)
        with self.store.transaction():
            self.store.content.hide_tag(
                self.repository_id(repository, "main"), TagName(tag), seen_at=self.clock.now()
            )

    def repository_id(self, repository: str, registry: str) -> int:
        """Return the number of a repository."""
        number = self.store.registries.registry_id(registry)
        assert number is not None
        return self.store.repositories.put(
            number, RepositoryName(repository), seen_at=self.clock.now()
        )

    def forget(self) -> None:
        """Forget all changes, as they are after a long time."""
        with self.store.transaction():
            self.store.changes.forget(before=self.clock.now() + timedelta(days=1), limit=10_000)

    async def get(self, address: str, *, status: int = 200) -> tuple[Element, httpx2.Response]:
        """Ask for a page as a browser does."""
        async with searching_client(self.directory, clock=self.clock) as client:
            response = await client.get(address, headers=HTML)
        assert response.status_code == status, response.text[:500]
        return read_html(response.text), response

    async def rows(self, address: str = "/changes") -> list[str]:
        """Return what each change says."""
        page, _ = await self.get(address)
        return [one.text for one in rows(page)]


def rows(page: Element) -> list[Element]:
    """Return the rows of a page, without the lists inside of them."""
    [listed] = page.all("ol", class_="changes") or [Element("ol")]
    return [one for one in listed.children if isinstance(one, Element)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    with closing(made.store):
        yield made


async def test_changes_come_newest_first_and_in_words(scene: Scene) -> None:
    scene.push(OLD, by="ci-bot")
    scene.push(OLD, tag="1.0")
    scene.push(NEW, by="ci-bot")
    scene.remove(tag="1.0")
    scene.push(OTHER, repository="team/api", by="")
    old, new = (f"{built.digest[:15]}…{built.digest[-3:]}" for built in (OLD, NEW))
    other = f"{OTHER.digest[:15]}…{OTHER.digest[-3:]}"
    assert await scene.rows() == [
        f"0 s ago new team/api:1.1 {other} pushed history",
        f"1 min ago removed team/web:1.0 was {old} history",
        f"2 min ago moved team/web:1.1 {old} → {new} pushed by ci-bot history",
        f"3 min ago new team/web:1.0 {old} found by a crawl history",
        f"4 min ago new team/web:1.1 {old} pushed by ci-bot history",
    ]


async def test_the_last_tag_takes_its_repository_along(scene: Scene) -> None:
    scene.push(OLD)
    scene.remove()
    told = await scene.rows()
    assert told[0] == "0 s ago removed team/web its last tag is gone history"
    assert told[1].startswith("0 s ago removed team/web:1.1 was sha256:")


async def test_a_push_that_was_seen_late_tells_when_it_was(scene: Scene) -> None:
    scene.push(OLD, by="ci-bot", late_seconds=7_200)
    scene.push(NEW, tag="2", by="ci-bot", late_seconds=1)
    first, second = await scene.rows()
    assert "pushed by ci-bot history" in first
    assert "pushed by ci-bot 2 h ago history" in second


async def test_nothing_leads_to_what_is_gone(scene: Scene) -> None:
    scene.push(OLD)
    scene.push(NEW)
    scene.push(OTHER, tag="2")
    scene.remove(tag="2")
    scene.push(OLD, repository="gone")
    scene.remove(repository="gone")
    page, _ = await scene.get("/changes")
    links = {one["href"] for one in page.one("ol", class_="changes").all("a")}
    assert {one for one in links if not one.startswith("/changes?")} == {
        "/r/main/team/web",
        "/r/main/team/web:1.1",
        f"/i/{NEW.digest}?registry=main&repository=team/web",
    }


async def test_pages_follow_each_other_to_the_oldest(scene: Scene) -> None:
    for number in range(CHANGES_SHOWN + 3):
        scene.push(OLD, tag=f"t{number}")
    first, _ = await scene.get("/changes")
    assert len(rows(first)) == CHANGES_SHOWN
    second, _ = await scene.get(first.one("a", rel="next")["href"])
    assert [row.one(class_="place").text for row in rows(second)] == [
        f"new team/web:t{number}" for number in (2, 1, 0)
    ]
    assert not second.all("a", rel="next")
    assert "Older changes are not kept." in second.text
    assert second.one("nav", aria_label="Pages of changes").one("a")["href"] == "/changes"


async def test_changes_of_one_place_are_asked_for(scene: Scene) -> None:
    scene.push(OLD)
    scene.push(OLD, repository="team/api")
    scene.push(OLD, repository="team/api", registry="second")
    assert len(await scene.rows("/changes?repository=team/api")) == 2
    assert len(await scene.rows("/changes?registry=main")) == 2
    page, _ = await scene.get("/changes?registry=main&repository=team/api")
    assert len(rows(page)) == 1
    assert "history" not in rows(page)[0].text
    assert page.one("h1").text == "Changes of team/api"
    assert [one["href"] for one in page.one("ul", class_="chips").all("a")] == [
        "/changes?repository=team/api",
        "/changes?registry=main",
    ]
    chosen = page.one("select").one("option", selected="")
    assert chosen["value"] == "main"
    assert page.one("input", id="of-repository")["value"] == "team/api"


async def test_the_script_finds_where_to_go_on(scene: Scene) -> None:
    scene.push(OLD)
    page, _ = await scene.get("/changes?registry=main&repository=team/web")
    listed = page.one(id="changes")
    assert (listed["data-live-registry"], listed["data-live-repository"]) == ("main", "team/web")
    async with searching_client(scene.directory, clock=scene.clock) as client:
        told = (await client.get("/api/v1/changes", params={"cursor": "now"})).json()
    assert listed["data-live-cursor"] == told["next"]
    assert "hidden" in page.one("p", id="news").attributes
    # What is new does not belong on later pages.
    for number in range(CHANGES_SHOWN):
        scene.push(OLD, tag=f"t{number}")
    first, _ = await scene.get("/changes")
    second, _ = await scene.get(first.one("a", rel="next")["href"])
    assert "data-live-cursor" not in second.one(id="changes").attributes


async def test_a_cursor_that_is_not_kept_leads_to_the_beginning(scene: Scene) -> None:
    for number in range(CHANGES_SHOWN + 1):
        scene.push(OLD, tag=f"t{number}")
    address = "/changes?registry=main"
    first, _ = await scene.get(address)
    older = first.one("a", rel="next")["href"]
    scene.forget()
    scene.push(NEW)
    for bad in (older, "/changes?registry=main&cursor=nonsense"):
        _, response = await scene.get(bad, status=303)
        assert response.headers["location"] == "/changes?registry=main&changed=1"
    page, _ = await scene.get("/changes?registry=main&changed=1")
    assert "The list has changed; here is its beginning." in page.text
    assert len(rows(page)) == 1


async def test_where_nothing_changed_it_says_so(scene: Scene) -> None:
    scene.push(OLD)
    page, _ = await scene.get("/changes?repository=no/such")
    assert "No change of no/such is kept." in page.text
    assert "/search?q=no/such" in {one["href"] for one in page.one("main").all("a")}
    page, _ = await scene.get("/changes?registry=third", status=404)
    assert "third" in page.one("main").text


async def test_without_a_store_it_is_a_mistake_page(tmp_path: Path) -> None:
    async with searching_client(tmp_path) as client:
        response = await client.get("/changes", headers=HTML)
    assert response.status_code == 503
    assert "no indexer has made a store yet" in read_html(response.text).one("main").text


async def test_hostile_texts_are_text(scene: Scene) -> None:
    scene.push(OLD, by=HOSTILE)
    page, response = await scene.get(f"/changes?repository={quote(HOSTILE)}")
    assert "<script>alert" not in response.text
    assert "No change of <script>alert(1)</script>" in page.text
    page, response = await scene.get("/changes")
    assert "<script>alert" not in response.text
    [by] = [one for one in page.one("ol", class_="changes").all("bdi") if one.text]
    assert by.text == HOSTILE


async def test_times_have_datetime_and_the_twin_is_the_same_list(scene: Scene) -> None:
    scene.push(OLD)
    scene.push(NEW)
    page, _ = await scene.get("/changes?repository=team/web")
    assert [one["datetime"] for one in page.one("ol", class_="changes").all("time")] == [
        "2026-03-01T12:02:00Z",
        "2026-03-01T12:01:00Z",
    ]
    twin = page.one("link", rel="alternate", type="application/json")["href"]
    async with searching_client(scene.directory, clock=scene.clock) as client:
        told = (await client.get(twin)).json()["changes"]
    assert [one["digest"] for one in told] == [NEW.digest, OLD.digest]


@pytest.mark.parametrize("changes", [2, CHANGES_SHOWN])
async def test_it_asks_the_store_no_more_for_many_changes(
    scene: Scene, figure: Callable[[str], None], changes: int
) -> None:
    for number in range(changes):
        scene.push(OLD, tag=f"t{number}", repository=f"r{number}")
    statements, response = await count_statements(scene.directory, "/changes")
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
    figure(f"/changes with {changes} changes: {statements} statements to the store")
