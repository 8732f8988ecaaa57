"""The fake registry answers as distribution does, and lies only when it is told to."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from indexer.model.media_types import (
    ACCEPT_MANIFESTS,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
)
from tests.builders import BuiltManifest, digest_of, image, index
from tests.fakes.answers import DroppedConnection
from tests.fakes.registry import FakeRegistry, Fault
from tests.fakes.serving import serving

pytestmark = pytest.mark.anyio

IMAGE = image(labels={"a": "b"})
ACCEPT = {"Accept": ACCEPT_MANIFESTS}
UPLOADS = "/v2/team/web/blobs/uploads/"


def make_client(registry: FakeRegistry, **given: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=registry.app)
    return httpx2.AsyncClient(transport=transport, base_url="http://registry.test", **given)


@pytest.fixture
def registry() -> FakeRegistry:
    made = FakeRegistry()
    made.put("team/web", IMAGE, tag="1.0")
    return made


@pytest.fixture
async def client(registry: FakeRegistry) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(registry) as made:
        yield made


def codes(answer: httpx2.Response) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


async def pages(client: httpx2.AsyncClient, path: str, key: str) -> list[list[str]]:
    """Follow the Link headers and return what each page lists."""
    found = []
    while path:
        answer = await client.get(path)
        found.append(answer.json()[key])
        path = answer.headers.get("link", "<>").partition(">")[0].removeprefix("<")
    return found


class TestListings:
    NAMES = ("a-b", "a/b", "a/b/c", "a", "a.b/c", "b")

    @pytest.fixture
    def registry(self) -> FakeRegistry:
        made = FakeRegistry()
        for name in self.NAMES:
            made.put(name, IMAGE, tag="1")
        return made

    @pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 1000])
    async def test_the_catalog_in_pages_is_whole(self, client: httpx2.AsyncClient, n: int) -> None:
        found = await pages(client, f"/v2/_catalog?n={n}", "repositories")
        names = [name for page in found for name in page]
        assert names == ["a", "a/b", "a/b/c", "a-b", "a.b/c", "b"], "by component"
        assert max(len(page) for page in found) <= n

    async def test_no_more_than_1000_names_may_be_asked_for(
        self, client: httpx2.AsyncClient
    ) -> None:
        answer = await client.get("/v2/_catalog?n=1001")
        assert (answer.status_code, codes(answer)) == (400, ["PAGINATION_NUMBER_INVALID"])
        assert answer.json()["errors"][0]["detail"] == {"n": 1001}

    async def test_a_page_of_nothing_has_no_next(self, client: httpx2.AsyncClient) -> None:
        assert await pages(client, "/v2/_catalog?n=0", "repositories") == [[]]

    async def test_an_odd_number_is_ignored_by_2_8_and_refused_by_3(
        self, client: httpx2.AsyncClient
    ) -> None:
        answer = await client.get("/v2/_catalog?n=-1")
        assert len(answer.json()["repositories"]) == len(self.NAMES)
        async with make_client(FakeRegistry(v3=True)) as newer:
            assert codes(await newer.get("/v2/_catalog?n=x")) == ["PAGINATION_NUMBER_INVALID"]

    async def test_tags_come_in_sorted_pages(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        for tag in ("3", "2", "10"):
            registry.put("a/b", IMAGE, tag=tag)
        assert await pages(client, "/v2/a/b/tags/list?n=2", "tags") == [["1", "10"], ["2", "3"]]
        assert await pages(client, "/v2/a/b/tags/list", "tags") == [["1", "10", "2", "3"]]

    async def test_tags_are_one_unsorted_list_where_they_are_not_paged(self) -> None:
        registry = FakeRegistry(page_tags=False)
        for tag in ("3", "2", "10"):
            registry.put("a", IMAGE, tag=tag)
        async with make_client(registry) as client:
            found = await pages(client, "/v2/a/tags/list?n=1&last=10", "tags")
        assert found == [["3", "2", "10"]]

    async def test_an_emptied_repository_stays_listed_without_tags(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.delete_digest("b", IMAGE.digest)
        answer = await client.get("/v2/b/tags/list")
        assert answer.json() == {"name": "b", "tags": None}
        assert "b" in (await client.get("/v2/_catalog")).json()["repositories"]

    async def test_a_removed_repository_is_unknown(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.delete_repository("b")
        answer = await client.get("/v2/b/tags/list")
        assert (answer.status_code, codes(answer)) == (404, ["NAME_UNKNOWN"])
        assert "b" not in (await client.get("/v2/_catalog")).json()["repositories"]

    @pytest.mark.parametrize(("v3", "listed"), [(False, ["x"]), (True, [])])
    async def test_a_repository_of_blobs_alone_is_listed_by_2_8(
        self, v3: bool, listed: list[str]
    ) -> None:
        registry = FakeRegistry(v3=v3)
        registry.content.add_blob("x", b"blob")
        async with make_client(registry) as client:
            assert (await client.get("/v2/_catalog")).json() == {"repositories": listed}
            assert codes(await client.get("/v2/x/tags/list")) == ["NAME_UNKNOWN"]


class TestReadingManifests:
    @pytest.mark.parametrize("reference", ["1.0", IMAGE.digest])
    async def test_a_manifest_comes_as_it_was_pushed(
        self, client: httpx2.AsyncClient, reference: str
    ) -> None:
        answer = await client.get(f"/v2/team/web/manifests/{reference}", headers=ACCEPT)
        assert answer.content == IMAGE.body
        assert answer.headers["content-type"] == OCI_MANIFEST
        assert answer.headers["docker-content-digest"] == IMAGE.digest
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"

    async def test_head_answers_the_same_without_the_body(self, client: httpx2.AsyncClient) -> None:
        head = await client.head("/v2/team/web/manifests/1.0", headers=ACCEPT)
        get = await client.get("/v2/team/web/manifests/1.0", headers=ACCEPT)
        assert head.content == b""
        assert head.headers == get.headers

    @pytest.mark.parametrize("quote", ['"', ""])
    async def test_what_the_client_has_already_is_not_sent_again(
        self, client: httpx2.AsyncClient, quote: str
    ) -> None:
        headers = ACCEPT | {"If-None-Match": f"{quote}{IMAGE.digest}{quote}"}
        answer = await client.get("/v2/team/web/manifests/1.0", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")

    @pytest.mark.parametrize("accept", ["*/*", OCI_INDEX, DOCKER_MANIFEST])
    async def test_an_oci_type_missing_from_accept_looks_like_a_deleted_tag(
        self, client: httpx2.AsyncClient, accept: str
    ) -> None:
        answer = await client.get("/v2/team/web/manifests/1.0", headers={"Accept": accept})
        assert (answer.status_code, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
        message = answer.json()["errors"][0]["message"]
        assert message == "OCI manifest found, but accept header does not support OCI manifests"

    async def test_types_in_several_accept_headers_count(self, client: httpx2.AsyncClient) -> None:
        headers = [("Accept", OCI_INDEX), ("Accept", f"{OCI_MANIFEST};q=0.1")]
        answer = await client.get("/v2/team/web/manifests/1.0", headers=headers)
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("accept", "expected"), [(DOCKER_LIST, "list"), (DOCKER_MANIFEST, "child"), ("*/*", "")]
    )
    async def test_a_docker_list_turns_into_its_amd64_image(
        self, registry: FakeRegistry, client: httpx2.AsyncClient, accept: str, expected: str
    ) -> None:
        child = image(docker=True)
        built = index([image(docker=True, architecture="arm64"), child], docker=True)
        registry.put("team/web", built, tag="list")
        answer = await client.get("/v2/team/web/manifests/list", headers={"Accept": accept})
        found = answer.headers.get("docker-content-digest", "")
        assert {"list": built.digest, "child": child.digest, "": ""}[expected] == found
        assert answer.status_code == (200 if expected else 400)

    async def test_a_docker_list_without_an_amd64_image_has_nothing_for_old_clients(
        self, registry: FakeRegistry, client: httpx2.AsyncClient
    ) -> None:
        built = index([image(docker=True, architecture="arm64")], docker=True)
        registry.put("team/web", built, tag="list")
        accept = {"Accept": DOCKER_MANIFEST}
        answer = await client.get("/v2/team/web/manifests/list", headers=accept)
        assert codes(answer) == ["MANIFEST_UNKNOWN"]
        by_digest = await client.get(f"/v2/team/web/manifests/{built.digest}", headers=accept)
        assert by_digest.content == built.body, "by digest nothing is rewritten"

    @pytest.mark.parametrize(
        ("reference", "detail"),
        [
            ("nope", {"Tag": "nope"}),
            (f"sha256:{0:064}", {"Name": "team/web", "Revision": f"sha256:{0:064}"}),
        ],
    )
    async def test_what_does_not_exist_is_named(
        self, client: httpx2.AsyncClient, reference: str, detail: dict[str, str]
    ) -> None:
        answer = await client.get(f"/v2/team/web/manifests/{reference}", headers=ACCEPT)
        expected = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": detail}
        assert (answer.status_code, answer.json()) == (404, {"errors": [expected]})

    @pytest.mark.parametrize(
        "path", ["/v2/Team/Web/tags/list", f"/v2/team/web/referrers/{IMAGE.digest}", "/v1/search"]
    )
    async def test_an_unknown_path_is_no_registry_error(
        self, client: httpx2.AsyncClient, path: str
    ) -> None:
        answer = await client.get(path)
        assert (answer.status_code, answer.text) == (404, "404 page not found\n")

    async def test_a_listing_cannot_be_posted(self, client: httpx2.AsyncClient) -> None:
        answer = await client.post("/v2/_catalog")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")

    async def test_a_name_may_look_like_a_path_of_the_protocol(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.put("blobs/uploads/manifests", IMAGE, tag="tags")
        path = "/v2/blobs/uploads/manifests/manifests/tags"
        assert (await client.get(path, headers=ACCEPT)).status_code == 200


class TestPushing:
    async def put(
        self, client: httpx2.AsyncClient, built: BuiltManifest, reference: str = "new"
    ) -> httpx2.Response:
        return await client.put(
            f"/v2/team/web/manifests/{reference}",
            content=built.body,
            headers={"Content-Type": built.media_type},
        )

    async def test_a_manifest_is_kept_by_tag_and_by_digest(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        answer = await self.put(client, IMAGE)
        assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, IMAGE.digest)
        assert (await self.put(client, IMAGE, IMAGE.digest)).status_code == 201
        assert registry.content.get("team/web").tags == {"1.0": IMAGE.digest, "new": IMAGE.digest}

    async def test_a_manifest_without_its_blobs_is_refused(
        self, client: httpx2.AsyncClient
    ) -> None:
        other = image(seed="other")
        answer = await self.put(client, other)
        assert (answer.status_code, codes(answer)) == (400, ["MANIFEST_BLOB_UNKNOWN"] * 3)
        missing = [error["detail"] for error in answer.json()["errors"]]
        assert missing == [blob.digest for blob in other.blobs]

    async def test_an_index_without_its_children_is_refused(
        self, client: httpx2.AsyncClient
    ) -> None:
        answer = await self.put(client, index([IMAGE, image(seed="other")]))
        assert codes(answer) == ["MANIFEST_BLOB_UNKNOWN"]
        assert (await self.put(client, index([IMAGE]))).status_code == 201

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [(b"not JSON", OCI_MANIFEST), (b"[]", OCI_MANIFEST), (b"{}", "text/plain")],
    )
    async def test_what_is_no_manifest_is_refused(
        self, client: httpx2.AsyncClient, body: bytes, media_type: str
    ) -> None:
        built = BuiltManifest(digest_of(body), media_type, body)
        assert codes(await self.put(client, built)) == ["MANIFEST_INVALID"]

    async def test_a_manifest_under_a_wrong_digest_is_refused(
        self, client: httpx2.AsyncClient
    ) -> None:
        assert codes(await self.put(client, IMAGE, f"sha256:{0:064}")) == ["DIGEST_INVALID"]

    async def test_a_blob_in_chunks(self, client: httpx2.AsyncClient) -> None:
        opened = await client.post(UPLOADS)
        location = opened.headers["location"]
        assert (opened.status_code, opened.headers["range"]) == (202, "0-0")
        first = await client.patch(location, content=b"0123", headers={"Content-Range": "0-3"})
        assert (first.status_code, first.headers["range"]) == (202, "0-3")
        gap = await client.patch(location, content=b"89", headers={"Content-Range": "8-9"})
        assert (gap.status_code, gap.headers["range"]) == (416, "0-3")
        status = await client.get(location)
        assert (status.status_code, status.headers["range"]) == (204, "0-3")
        digest = digest_of(b"012345")
        done = await client.put(location, params={"digest": digest}, content=b"45")
        assert (done.status_code, done.headers["docker-content-digest"]) == (201, digest)
        assert (await client.get(done.headers["location"])).content == b"012345"
        assert codes(await client.get(location)) == ["BLOB_UPLOAD_UNKNOWN"], "it is finished"

    async def test_a_blob_in_one_request(self, client: httpx2.AsyncClient) -> None:
        digest = digest_of(b"all")
        answer = await client.post(UPLOADS, params={"digest": digest}, content=b"all")
        assert answer.status_code == 201
        head = await client.head(f"/v2/team/web/blobs/{digest}")
        assert (head.headers["content-length"], head.content) == ("3", b"")

    async def test_a_blob_with_another_digest_is_refused(self, client: httpx2.AsyncClient) -> None:
        answer = await client.post(UPLOADS, params={"digest": digest_of(b"x")}, content=b"y")
        assert (answer.status_code, codes(answer)) == (400, ["DIGEST_INVALID"])

    async def test_a_cancelled_upload_is_unknown(self, client: httpx2.AsyncClient) -> None:
        location = (await client.post(UPLOADS)).headers["location"]
        assert (await client.delete(location)).status_code == 204
        assert codes(await client.patch(location)) == ["BLOB_UPLOAD_UNKNOWN"]

    async def test_a_blob_is_mounted_from_where_it_is(self, client: httpx2.AsyncClient) -> None:
        digest = IMAGE.blobs[0].digest
        path = f"/v2/other/blobs/{digest}"
        assert codes(await client.get(path)) == ["BLOB_UNKNOWN"], "blobs belong to repositories"
        query = {"mount": digest, "from": "team/web"}
        answer = await client.post("/v2/other/blobs/uploads/", params=query)
        assert answer.status_code == 201
        assert (await client.get(path)).content == IMAGE.blobs[0].body

    async def test_what_cannot_be_mounted_is_to_be_uploaded(
        self, client: httpx2.AsyncClient
    ) -> None:
        query = {"mount": digest_of(b"nowhere"), "from": "team/web"}
        answer = await client.post("/v2/other/blobs/uploads/", params=query)
        assert (answer.status_code, "location" in answer.headers) == (202, True)


class TestDeleting:
    async def test_a_digest_goes_with_all_its_tags(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.put("team/web", IMAGE, tag="2.0")
        path = f"/v2/team/web/manifests/{IMAGE.digest}"
        assert (await client.delete(path)).status_code == 202
        assert registry.content.get("team/web").tags == {}
        assert codes(await client.delete(path)) == ["MANIFEST_UNKNOWN"]

    async def test_a_tag_cannot_be_deleted_in_2_8(self, client: httpx2.AsyncClient) -> None:
        answer = await client.delete("/v2/team/web/manifests/1.0")
        assert (answer.status_code, codes(answer)) == (400, ["DIGEST_INVALID"])

    async def test_a_tag_goes_alone_where_that_is_allowed(self) -> None:
        registry = FakeRegistry(delete_by_tag=True)
        registry.put("a", IMAGE, tag="1")
        async with make_client(registry) as client:
            assert (await client.delete("/v2/a/manifests/1")).status_code == 202
            assert codes(await client.delete("/v2/a/manifests/1")) == ["MANIFEST_UNKNOWN"]
            by_digest = await client.get(f"/v2/a/manifests/{IMAGE.digest}", headers=ACCEPT)
        assert by_digest.status_code == 200

    async def test_a_blob_can_go_while_it_is_needed(self, client: httpx2.AsyncClient) -> None:
        path = f"/v2/team/web/blobs/{IMAGE.blobs[0].digest}"
        assert (await client.delete(path)).status_code == 202
        assert codes(await client.get(path)) == ["BLOB_UNKNOWN"]
        assert codes(await client.delete(path)) == ["BLOB_UNKNOWN"]
        manifest = await client.get("/v2/team/web/manifests/1.0", headers=ACCEPT)
        assert manifest.status_code == 200


class TestCredentials:
    async def test_nothing_is_shown_without_them(self) -> None:
        registry = FakeRegistry(username="alice", password="secret")
        registry.put("a", IMAGE, tag="1")
        async with make_client(registry) as client:
            for path in ("/v2/", "/v2/_catalog", "/v2/a/manifests/1", "/v2/nope/tags/list"):
                for auth in (None, ("alice", "wrong")):
                    answer = await client.get(path, auth=auth)
                    assert (answer.status_code, codes(answer)) == (401, ["UNAUTHORIZED"])
                    challenge = answer.headers["www-authenticate"]
                    assert challenge == 'Basic realm="Registry Realm"'
            assert (await client.get("/v2/", auth=("alice", "secret"))).json() == {}


class TestFaults:
    async def test_a_lie_is_told_as_often_as_wanted(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        lie = HTMLResponse("<h1>Bad gateway</h1>", 502)
        registry.faults.append(Fault(r"^GET /v2/team/.*/tags/list\?n=5", lie, times=2))
        path = "/v2/team/web/tags/list"
        statuses = [(await client.get(path, params={"n": 5})).status_code for _ in range(3)]
        assert statuses == [502, 502, 200]
        assert registry.requests == [f"GET {path}?n=5"] * 3

    async def test_a_lie_without_a_number_has_no_end(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.faults.append(Fault("^HEAD ", Response(status_code=429)))
        statuses = {(await client.head("/v2/")).status_code for _ in range(5)}
        assert statuses == {429}
        assert (await client.get("/v2/")).status_code == 200

    async def test_a_lie_can_depend_on_the_request(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        async def swap(request: Request) -> Response:
            return Response(request.url.path.upper(), media_type=OCI_MANIFEST)

        registry.faults.append(Fault("/manifests/", swap))
        registry.faults.append(Fault("/blobs/", lambda request: Response(status_code=503)))
        answer = await client.get("/v2/a/manifests/1")
        assert answer.text == "/V2/A/MANIFESTS/1"
        assert (await client.get("/v2/a/blobs/x")).status_code == 503

    async def test_a_connection_is_dropped_in_process(
        self, client: httpx2.AsyncClient, registry: FakeRegistry
    ) -> None:
        registry.faults.append(Fault("_catalog", DroppedConnection(), times=1))
        with pytest.raises(httpx2.TransportError):
            await client.get("/v2/_catalog")
        assert (await client.get("/v2/_catalog")).status_code == 200

    def test_a_connection_is_dropped_by_a_server(self, registry: FakeRegistry) -> None:
        registry.faults.append(Fault("_catalog", DroppedConnection()))
        with serving(registry.app) as url, pytest.raises(httpx2.TransportError):
            httpx2.get(f"{url}/v2/_catalog", trust_env=False)
