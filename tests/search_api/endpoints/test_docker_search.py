"""``docker search`` and ``podman search``: every corner that their protocol has.

Long, because all that belongs to one module is tested in one place.
"""

import random
import unicodedata
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx2
import pytest

from indexer.engines.ranking import EXPANDED_TERMS_MAX
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model.document import ASKED_FOR, LIMIT_MAX, DocumentType
from indexer.store import Store
from search_api.endpoints.docker_search import DESCRIPTION_MAX
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.web import make_web
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.indexer.engines.conformance.generator import document
from tests.search_api.filling import (
    MAIN,
    SECOND,
    Pushed,
    bring_up_to_date,
    fill,
    finish_crawl,
    searching_client,
    settings_for,
)
from tests.search_api.query.asking import random_text
from tests.search_api.sample_content import MAIN_NAMES, NAMES, NGINX, SECOND_CONTENT, WEB

pytestmark = pytest.mark.anyio

ROW_TYPES: dict[str, type] = {
    "name": str,
    "description": str,
    "star_count": int,
    "is_official": bool,
    "is_automated": bool,
    "is_trusted": bool,
}
BODY_TYPES: dict[str, type] = {
    "query": str,
    "num_results": int,
    "num_pages": int,
    "page": int,
    "page_size": int,
    "results": list,
}
PODMAN = {"Docker-Distribution-API-Version": "registry/2.0"}


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def search(client: httpx2.AsyncClient, query: str, **headers: str) -> dict[str, Any]:
    """Ask with a raw query string; check everything that holds for every answer."""
    response = await client.get(f"/v1/search?{query}", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    # Everything is indexed; a hint at a misspelt field says so.
    assert "did you mean" in response.headers.get("warning", "did you mean")
    body: dict[str, Any] = response.json()
    assert {key: type(value) for key, value in body.items()} == BODY_TYPES
    for row in body["results"]:
        assert {key: type(value) for key, value in row.items()} == ROW_TYPES
    assert len(body["results"]) <= body["page_size"]
    return body


async def names(client: httpx2.AsyncClient, query: str, **headers: str) -> list[str]:
    """Return the names of the repositories, without the hosts of their registries."""
    rows = (await search(client, query, **headers))["results"]
    return [row["name"].removeprefix(f"{MAIN}/").removeprefix(f"{SECOND}/") for row in rows]


# What is asked for, case by case


@pytest.mark.parametrize("query", ["", "q=", "q=%20%20", "q=%09%C2%A0", "n=25", "q=*"])
async def test_nothing_asked_for_lists_everything(client: httpx2.AsyncClient, query: str) -> None:
    assert sorted(set(await names(client, query))) == NAMES


@pytest.mark.parametrize(
    ("n", "size"),
    [
        ("", 25),
        ("n=", 25),
        ("n=abc", 25),
        ("n=1.5", 25),
        ("n=%FF", 25),
        ("n=0x10", 25),
        ("n=0", 1),
        ("n=-1", 1),
        ("n=-99999999999999999999999", 1),
        ("n=1", 1),
        ("n=3", 3),
        ("n=%203%20", 3),
        ("n=101", 101),
        ("n=1000", LIMIT_MAX),
        ("n=1001", LIMIT_MAX),
        ("n=99999999999999999999", LIMIT_MAX),
        ("n=" + "9" * 10_000, LIMIT_MAX),
    ],
)
async def test_a_limit_is_clamped_and_never_an_error(
    client: httpx2.AsyncClient, n: str, size: int
) -> None:
    body = await search(client, n)
    assert body["page_size"] == size
    assert len(body["results"]) == min(size, body["num_results"])


@pytest.mark.parametrize("page", ["0", "-1", "", "abc", "1"])
async def test_a_page_that_is_none_is_the_first(client: httpx2.AsyncClient, page: str) -> None:
    body = await search(client, f"n=2&page={page}")
    assert body["page"] == 1
    assert body["results"] == (await search(client, "n=2"))["results"]


@pytest.mark.parametrize("page", ["100", "999999", "99999999999999999999"])
async def test_a_page_past_the_end_has_no_results(client: httpx2.AsyncClient, page: str) -> None:
    body = await search(client, f"q=nginx&n=2&page={page}")
    assert body["results"] == []
    assert (body["num_results"], body["num_pages"]) == (4, 2)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100])
