"""A search node answers details as the indexer node that has them."""

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from random import Random
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
import pytest

from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import TokenService
from tests.search_api.access.asking import PASSWORD, basic
from tests.search_api.access.fuzz import client_document
from tests.search_api.access.proof.addresses import (
    API,
    api_addresses,
    known_of,
    page_addresses,
    sample,
)
from tests.search_api.access.servers import gate_with_tokens
from tests.search_api.nodes.stage import OF_NODES, ON_BOTH, Building, Stage
from tests.search_api.pages.conftest import HTML

CALLERS = ("", "alice", "bob", "carol", "root")
STEP = 5
"""One in so many addresses is asked by each caller; each by one of them."""
OWNERS = {registry: node for node, names in OF_NODES.items() for registry in names}
OF_REGISTRY = ("/api/v1/registries/", "/api/v1/repositories/", "/api/v1/tags/", "/r/")
OF_ANY = ("/api/v1/images/", "/api/v1/layers/", "/api/v1/compare", "/api/v1/show")
PAGES_OF_ANY = ("/i/", "/l/", "/go", "/compare")
NOT_COMPARED = {"date", "x-request-id", "server", "transfer-encoding", "connection"}


def owner_of(address: str) -> str | None:
    """Return the node of the registry in an address, "" if nobody has it, None without one."""
    parts = urlsplit(address)
    for prefix in OF_REGISTRY:
        if parts.path.startswith(prefix):
            return OWNERS.get(parts.path.removeprefix(prefix).partition("/")[0], "")
    named = parse_qs(parts.query).get("registry")
    return OWNERS.get(named[0], "") if named else None


def is_fetched(address: str) -> bool:
    if address.startswith(("/api/v1/changes", "/changes")):
        return "registry=" in address
    return address.startswith((*OF_REGISTRY, *OF_ANY, *PAGES_OF_ANY))


def knows_nothing(response: httpx2.Response) -> bool:
    is_led_on = response.headers.get("location", "").startswith("/search")
    return response.status_code == 404 or is_led_on


def direct(stage: Stage, address: str, headers: Mapping[str, str]) -> httpx2.Response:
    """Return what the node that has something answers itself."""
    owner = owner_of(address)
    if owner is not None:
        return stage.get(owner or "a", address, headers)
    answers = [stage.get(node, address, headers) for node in stage.urls]
    return next((one for one in answers if not knows_nothing(one)), answers[-1])


def compared(response: httpx2.Response) -> tuple[object, ...]:
    kept = [pair for pair in response.headers.multi_items() if pair[0] not in NOT_COMPARED]
    body = response.text
    if response.status_code >= 400:
        body = body.replace(response.headers["x-request-id"], "ID")
    return response.status_code, sorted(kept), body


@pytest.mark.parametrize("caller", CALLERS)
def test_details_are_those_of_the_node_that_has_them(stage: Stage, caller: str) -> None:
    dice = Random(3)
    known = sample(stage.world, 6, dice) + known_of(stage.world.pushed[-2:])
    document = client_document(stage.apps["a"])
    asked: list[tuple[str, Mapping[str, str]]] = [
        (one, {}) for one in api_addresses(document, known)
    ]
    asked += [(one, HTML) for one in page_addresses(known)]
    asked = [(one, headers) for one, headers in asked if is_fetched(one)]
    part = asked[CALLERS.index(caller) :: STEP]
    statuses = set()
    for address, headers in part:
        sent = {**headers, **stage.callers[caller]}
        got, wanted = stage.get("", address, sent), direct(stage, address, sent)
        assert compared(got) == compared(wanted), address
        statuses.add(got.status_code)
    assert len(part) > 40
    assert {200, 404} <= statuses


