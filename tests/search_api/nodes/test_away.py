"""What a search node answers while an indexer node is away, or is something else."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.end_to_end.ports import free_port
from tests.fakes.node import FakeNode, closing_first
from tests.fakes.serving import serving
from tests.search_api.access.proof.addresses import API
from tests.search_api.nodes.stage import ON_BOTH, Building, Stage
from tests.search_api.pages.conftest import HTML

UNKNOWN = "sha256:" + "0" * 64
NO_NODE = ("hangs", "is another service", "is another node", "has another secret")


class Asking:
    """A search node before node ``a``, and a fake in the place of ``b``."""

    def __init__(self, stage: Stage, building: Building, fake: FakeNode, stack: ExitStack) -> None:
        self.fake = fake
        self._callers = building.callers
        self._building = building
        self._url_of_a = stage.urls["a"]
        self.url_of_b = stack.enter_context(serving(fake))
        self.client = stack.enter_context(httpx2.Client(timeout=30))
        self.url = self.search_before(self.url_of_b)

    def search_before(self, url_of_b: str, **changed: Any) -> str:
        return self._building.search(
            {"a": self._url_of_a, "b": url_of_b},
            **{"search_deadline": timedelta(seconds=2), **changed},
        )

    def get(self, address: str, caller: str = "root", **headers: str) -> httpx2.Response:
        sent = {**self._callers[caller], **headers}
        return self.client.get(self.url + address, headers=sent)


@pytest.fixture(scope="module")
def made(stage: Stage, building: Building) -> Iterator[Asking]:
    with ExitStack() as stack:
        yield Asking(stage, building, FakeNode(), stack)


@pytest.fixture
def asking(made: Asking) -> Iterator[Asking]:
    yield made
    made.fake.behaviour = ""


def message_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "1"
    text: str = answer.json()["errors"][0]["message"]
    return text


@pytest.mark.parametrize("behaviour", NO_NODE)
def test_details_of_a_node_that_is_away_are_not_available(asking: Asking, behaviour: str) -> None:
    asking.fake.behaviour = behaviour
    text = message_of(asking.get(f"{API}/registries/outer8"))
    assert text.startswith("indexer node 'b': ")
    assert text.endswith("; no details of registry outer8 now")


def test_a_node_that_is_down_is_away(asking: Asking, stage: Stage) -> None:
    # Nothing hangs here, and the first search at a new node takes long on a busy machine.
    away = f"http://127.0.0.1:{free_port()}"
    url = asking.search_before(away, search_deadline=timedelta(seconds=30))
    headers = stage.callers["root"]
    answer = asking.client.get(f"{url}{API}/tags/outer8/both/image", headers=headers)
    assert "'b': it cannot be reached" in message_of(answer)
    assert "127.0.0.1" not in answer.text
    searched = asking.client.get(f"{url}{API}/search?registry=outer8", headers=headers)
    assert searched.status_code == 200
    assert searched.json()["total"] > 0
    metrics = asking.client.get(f"{url}/metrics", headers=headers).text
    assert 'regsearch_node_requests_total{node="b",status="none"} 1.0' in metrics


def test_a_node_that_hangs_is_asked_for_no_longer_than_a_search_may_take(asking: Asking) -> None:
    asking.fake.behaviour = "hangs"
    began, gone = time.monotonic(), asking.fake.gone
    assert "no answer within 2.0 s" in message_of(asking.get(f"{API}/registries/outer8"))
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 10
    while asking.fake.gone == gone and time.monotonic() < deadline:
        time.sleep(0.02)
    assert asking.fake.gone == gone + 1


def test_a_browser_gets_the_page_of_the_mistake(asking: Asking) -> None:
    asking.fake.behaviour = "is another service"
    answer = asking.get("/r/outer8/both/image", **HTML)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Indexer node" in answer.text
    assert "outer8 now" in answer.text


@pytest.mark.parametrize("path", ["registries/{}", "repositories/{}", "tags/{}/both/image"])
def test_a_hidden_registry_whose_node_is_away_is_answered_as_an_unknown_one(
    asking: Asking, path: str
) -> None:
    asking.fake.behaviour = "is another service"
    hidden = asking.get(f"{API}/{path.format('outer8')}", "")
    unknown = asking.get(f"{API}/{path.format('nobody')}", "")
    assert hidden.status_code == unknown.status_code == 404
    texts = [one.json()["errors"][0]["message"] for one in (hidden, unknown)]
    assert texts[0].replace("outer8", "nobody") == texts[1]


def test_a_digest_of_another_node_is_found_while_one_is_away(asking: Asking) -> None:
    asking.fake.behaviour = "fails"
    assert asking.get(f"{API}/images/{ON_BOTH.digest}").json()["registry"] == "inner7"


def test_a_digest_that_no_other_node_has_may_be_on_the_one_that_is_away(asking: Asking) -> None:
    for behaviour in ("is another service", "fails"):
        asking.fake.behaviour = behaviour
        for address in (f"{API}/images/{UNKNOWN}", f"{API}/layers/{UNKNOWN}", f"/i/{UNKNOWN}"):
            assert "outer8" in message_of(asking.get(address))
            # Who sees nothing of that node is not told of it.
            assert asking.get(address, "").status_code == 404


def test_a_node_that_hangs_leaves_time_for_the_others(
    stage: Stage, building: Building, asking: Asking
) -> None:
    with serving(FakeNode("hangs")) as hanging:
        url = building.search(
            {"a": hanging, "b": stage.urls["b"]}, search_deadline=timedelta(seconds=2)
        )
        headers = stage.callers["bob"]
        answer = asking.client.get(f"{url}{API}/images/{ON_BOTH.digest}", headers=headers)
        assert answer.json()["registry"] == "outer8"


def test_all_nodes_are_away(asking: Asking, building: Building, stage: Stage) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    url = building.search({"a": nowhere, "b": nowhere})
    for caller, registries in (("root", "inner7, open"), ("", "open")):
        answer = asking.client.get(f"{url}{API}/images/{UNKNOWN}", headers=stage.callers[caller])
        assert message_of(answer).endswith(f" {registries} now")
    for registry in ("nobody", "outer8"):
        answer = asking.client.get(f"{url}{API}/registries/{registry}")
        assert message_of(answer) == "no indexer node answers"


@pytest.mark.parametrize(
    "behaviour", [*NO_NODE, "lists nonsense", "lists without end", "stops", "breaks off"]
)
def test_a_list_of_some_registries_is_no_list_of_all(asking: Asking, behaviour: str) -> None:
    asking.fake.behaviour = behaviour
    assert "indexer node 'b'" in message_of(asking.get(f"{API}/registries"))


def test_a_list_does_not_depend_on_a_node_of_which_nothing_is_seen(asking: Asking) -> None:
    asking.fake.behaviour = "is another service"
    listed = asking.get(f"{API}/registries", "").json()["registries"]
    assert [one["registry"] for one in listed] == ["open"]


@pytest.mark.parametrize("behaviour", [*NO_NODE, "lists nonsense", "stops"])
@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_some_changes_are_no_list_of_all(asking: Asking, behaviour: str, order: str) -> None:
    asking.fake.behaviour = behaviour
    assert "indexer node 'b'" in message_of(asking.get(f"{API}/changes?order={order}"))


def test_changes_do_not_depend_on_a_node_of_which_nothing_is_seen(asking: Asking) -> None:
    asking.fake.behaviour = "is another service"
    changes = asking.get(f"{API}/changes", "").json()["changes"]
    assert {one["registry"] for one in changes} == {"open"}


def test_a_node_lists_only_its_own_registries(asking: Asking) -> None:
    asking.fake.behaviour = "lists what is not its own"
    listed = asking.get(f"{API}/registries").json()["registries"]
    assert [one["registry"] for one in listed] == ["inner7", "outer8", "open"]
    assert "repository_count" in listed[0]
    assert listed[1] == {"registry": "outer8"}


@pytest.mark.parametrize("behaviour", ["breaks off", "breaks off before its length", "stops"])
def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(
    asking: Asking, behaviour: str
) -> None:
    asking.fake.behaviour = behaviour
    with pytest.raises(httpx2.RemoteProtocolError):
        asking.get(f"{API}/registries/outer8")


def test_a_cookie_of_a_node_is_not_passed_on(asking: Asking) -> None:
    asking.fake.behaviour = "sends a cookie"
    answer = asking.get(f"{API}/registries/outer8")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "regsearch-node" not in answer.headers


def test_a_redirect_is_passed_on(asking: Asking) -> None:
    asking.fake.behaviour = "leads elsewhere"
    answer = asking.get(f"{API}/registries/outer8")
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://elsewhere.example/"


def test_a_connection_that_the_node_closed_costs_no_answer(asking: Asking, stage: Stage) -> None:
    headers = stage.callers["root"]
    with closing_first(1) as url:
        search = asking.search_before(url)
        answer = asking.client.get(f"{search}{API}/registries/outer8", headers=headers)
        assert answer.json() == {"from": "a fake"}
    with closing_first(2) as url:
        search = asking.search_before(url)
        answer = asking.client.get(f"{search}{API}/registries/outer8", headers=headers)
        assert "it cannot be reached" in message_of(answer)


def test_pages_of_other_sites_may_read_that_a_node_is_away(asking: Asking, stage: Stage) -> None:
    origin = {"Origin": "https://portal.example.org", **stage.callers["root"]}
    url = asking.search_before(asking.url_of_b, cors_origins=("https://portal.example.org",))
    for behaviour, status in (("", 200), ("is another service", 503)):
        asking.fake.behaviour = behaviour
        answer = asking.client.get(f"{url}{API}/registries/outer8", headers=origin)
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == [origin["Origin"]]
    assert "origin" not in asking.fake.headers


def test_a_node_gets_only_what_it_needs_of_a_request(asking: Asking) -> None:
    headers = {
        "Accept-Language": "de",
        "Cookie": "regsearch-session=x",
        "X-Forwarded-For": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
        "Regsearch-Node": "guessed",
        "Regsearch-Caller": "forged",
        "X-Request-ID": "the-id",
    }
    answer = asking.get(f"{API}/tags/outer8/both/image?limit=3&match=a%2Fb", **headers)
    sent = asking.fake.headers
    assert answer.json() == {"from": "a fake"}
    assert asking.fake.target == f"{API}/tags/outer8/both/image?limit=3&match=a%2Fb"
    assert sent["accept-language"] == "de"
    assert sent["x-request-id"] == "the-id"
    assert not sent.keys() & {"authorization", "cookie", "x-forwarded-for", "forwarded"}
    assert sent["regsearch-node"] != "guessed"
    assert sent["regsearch-caller"] != "forged"


@pytest.mark.parametrize("place", ["%2e%2e/%2e%2e/metrics", "x/%2E/y", "%2e%2e%2fmetrics"])
def test_no_path_leads_out_of_what_is_fetched(asking: Asking, place: str) -> None:
    assert asking.get(f"{API}/repositories/outer8/{place}").status_code == 200
    path = asking.fake.target.removesuffix("?")
    assert path.startswith(f"{API}/repositories/outer8/")
    assert not {".", ".."} & set(path.split("/"))