@pytest.mark.parametrize("query", ["", "q=nginx"])
async def test_pages_together_are_the_whole(
    client: httpx2.AsyncClient, size: int, query: str
) -> None:
    whole = await names(client, f"{query}&n=1000")
    pages = (await search(client, f"{query}&n={size}"))["num_pages"]
    walked = []
    for page in range(1, pages + 1):
        walked += await names(client, f"{query}&n={size}&page={page}")
    assert walked == whole
    assert await names(client, f"{query}&n={size}&page={pages + 1}") == []


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("q=a%2Fb%2Fc", "q=a/b/c"),
        ("q=%2Fnginx", "q=nginx"),
        ("q=nginx%2F", "q=nginx"),
        ("q=NGINX", "q=nginx"),
        ("q=caf%C3%A9", "q=cafe%CC%81"),
        ("q=caf%C3%A9", "q=cafe"),
        ("q=CAF%C3%89", "q=cafe"),
        ("q=team&q=web", "q=team%20web"),
        ("q=team&q=web", "q=web+team"),
        ("q=++nginx++", "q=nginx"),
        ("q=nginx&foo=bar&utf8=%E2%9C%93", "q=nginx"),
    ],
)
async def test_two_spellings_find_the_same(
    client: httpx2.AsyncClient, query: str, other: str
) -> None:
    found = await names(client, query)
    assert found
    assert found == await names(client, other)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a/b/c", ["a/b/c"]),
        ("a/b", ["a/b/c"]),
        ("nginx:1.25", ["nginx", "team/nginx"]),
        ("team/nginx:1.25", ["team/nginx"]),
        ("nginx:9.9", []),
        (f"nginx@{NGINX.digest}", ["nginx"]),
        (f"nginx@{NGINX.digest[:20]}", ["nginx"]),
        (f"@{NGINX.digest}", []),
        (f"{MAIN}/team/web:1.4", ["team/web"]),
        (f"{SECOND}/team/nginx", ["team/nginx"]),
        ("arch:arm64", ["team/web"]),
        ("platform:linux/arm64/v8", ["team/web"]),
        ("label:team=payments", ["team/web"]),
        ("team/web -label:team", []),
        ("café", ["bistro"]),
        ("with_", ["with_underscore"]),
        ("_", ["with_underscore"]),
        ("nginx-", ["nginx", "team/nginx", "team/nginx", "team/nginx-ingress"]),
        ("nginx-i", ["team/nginx-ingress"]),
        ("gin", ["nginx", "team/nginx", "team/nginx", "team/nginx-ingress"]),
        ("ngin*", ["nginx", "team/nginx", "team/nginx", "team/nginx-ingress"]),
        ('"front proxy"', ["nginx"]),
        ("nothing-is-called-so", []),
    ],
)
async def test_the_query_language_works(
    client: httpx2.AsyncClient, query: str, expected: list[str]
) -> None:
    assert sorted(await names(client, f"q={quote(query)}")) == expected


async def test_an_exact_name_comes_first(client: httpx2.AsyncClient) -> None:
    found = await names(client, "q=nginx")
    assert found == ["nginx", "team/nginx", "team/nginx", "team/nginx-ingress"]


async def test_no_results_are_an_empty_list(client: httpx2.AsyncClient) -> None:
    body = await search(client, "q=nothing-is-called-so")
    assert (body["results"], body["num_results"], body["num_pages"]) == ([], 0, 0)


@pytest.mark.parametrize(
    "query", ["q=%FF%FE", "q=%", "q=%ZZ", "q=%00", "q=%ED%A0%80", "q=" + "a" * 10_000]
)
async def test_text_that_is_none_finds_nothing(client: httpx2.AsyncClient, query: str) -> None:
    assert (await search(client, query))["results"] == []


async def test_a_term_comes_back_as_it_was_sent(client: httpx2.AsyncClient) -> None:
    assert (await search(client, "q=%20Caf%C3%A9:x&q=b"))["query"] == "Café:x b"
    assert (await search(client, "q=" + "a" * 10_000))["query"] == "a" * 10_000