@pytest.mark.parametrize("caller", CALLERS)
def test_the_registries_of_all_nodes_are_one_list(stage: Stage, caller: str) -> None:
    sent = stage.callers[caller]
    answer = stage.get("", f"{API}/registries", sent)
    parts = {node: stage.get(node, f"{API}/registries", sent).json() for node in stage.urls}
    wanted = {one["registry"]: one for part in parts.values() for one in part["registries"]}
    order = ["inner7", "outer8", "open"]
    assert answer.json() == {
        "registries": [wanted[name] for name in order if name in wanted],
        "next": None,
    }
    again = stage.get("", f"{API}/registries", {**sent, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_mistake_in_the_parameters_is_told_as_a_node_tells_it(stage: Stage) -> None:
    for address in (
        f"{API}/registries?color=red",
        f"{API}/registries/open?color=red",
        f"{API}/layers/x?registry=",
        f"{API}/images/{ON_BOTH.digest}?registry=open&registry=inner7",
    ):
        answer, wanted = stage.get("", address), stage.get("a", address)
        assert answer.status_code == 400
        assert compared(answer) == compared(wanted)


def test_an_image_on_two_nodes_is_that_of_the_first_or_of_the_named_registry(
    stage: Stage,
) -> None:
    root, path = stage.callers["root"], f"{API}/images/{ON_BOTH.digest}"

    def place(address: str, caller: Mapping[str, str]) -> str:
        registry: str = stage.get("", address, caller).json()["registry"]
        return registry

    assert place(path, root) == "inner7"
    assert place(f"{path}?registry=outer8", root) == "outer8"
    # Of the first node, bob may not see it.
    assert place(path, stage.callers["bob"]) == "outer8"


def test_an_answer_that_is_known_already_is_not_sent_again(stage: Stage) -> None:
    address, root = f"{API}/images/{ON_BOTH.digest}?registry=outer8", stage.callers["root"]
    answer = stage.get("", address, root)
    again = stage.get("", address, {**root, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("address", [f"{API}/registries", f"{API}/registries/open", "/r/open/x"])
def test_a_head_has_the_headers_of_the_answer(stage: Stage, address: str) -> None:
    head = stage.get("", address, HTML, "HEAD")
    whole = stage.get("", address, HTML)
    assert head.content == b""
    assert head.status_code == whole.status_code
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_is_compressed_as_the_client_asked(stage: Stage, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding, **stage.callers["root"]}
    answer = stage.get("", f"{API}/images/{ON_BOTH.digest}", headers)
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.json()["digest"] == ON_BOTH.digest


def changes_of(stage: Stage, caller: str, **parameters: str) -> list[dict[str, Any]]:
    """Return all changes of the search node, page by page."""
    met: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = urlencode({**parameters, **({"cursor": cursor} if cursor else {})})
        answer = stage.get("", f"{API}/changes?{query}", stage.callers[caller])
        assert answer.status_code == 200, answer.text
        assert "no-store" in answer.headers["cache-control"]
        page = answer.json()
        met += page["changes"]
        cursor = page["next"] if page["changes"] else None
    return met


def without_cursors(changes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "cursor": ""} for one in changes]


@pytest.mark.parametrize("caller", CALLERS)
def test_the_changes_of_all_nodes_are_one_list(stage: Stage, caller: str) -> None:
    whole = changes_of(stage, caller)
    for node, registries in OF_NODES.items():
        address = f"{API}/changes?limit=100"
        told = stage.get(node, address, stage.callers[caller]).json()["changes"]
        own = [one for one in whole if one["registry"] in registries]
        assert without_cursors(own[:100]) == without_cursors(told)
    assert changes_of(stage, caller, limit="7") == whole
    newest = changes_of(stage, caller, order="newest", limit="9")
    assert newest == whole[::-1]


def test_from_a_change_the_list_goes_on_in_both_directions(stage: Stage) -> None:
    root, whole = stage.callers["root"], changes_of(stage, "root")
    for number in range(0, len(whole), 9):
        query = urlencode({"cursor": whole[number]["cursor"], "limit": 5})
        address = f"{API}/changes?{query}"
        after = stage.get("", address, root).json()["changes"]
        before = stage.get("", f"{address}&order=newest", root).json()["changes"]
        assert after == whole[number + 1 : number + 6]
        assert before == whole[:number][::-1][:5]


def test_behind_now_nothing_has_changed_yet(stage: Stage) -> None:
    root = stage.callers["root"]
    page = stage.get("", f"{API}/changes?cursor=now", root).json()
    assert page["changes"] == []
    again = stage.get("", f"{API}/changes?cursor={page['next']}", root).json()
    assert again["changes"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "order=odd", "color=red", "cursor=4.48df1295e1a0f302"]
)
def test_a_mistake_in_what_is_wanted_of_the_changes_is_told(stage: Stage, query: str) -> None:
    assert stage.get("", f"{API}/changes?{query}").status_code == 400


def test_a_stream_of_several_nodes_needs_a_registry(stage: Stage) -> None:
    for query in ("", "?registry="):
        answer = stage.get("", f"{API}/changes/stream{query}")
        assert answer.status_code == 400
        assert "name a registry with registry=" in answer.json()["errors"][0]["message"]


def test_the_page_of_changes_begins_with_the_first_registry_that_is_seen(stage: Stage) -> None:
    for caller, registry in (("", "open"), ("bob", "outer8"), ("root", "inner7")):
        answer = stage.get("", "/changes?repository=team/x", {**HTML, **stage.callers[caller]})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/changes?repository=team%2Fx&registry={registry}"
        followed = stage.get("", answer.headers["location"], {**HTML, **stage.callers[caller]})
        assert followed.status_code == 200


def test_other_methods_are_refused_as_by_every_service(stage: Stage) -> None:
    for path in (f"{API}/registries/open", "/r/open/x"):
        answer, wanted = stage.get("", path, method="POST"), stage.get("a", path, method="POST")
        assert compared(answer) == compared(wanted)
        assert answer.status_code == 405


@pytest.mark.parametrize("registry", ["inner7", "nobody"])
def test_notifications_are_sent_elsewhere(stage: Stage, registry: str) -> None:
    """Whether there is such a registry is not told: nobody showed its secret."""
    answer = stage.get("", f"/webhooks/{registry}", method="POST")
    assert answer.status_code == 404
    assert "indexer node" in answer.json()["errors"][0]["message"]
    assert registry not in answer.text


def test_a_stream_ends_at_the_node_when_its_client_goes(stage: Stage) -> None:
    streams = stage.apps["b"].state.streams
    url = f"{stage.search_url}{API}/changes/stream?registry=outer8"
    with stage.client.stream("GET", url, headers=stage.callers["bob"]) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith("event: ")
        assert streams.count == 1
        metrics = stage.get("", "/metrics", stage.callers["root"]).text
        assert re.findall(r"^regsearch_streams .*", metrics, re.MULTILINE) == [
            "regsearch_streams 1.0"
        ]
    until = time.monotonic() + 10
    while streams.count and time.monotonic() < until:
        time.sleep(0.02)
    assert streams.count == 0


def test_requests_to_nodes_are_counted(stage: Stage) -> None:
    stage.get("", f"{API}/registries/open")
    metrics = stage.get("", "/metrics", stage.callers["root"]).text
    assert 'regsearch_node_requests_total{node="a",status="2xx"}' in metrics


def test_odd_headers_arrive_as_they_were_sent(stage: Stage) -> None:
    headers = [
        (b"user-agent", "bröwser".encode()),
        (b"accept", b"text/html"),
        (b"accept", b"*/*"),
    ]
    answer = stage.client.get(f"{stage.search_url}/r/open/none", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_an_odd_path_arrives_as_it_was_sent(stage: Stage) -> None:
    for name in ("a%20b", "ä/ö", "x%2Fy", "50%", "q?x", "#1", "tag:1"):
        for path in (f"{API}/repositories/open/{quote(name)}", f"/r/open/{quote(name)}"):
            answer, wanted = stage.get("", path, HTML), stage.get("a", path, HTML)
            assert compared(answer) == compared(wanted)


def test_a_path_before_all_addresses_is_that_of_all_nodes(stage: Stage, building: Building) -> None:
    public = "https://search.example/regsearch"
    _, url = building.indexer("b", public_url=public)
    search = building.search({"b": f"{url}/regsearch"}, public_url=public)
    bob = stage.callers["bob"]
    for path in (
        f"{API}/tags/outer8/both/image?limit=1",
        "/r/outer8/both/image",
        "/changes?registry=outer8",
    ):
        for base in ("/regsearch", ""):
            headers = {**HTML, **bob, "Host": "search.example"}
            answer = stage.client.get(f"{search}{base}{path}", headers=headers)
            wanted = stage.client.get(f"{url}{base}{path}", headers=headers)
            assert compared(answer) == compared(wanted)
            assert answer.status_code == 200


def test_a_registry_that_decides_by_itself_is_asked_by_its_node(
    stage: Stage, building: Building
) -> None:
    """With the credentials of the caller, who is known to that registry alone."""
    others = [one.repository for one in stage.world.pushed if one.registry == "outer8"]
    hidden = next(name for name in others if name != "both/image")
    with ExitStack() as stack:
        tokens = TokenService({"dora": PASSWORD}, {"dora": {"both/image"}})
        asked = stack.enter_context(serving(gate_with_tokens(stack, FakeRegistry(), tokens)))
        _, url = building.indexer("b", asked=asked)
        search = building.search({"a": stage.urls["a"], "b": url}, asked=asked)

        def status(repository: str, headers: Mapping[str, str]) -> int:
            address = f"{search}{API}/repositories/outer8/{repository}"
            return stage.client.get(address, headers=headers).status_code

        assert status("both/image", basic("dora")) == 200
        assert status(hidden, basic("dora")) == 404
        assert status("both/image", {}) == 404
        refused = stage.client.get(
            f"{search}{API}/repositories/outer8/both/image", headers=basic("dora", "wrong")
        )
        assert refused.status_code == 401
        assert "basic" in refused.headers["www-authenticate"].lower()
        # The other node does not get what is for this one.
        open_one = f"{search}{API}/registries/open"
        assert stage.client.get(open_one, headers=basic("dora", "wrong")).status_code == 200
