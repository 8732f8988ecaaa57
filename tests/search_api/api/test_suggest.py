"""Suggestions: the last word becomes a name, a field or a value, and the rest stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from search_api.query import FIELDS
from tests.search_api.filling import MAIN, SECOND, searching_client

pytestmark = pytest.mark.anyio
NGINXES = ("nginx", "team/nginx", "team/nginx-ingress")


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def suggested(client: httpx2.AsyncClient, q: str, **parameters: str) -> list[tuple[str, str]]:
    response = await client.get("/api/v1/suggest", params={"q": q, **parameters})
    assert response.status_code == 200, response.text
    return [(one["kind"], one["text"]) for one in response.json()["suggestions"]]


async def test_a_word_becomes_names_of_repositories_first(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/suggest", params={"q": "bis"})
    assert response.json() == {
        "suggestions": [
            {
                "text": "bistro",
                "kind": "repository",
                "reference": "registry.example/bistro:latest",
            }
        ]
    }


async def test_a_name_is_found_by_the_beginning_of_any_of_its_words(
    client: httpx2.AsyncClient,
) -> None:
    names = {text for kind, text in await suggested(client, "ngin")}
    assert names == {"nginx", "team/nginx", "team/nginx-ingress"}


async def test_only_the_last_word_is_completed(client: httpx2.AsyncClient) -> None:
    found = [("repository", "tag:latest (-bistro")]
    assert await suggested(client, "tag:latest (-bistr") == found


async def test_names_leave_room_for_fields(client: httpx2.AsyncClient) -> None:
    found = await suggested(client, "la", limit="3")
    assert ("field", "label:") in found
    assert ("field", "ar") not in await suggested(client, "web ar")
    assert ("field", "web arch:") in await suggested(client, "web ar")


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("arch:", {"arch:amd64", "arch:arm64", "arch:arm"}),
        ("arch:AR", {"arch:arm64", "arch:arm"}),
        ("os:l", {"os:linux"}),
        ("platform:linux/arm6", {"platform:linux/arm64"}),
        ("kind:i", {"kind:image"}),
        ("registry:s", {"registry:second"}),
        ("is:m", {"is:multiarch"}),
        ("has:s", set()),
        ("tag:1.", {"tag:1.25", "tag:1.4"}),
        ("label:te", {"label:team"}),
        ("label:team=p", {"label:team=payments"}),
        ("a OR -label:team=", {"a OR -label:team=payments"}),
        ("size:", set()),
        ("arch:zzz", set()),
        ("", set()),
        ("web ", set()),
    ],
)
async def test_behind_a_field_come_its_values(
    client: httpx2.AsyncClient, q: str, texts: set[str]
) -> None:
    found = await suggested(client, q, type="image")
    assert {kind for kind, _ in found} <= {"value"}
    assert {text for _, text in found} == texts


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("arch:arm64 ngin", set()),
        ("arch:arm64 we", {"arch:arm64 team/web"}),
        ("tag:2 ngin", {"tag:2 team/nginx"}),
        ("registry:second ngin", {"registry:second team/nginx"}),
        ("-team/nginx ngin", {"-team/nginx nginx"}),
        ("arch:arm64 OR ngin", {f"arch:arm64 OR {one}" for one in NGINXES}),
        ("docker pull ngin", {f"docker pull {one}" for one in NGINXES}),
        ("nothing-is-called-so ngin", set()),
        ('"front ngin', set()),
        ("front) ngin", set()),
        ("team/web ver", {"team/web version:"}),
        ("bistro ver", set()),
        ("bistro lab", set()),
        ("evil lab", {"evil label:"}),
        ("bistro bas", {"bistro base:", "bistro baseof:"}),
        ("team/web si", {"team/web size:"}),
        ("nothing-is-called-so si", set()),
        ("nginx arch:", {"nginx arch:amd64"}),
        ("team/web OR (nginx arch:", {"team/web OR (nginx arch:amd64"}),
        ("bistro is:", set()),
        ("shop is:", {"shop is:multiarch"}),
        ("bistro label:", set()),
        ("bistro label:team=", set()),
    ],
)
async def test_the_rest_of_the_query_leaves_out_what_leads_to_nothing(
    client: httpx2.AsyncClient, q: str, texts: set[str]
) -> None:
    assert {text for _, text in await suggested(client, q)} == texts


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("nginx:", {"nginx:latest", "nginx:1.25"}),
        ("nginx:1", {"nginx:1.25"}),
        ("nginx:2", set()),
        ("team/nginx:", {"team/nginx:1.25", "team/nginx:2"}),
        ("TEAM/Nginx:", {"TEAM/Nginx:1.25", "TEAM/Nginx:2"}),
        (f"{MAIN}/team/nginx:", {f"{MAIN}/team/nginx:1.25"}),
        (f"{SECOND}/team/nginx:", {f"{SECOND}/team/nginx:2"}),
        (f"{SECOND}/team/ng", set()),
        ("nginx-ingress:", {"nginx-ingress:latest"}),
        ("docker pull nginx:1", {"docker pull nginx:1.25"}),
        ("front nginx:", {"front nginx:latest", "front nginx:1.25"}),
        ("ours nginx:", set()),
        ("no/such:", set()),
        ("team/nginx tag:", {"team/nginx tag:1.25", "team/nginx tag:2"}),
        (f"{SECOND}/team/nginx tag:", {f"{SECOND}/team/nginx tag:2"}),
        ("name:team/nginx tag:", {"name:team/nginx tag:1.25", "name:team/nginx tag:2"}),
        ("repo:nginx tag:", {"repo:nginx tag:latest", "repo:nginx tag:1.25"}),
        ("name:team/ng tag:l", {"name:team/ng tag:latest"}),
    ],
)
async def test_the_tags_behind_a_name_are_those_of_that_repository(
    client: httpx2.AsyncClient, q: str, texts: set[str]
) -> None:
    """A part of other names, such as ``team/nginx`` of ``team/nginx-ingress``, means no other."""
    found = await suggested(client, q)
    assert {kind for kind, _ in found} <= {"value"}
    assert {text for _, text in found} == texts


async def test_for_images_one_image_matches_the_rest(client: httpx2.AsyncClient) -> None:
    assert await suggested(client, "tag:latest old ngi") == [("repository", "tag:latest old nginx")]
    assert await suggested(client, "tag:latest old ngi", type="image") == []
    response = await client.get(
        "/api/v1/suggest", params={"q": "proxy -tag:latest ngi", "type": "image"}
    )
    assert response.json()["suggestions"] == [
        {
            "text": "proxy -tag:latest nginx",
            "kind": "repository",
            "reference": f"{MAIN}/nginx:1.25",
        }
    ]


@pytest.mark.parametrize("kind", ["repository", "image"])
@pytest.mark.parametrize(
    "rest",
    [
        "",
        "team/web ",
        "arch:arm64 ",
        "-nginx ",
        "x OR ",
        "(tag:latest ",
        "front ",
        "shop is:multiarch ",
    ],
)
async def test_whatever_is_suggested_leads_to_results(
    client: httpx2.AsyncClient, rest: str, kind: str
) -> None:
    values = [f"{field}:" for field in FIELDS] + ["nginx:", "team/nginx:", "label:team="]
    for last in [*"abdefiklnoprstvw", *values]:
        for suggestion_kind, text in await suggested(client, rest + last, type=kind):
            if text.endswith(("base:", "baseof:", "layer:", "has:", "is:")):
                continue
            whole = text + ("*" if suggestion_kind == "field" else "") + ")" * rest.count("(")
            response = await client.get("/api/v1/search", params={"q": whole, "type": kind})
            assert response.status_code == 200, (text, response.text)
            assert response.json()["total"], whole


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=21", "limit must be a number from 1 to 20, not '21'"),
        ("cursor=", "unknown parameter 'cursor'"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx2.AsyncClient, query: str, message: str
) -> None:
    response = await client.get(f"/api/v1/suggest?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith(message)