@pytest.mark.parametrize(
    "term",
    [
        "%",
        "\\",
        '"',
        "(",
        ")",
        '"%"',
        "zz%zz",
        "z*z",
        "-*",
        "a OR",
        '"*"',
        "[",
        "?",
        "' OR ''='",
    ],
)
async def test_signs_are_no_wildcards(client: httpx2.AsyncClient, term: str) -> None:
    assert await names(client, f"q={quote(term)}") == []


@pytest.mark.parametrize(
    ("term", "same"),
    [("AND", "and"), ("nginx AND", "nginx and"), ("front (proxy", "front proxy"), ("NOT", "not")],
)
async def test_a_mistake_is_read_as_plain_words(
    client: httpx2.AsyncClient, term: str, same: str
) -> None:
    assert await names(client, f"q={quote(term)}") == await names(client, f"q={quote(same)}")


async def test_without_a_word_is_not_a_word(client: httpx2.AsyncClient) -> None:
    found = await names(client, "q=-nginx")
    assert sorted(found) == sorted(set(NAMES) - {"nginx", "team/nginx", "team/nginx-ingress"})


async def test_a_misspelt_field_is_named_in_a_header(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/search?q=licence:MIT")
    assert response.json()["results"] == []
    hint = "'licence:MIT' is a name with a tag; did you mean 'license:MIT'?"
    assert response.headers["warning"] == f'299 - "{hint}"'


async def test_any_text_is_answered_with_200(client: httpx2.AsyncClient) -> None:
    random_ = random.Random(11)
    for _ in range(400):
        term = random_text(random_).encode(errors="replace")
        await search(client, f"q={quote(term)}&n=3&page=2")


# Who asks


@pytest.mark.parametrize(
    "authorization",
    ["Basic Og==", "Basic !!!", "Basic", "Bearer x", "Negotiate abc", "", "Basic dTpw"],
)
async def test_whoever_asks_is_answered_as_anonymous(
    client: httpx2.AsyncClient, authorization: str
) -> None:
    assert len(await names(client, "q=nginx", Authorization=authorization)) == 4


async def test_podman_is_answered_as_docker_is(client: httpx2.AsyncClient) -> None:
    """Everything here is public, so podman needs no fallback to the catalog."""
    by_docker = await search(client, "q=nginx", Host=MAIN)
    assert await search(client, "q=nginx", Host=MAIN, **PODMAN) == by_docker
    response = await client.get("/v1/search")
    assert response.headers["vary"] == "Authorization, Docker-Distribution-API-Version"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (MAIN, MAIN_NAMES),
        (MAIN.upper(), MAIN_NAMES),
        (SECOND, sorted(each.repository for each in SECOND_CONTENT)),
        ("second.example", NAMES),
        ("elsewhere.example", NAMES),
        ("", NAMES),
    ],
)
async def test_a_registrys_own_host_lists_that_registry(
    client: httpx2.AsyncClient, host: str, expected: list[str]
) -> None:
    """The printed name is pulled from the host that was searched."""
    assert sorted(set(await names(client, "", Host=host))) == expected
    response = await client.get("/v2/_catalog", headers={"Host": host})
    assert response.json()["repositories"] == expected


@pytest.mark.parametrize("term", ["* OR nginx", "nginx OR only/second", "registry:main OR *"])
async def test_no_query_leads_out_of_the_hosts_registry(
    client: httpx2.AsyncClient, term: str
) -> None:
    found = await search(client, f"q={quote(term)}", Host=SECOND)
    assert {row["name"] for row in found["results"]} <= {"only/second", "team/nginx"}
    assert "Ours" not in {row["description"] for row in found["results"]}


# Several registries


async def rows(client: httpx2.AsyncClient, query: str, **headers: str) -> list[tuple[str, str]]:
    found = (await search(client, query, **headers))["results"]
    return sorted((row["name"], row["description"]) for row in found)


async def test_a_name_can_be_pulled_from_the_registrys_host_that_was_searched(
    client: httpx2.AsyncClient,
) -> None:
    for headers in ({}, PODMAN):
        assert await rows(client, "q=team/nginx", Host=SECOND, **headers) == [
            ("team/nginx", "Theirs")
        ]


