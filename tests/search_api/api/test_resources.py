"""Resources over HTTP: addresses with slashes in names, pages, ETags, missing resources."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx2
import pytest

from tests.search_api.filling import searching_client
from tests.search_api.sample_content import MAIN_NAMES, OLD_NGINX, WEB

pytestmark = pytest.mark.anyio

API = "/api/v1"
EXISTING = [
    "/registries",
    "/registries/main",
    "/repositories/main",
    "/repositories/main/a/b/c",
    "/tags/main/a/b/c",
    "/tags/main/team/web:1.4",
    f"/images/{WEB.digest}",
    f"/images/{WEB.digest}?registry=main&repository=team/web",
    f"/images/{WEB.digest}/attachments",
    f"/images/{WEB.digest}/bases",
    f"/images/{WEB.digest}/derived",
    f"/images/{WEB.digest}/places",
    "/compare?a=team/web:1.4&b=nginx&platform=linux/arm64",
    "/show?reference=team/web:1.4",
    "/show?reference=registry.example/team/web",
    f"/show?reference={WEB.digest}",
]
DIGEST = "sha256:" + "0" * 64
ABSENT = [
    "/registries/third",
    "/repositories/third",
    "/repositories/main/nothing",
    "/repositories/main/only/second",
    "/repositories/main/team/web/",
    "/tags/main/nothing",
    "/tags/main/team/web:zzz",
    f"/images/{DIGEST}",
    f"/images/{WEB.digest}?registry=second",
    f"/images/{WEB.digest}?repository=nginx",
    f"/images/{DIGEST}/attachments",
    f"/images/{DIGEST}/bases",
    f"/images/{DIGEST}/derived",
    f"/images/{DIGEST}/places",
    f"/layers/{DIGEST}",
    f"/compare?a=team/web:1.4&b={DIGEST}",
    "/compare?a=team/nothing&b=team/web:1.4",
    "/show?reference=team/nothing",
    "/show?reference=team/web:zzz",
    f"/show?reference={DIGEST}",
]


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def told(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(API + path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def walked(client: httpx2.AsyncClient, path: str, name: str) -> list[dict[str, Any]]:
    """Return all items of a list, page by page by the links."""
    items, url = [], API + path
    while url:
        response = await client.get(url)
        assert response.status_code == 200, response.text
        body = response.json()
        items += body[name]
        link = response.headers.get("link", "")
        assert bool(link) == bool(body["next"])
        url = urljoin(url, link[1 : link.index(">")]) if link else ""
    return items


async def test_registries_say_how_much_is_in_them(client: httpx2.AsyncClient) -> None:
    body = await told(client, "/registries")
    assert body["next"] is None
    assert [one["registry"] for one in body["registries"]] == ["main", "second"]
    assert body["registries"][0] == await told(client, "/registries/main")
    assert body["registries"][0]["repository_count"] == len(MAIN_NAMES)


@pytest.mark.parametrize("limit", [1, 3, 1_000])
async def test_repositories_are_listed_by_name_page_by_page(
    client: httpx2.AsyncClient, limit: int
) -> None:
    found = await walked(client, f"/repositories/main?limit={limit}", "repositories")
    assert [one["repository"] for one in found] == MAIN_NAMES
    for one in found:
        alone = await told(client, f"/repositories/main/{one['repository']}")
        assert alone == {**one, "untagged_count": 0}


async def test_repositories_tell_what_results_say_of_them(client: httpx2.AsyncClient) -> None:
    found = (await client.get(f"{API}/search?limit=1000")).json()["results"]
    for result in found:
        alone = await told(client, f"/repositories/{result['registry']}/{result['repository']}")
        for key in alone.keys() & result.keys():
            assert alone[key] == result[key], key
        newest = alone["newest_image"]
        image = await told(
            client,
            f"/images/{newest['digest']}"
            f"?registry={result['registry']}&repository={result['repository']}",
        )
        assert newest["tags"] == image["tags"][:10]
        for key in ("source", "url", "documentation", "deprecated", "kind"):
            assert alone[key] == image[key], key


@pytest.mark.parametrize("sort", ["name", "newest", "version", "size"])
@pytest.mark.parametrize("limit", [1, 10])
async def test_tags_are_listed_and_each_tells_its_history(
    client: httpx2.AsyncClient, sort: str, limit: int
) -> None:
    found = await walked(client, f"/tags/main/team/web?limit={limit}&sort={sort}", "tags")
    assert sorted(one["tag"] for one in found) == ["1.4", "latest"]
    for one in found:
        tag = await told(client, f"/tags/main/team/web:{one['tag']}")
        assert one.items() <= tag.items()
        assert tag["digest"] == WEB.digest


async def test_tags_tell_what_results_say_of_their_images(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"{API}/search", params={"type": "image", "limit": "1000"})
    for result in response.json()["results"]:
        place = f"{result['registry']}/{result['repository']}"
        tags = await walked(client, f"/tags/{place}?expand=history,image&limit=2", "tags")
        shown = {one["tag"]: one["image"] for one in tags}
        for tag in result["tags"]:
            wanted = {key: result[key] for key in shown[tag]}
            assert shown[tag] == {**wanted, "version": result["version"] or None}
        assert all(one["history"] for one in tags)


async def test_an_image_tells_everything(client: httpx2.AsyncClient) -> None:
    image = await told(client, f"/images/{WEB.digest}")
    assert (image["registry"], image["repository"]) == ("main", "team/web")
    assert [one["platform"] for one in image["platforms"]] == [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
    ]
    assert image["layers"]


async def test_a_layer_tells_what_holds_it(client: httpx2.AsyncClient) -> None:
    image = await told(client, f"/images/{OLD_NGINX.digest}")
    digest = next(one["digest"] for one in image["layers"] if one["digest"])
    layer = await told(client, f"/layers/{digest}")
    assert layer["digest"] == digest
    assert "nginx" in {one["repository"] for one in layer["images"]}


async def test_two_images_are_compared(client: httpx2.AsyncClient) -> None:
    found = await told(client, f"/compare?a=team/web:1.4&b={OLD_NGINX.digest}")
    for side, built in (("a", WEB), ("b", OLD_NGINX)):
        assert found[side]["digest"] == built.digest
        image = await told(client, f"/images/{found[side]['compared_digest']}")
        assert [one["digest"] for one in found["layers"][side]] == [
            one["digest"] for one in image["layers"] if one["digest"]
        ]
        for group, key in (("labels", "key"), ("env", "name")):
            pairs = image["labels"] if group == "labels" else image["config"]["env"]
            own = {one[key]: one["value"] for one in pairs}
            for difference in found[group]:
                assert difference[side] == own.get(difference["key"])


async def test_a_reference_is_shown_as_what_it_names(client: httpx2.AsyncClient) -> None:
    tagged = await told(client, "/show?reference=registry.example/team/web:1.4")
    assert tagged["image"] == await told(
        client, f"/images/{WEB.digest}?registry=main&repository=team/web"
    )
    assert tagged["tag"] == await told(client, "/tags/main/team/web:1.4")
    whole = await told(client, "/show?reference=team/web")
    assert whole["repository"] == await told(client, "/repositories/main/team/web")
    assert [one["tag"] for one in whole["tags"]] == ["latest", "1.4"]
    assert whole["tags"][0]["image"]["kind"] == "image"
    layer = next(one["digest"] for one in tagged["image"]["layers"] if one["digest"])
    assert (await told(client, f"/show?reference={layer}"))["layer"]["digest"] == layer


async def test_a_result_links_to_its_resource(client: httpx2.AsyncClient) -> None:
    for kind in ("repository", "image"):
        response = await client.get(f"{API}/search", params={"type": kind, "limit": "1000"})
        for result in response.json()["results"]:
            found = (await client.get(result["links"]["self"])).json()
            assert found["registry"] == result["registry"]
            assert found["repository"] == result["repository"]
            assert found.get("digest") == result.get("digest")


@pytest.mark.parametrize("path", EXISTING)
async def test_who_has_an_answer_already_is_told_so(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(API + path)
    assert response.status_code == 200, response.text
    etag = response.headers["etag"]
    assert etag.startswith('W/"')
    assert response.headers["cache-control"] == "no-cache"
    for known in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        again = await client.get(API + path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    other = await client.get(API + path, headers={"If-None-Match": 'W/"x"'})
    assert other.json() == response.json()


@pytest.mark.parametrize("path", EXISTING)
async def test_head_has_the_etag_of_get(client: httpx2.AsyncClient, path: str) -> None:
    got, head = await client.get(API + path), await client.head(API + path)
    assert (head.status_code, head.headers["etag"]) == (200, got.headers["etag"])


@pytest.mark.parametrize("path", ABSENT)
async def test_what_is_not_there_is_not_found_and_named(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(API + path)
    assert response.status_code == 404, response.text
    (error,) = response.json()["errors"]
    assert error["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/compare?b=nginx", "parameter 'a' is missing"),
        ("/show?reference=@", "not a reference: '@'"),
        ("/show?reference=team/nginx", "'team/nginx' is in several registries"),
        ("/compare?a=nginx&b=", "b: not a reference: ''"),
        ("/images/sha256:0", "not a digest: 'sha256:0'"),
        ("/layers/x", "not a digest: 'x'"),
        ("/repositories/main?cursor=x", "not a cursor: 'x'"),
        ("/repositories/main?limit=0", "limit must be a number from 1 to 1000, not '0'"),
        (
            "/tags/main/nginx?sort=age",
            "sort must be 'name', 'newest', 'version' or 'size', not 'age'",
        ),
        ("/registries?q=x", "unknown parameter 'q'; there are none here"),
        (f"/images/{WEB.digest}?limit=1", "unknown parameter 'limit'; known are platform, reg"),
    ],
)
async def test_a_wrong_parameter_is_named_with_its_value(
    client: httpx2.AsyncClient, path: str, message: str
) -> None:
    response = await client.get(API + path)
    assert response.status_code == 400, response.text
    (error,) = response.json()["errors"]
    assert error["code"] == "PARAMETER_INVALID"
    assert error["message"].startswith(message)


async def test_a_cursor_of_another_list_is_refused(client: httpx2.AsyncClient) -> None:
    cursor = (await told(client, "/repositories/main?limit=1"))["next"]
    response = await client.get(f"{API}/tags/main/nginx?cursor={cursor}")
    assert response.status_code == 400
    message = response.json()["errors"][0]["message"]
    assert message == "cursor is of 'repositories', not of 'tags name'"


@pytest.mark.parametrize("name", ["../../etc", "\x00", "é", "a" * 5_000, "a:b:c", "%2f", "<b>"])
async def test_hostile_names_are_not_found(client: httpx2.AsyncClient, name: str) -> None:
    for path in ("repositories", "tags"):
        response = await client.get(f"{API}/{path}/main/{quote(name, safe='')}")
        assert response.status_code in {400, 404}
        assert len(response.text) < 1_000


async def test_before_the_first_start_of_an_indexer_resources_are_unavailable(
    tmp_path: Path,
) -> None:
    async with searching_client(tmp_path) as client:
        response = await client.get(f"{API}/registries")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