async def test_docker_gets_the_registrys_host_in_front_where_that_is_another(
    client: httpx2.AsyncClient,
) -> None:
    """Docker prints a name as it is, so what is printed can be pulled."""
    assert await rows(client, "q=team/nginx+-ingress") == [
        (f"{MAIN}/team/nginx", "Ours"),
        (f"{SECOND}/team/nginx", "Theirs"),
    ]


async def test_podman_gets_the_registrys_host_in_the_description(
    client: httpx2.AsyncClient,
) -> None:
    """Podman puts the host that it asked before every name."""
    assert await rows(client, "q=team/nginx+-ingress", **PODMAN) == [
        ("team/nginx", f"[{MAIN}] Ours"),
        ("team/nginx", f"[{SECOND}] Theirs"),
    ]
    assert await rows(client, "q=with_underscore", **PODMAN) == [("with_underscore", f"[{MAIN}]")]


async def test_one_registry_is_pulled_from_its_host_too(filled: Path) -> None:
    async with searching_client(filled, registries={"main": MAIN}) as client:
        assert await rows(client, "q=bistro") == [(f"{MAIN}/bistro", "Un café crème")]
        assert await rows(client, "q=bistro", Host=MAIN) == [("bistro", "Un café crème")]
        assert await rows(client, "q=bistro", **PODMAN) == [("bistro", f"[{MAIN}] Un café crème")]


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("bistro/manifests/latest", [f"{MAIN}/bistro"]),
        (f"{SECOND}/only/second/manifests/latest", [f"{SECOND}/only/second"]),
        ("team/nginx/tags/list", [f"{MAIN}/team/nginx", f"{SECOND}/team/nginx"]),
        ("no/such/manifests/latest", []),
    ],
)
async def test_who_pulls_from_the_search_is_told_the_host_of_the_registry(
    client: httpx2.AsyncClient, path: str, places: list[str]
) -> None:
    (error,) = (await client.get(f"/v2/{path}")).json()["errors"]
    expected = "".join(f"; pull from {place}" for place in places)
    assert error["message"] == (f"/v2/{path}: this is a search service, not a registry{expected}")


async def test_equal_names_of_one_host_say_their_registry(tmp_path: Path) -> None:
    """Two registries may be behind one host, each at a place of its own."""
    await fill(tmp_path, [Pushed("web", WEB), Pushed("web", WEB, registry="second")])
    with closing(Store(tmp_path)) as store, store.transaction():
        store.registries.put("second", url="http://other.example", registry_host=MAIN)
    await bring_up_to_date(tmp_path, clock=ManualClock())
    registries = {"main": MAIN, "second": MAIN}
    async with searching_client(tmp_path, registries=registries) as client:
        shop = "The shop's front"
        for headers in ({"Host": MAIN}, {"Host": MAIN, **PODMAN}):
            assert await rows(client, "q=web", **headers) == [
                ("web", f"[main] {shop}"),
                ("web", f"[second] {shop}"),
            ]
        assert await rows(client, "q=web", **PODMAN) == [
            ("web", f"[{MAIN} main] {shop}"),
            ("web", f"[{MAIN} second] {shop}"),
        ]


# Descriptions


async def test_a_hostile_description_is_one_clean_bounded_line(
    client: httpx2.AsyncClient,
) -> None:
    (row,) = (await search(client, "q=evil"))["results"]
    description = row["description"]
    assert len(description) <= DESCRIPTION_MAX
    assert description.startswith("first second")
    assert "nul here last word long" in description
    assert "\U0001f433" in description
    forbidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not {unicodedata.category(character) for character in description} & forbidden
    assert "<script>" not in description


async def test_a_repository_without_description_has_an_empty_one(
    client: httpx2.AsyncClient,
) -> None:
    (row,) = (await search(client, "q=with_underscore"))["results"]
    assert row["description"] == ""


# Methods, slashes and addresses


@pytest.mark.parametrize("path", ["/v1/_ping", "/v1/_ping/"])
async def test_the_ping_says_that_this_is_no_standalone_registry(
    client: httpx2.AsyncClient, path: str
) -> None:
    for method in ("GET", "HEAD"):
        response = await client.request(method, path)
        assert response.status_code == 200
        assert response.headers["X-Docker-Registry-Standalone"] == "false"
    assert (await client.get(path)).json() == {}


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_podman_is_told_that_the_registry_protocol_is_spoken(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["Docker-Distribution-API-Version"] == "registry/2.0"


async def test_a_trailing_slash_changes_nothing(client: httpx2.AsyncClient) -> None:
    with_slash = await client.get("/v1/search/?q=nginx&n=2")
    assert with_slash.status_code == 200
    assert with_slash.json() == await search(client, "q=nginx&n=2")
    catalog = await client.get("/v2/_catalog/")
    assert catalog.json()["repositories"] == NAMES


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search/", "/v1/_ping", "/v2/", "/v2/_catalog"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_405(client: httpx2.AsyncClient, path: str, method: str) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert response.json()["errors"][0]["code"] == "UNSUPPORTED"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/"),
        ("GET", "/v1/repositories/x/images"),
        ("PUT", "/v1/repositories/x/"),
        ("GET", "/v2/team/web/tags/list"),
        ("GET", "/v2/team/web/manifests/latest"),
        ("POST", "/v2/team/web/blobs/uploads/"),
        ("GET", "/v2//"),
        ("GET", "/v2/%00%ff<script>"),
        ("DELETE", "/v2/" + "a" * 5_000),
    ],
)
async def test_what_only_a_registry_has_is_404_in_its_error_shape(
    client: httpx2.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 404
    (error,) = response.json()["errors"]
    assert error["code"] == "UNSUPPORTED"
    assert "this is a search service, not a registry" in error["message"]
    assert len(error["message"]) < 300


@pytest.mark.parametrize("path", ["/v1", "/V1/search", "/v1/search/x", "/api/v1/search/"])
async def test_nothing_redirects(client: httpx2.AsyncClient, path: str) -> None:
    """Docker drops credentials at a redirect, and a page in HTML breaks it."""
    response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["errors"]


def test_head_has_no_body(filled: Path) -> None:
    with serving(make_web(settings_for(filled), clock=ManualClock())) as url:
        response = httpx2.head(f"{url}/v1/search?q=nginx", timeout=30, trust_env=False)
    assert response.status_code == 200
    assert response.content == b""
    assert int(response.headers["content-length"]) > 0


# The catalog


@pytest.mark.parametrize("size", [1, 2, 3, 50])
async def test_the_catalog_is_walked_by_its_links(client: httpx2.AsyncClient, size: int) -> None:
    url, walked, pages = f"/v2/_catalog?n={size}", [], 0
    while url:
        response = await client.get(url)
        assert response.headers["Docker-Distribution-API-Version"] == "registry/2.0"
        found = response.json()["repositories"]
        assert 0 < len(found) <= size
        walked += found
        pages += 1
        link = response.headers.get("link", "")
        assert link == "" or link.endswith('; rel="next"')
        target = link.partition("<")[2].partition(">")[0]
        assert not target or target.startswith("/v2/_catalog?"), "a relative link is safest"
        url = urljoin(url, target) if target else ""
    assert walked == NAMES
    assert pages >= len(NAMES) / size


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", NAMES),
        ("n=0", NAMES[:1]),
        ("n=abc", NAMES),
        ("n=99999", NAMES),
        ("last=", NAMES),
        ("last=nginx", NAMES[NAMES.index("nginx") + 1 :]),
        ("last=nginx-not-there", NAMES[NAMES.index("nginx") + 1 :]),
        ("last=team", NAMES[NAMES.index("team/nginx") :]),
        ("last=team/nginx", NAMES[NAMES.index("team/nginx") + 1 :]),
        ("last=zzz", []),
        ("last=0", NAMES),
        ("last=%FF%00", []),
    ],
)
async def test_the_catalog_goes_on_behind_a_name(
    client: httpx2.AsyncClient, query: str, expected: list[str]
) -> None:
    response = await client.get(f"/v2/_catalog?{query}")
    assert response.status_code == 200
    assert response.json()["repositories"] == expected


async def test_an_empty_catalog_is_a_list(tmp_path: Path) -> None:
    async with searching_client(tmp_path) as client:
        response = await client.get("/v2/_catalog")
    assert (response.status_code, response.json()) == (200, {"repositories": []})


# While not everything is known


async def test_before_the_first_start_of_an_indexer_there_is_an_empty_answer(
    tmp_path: Path,
) -> None:
    async with searching_client(tmp_path) as client:
        response = await client.get("/v1/search?q=nginx")
    assert (response.status_code, response.json()["results"]) == (200, [])
    assert response.headers["Warning"].startswith('299 - "')


async def test_what_is_there_is_shown_with_a_warning_until_all_was_read(tmp_path: Path) -> None:
    clock = ManualClock()
    await fill(tmp_path, [Pushed("team/web", WEB)], clock=clock)
    store = Store(tmp_path)
    with store.transaction():
        number = store.registries.registry_id("main")
        assert number is not None
        store.registries.set_error(number, "it is away", at=clock.now())
    async with searching_client(tmp_path, clock=clock) as client:
        response = await client.get("/v1/search?q=web")
        assert [row["name"] for row in response.json()["results"]] == [f"{MAIN}/team/web"]
        assert response.headers["Warning"].startswith('299 - "')
        with store.transaction():
            store.registries.set_answered(number)
        clock.advance(1)
        assert "Warning" not in (await client.get("/v1/search?q=web")).headers
    store.close()


async def test_while_the_search_index_is_rebuilt_from_nothing_there_is_a_warning(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    await fill(tmp_path, [Pushed("team/web", WEB)], clock=clock)
    store = Store(tmp_path)
    live = store.search_index.live()
    assert live is not None
    with store.transaction():
        store.search_index.set_live(replace(live, complete=False))
    store.close()
    async with searching_client(tmp_path, clock=clock) as client:
        response = await client.get("/v1/search?q=web")
    assert response.json()["num_results"] == 1
    assert "Warning" in response.headers


async def test_a_prefix_that_stands_for_too_much_is_read_as_plain_words(tmp_path: Path) -> None:
    """The engine may refuse what the language allows; docker would show nothing but a number."""
    await fill(tmp_path, [Pushed("label/k", image(seed="l"))])
    store = Store(tmp_path, read_only=True)
    live = store.search_index.live()
    assert live is not None
    store.close()
    keywords = frozenset(("label", f"k{number}") for number in range(EXPANDED_TERMS_MAX + 1))
    writer = WhooshEngine(tmp_path / INDEX_DIRECTORY).open_writer(live.generation)
    for document_type in ASKED_FOR:
        writer.apply(document_type, [document("many", keywords=keywords)], [])
    writer.close()
    async with searching_client(tmp_path) as client:
        suggested = (await client.get("/api/v1/suggest?q=label:k")).json()
        assert suggested == {"suggestions": []}, "it is no mistake to have typed so much"
        assert await names(client, "q=label:k*") == ["label/k"]
        response = await client.get("/api/v1/search?q=label:k*")
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "QUERY_INVALID"


async def test_many_pages_are_walked_over_in_big_steps(tmp_path: Path) -> None:
    """A late page of small size is reached through steps of the largest size, exactly."""
    await fill(tmp_path, [])
    store = Store(tmp_path)
    finish_crawl(store, "main", clock=ManualClock())
    live = store.search_index.live()
    assert live is not None
    store.close()
    writer = WhooshEngine(tmp_path / INDEX_DIRECTORY).open_writer(live.generation)
    many = [document(f"r{number:04}") for number in range(2_105)]
    shown = [
        replace(
            each,
            result={**each.result, "description": "", "reference": f"{MAIN}/{each.name}:1"},
        )
        for each in many
    ]
    writer.apply(DocumentType.REPOSITORY, shown, [])
    writer.close()
    async with searching_client(tmp_path) as client:
        assert await names(client, "n=7&page=300") == [f"r{n:04}" for n in range(2_093, 2_100)]
        assert await names(client, "n=1000&page=3") == [f"r{n:04}" for n in range(2_000, 2_105)]
        assert await names(client, "n=1&page=2105") == ["r2104"]
        assert await names(client, "n=1&page=2106") == []
        assert await names(client, "n=1000&page=2") == [f"r{n:04}" for n in range(1_000, 2_000)]
